"""AdamW in groups, and a learning rate that is a function of the step alone."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from artimuse.config import ConfigError, TrainConfig
from artimuse.models.parts import part_of


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW over the trainable parameters, in groups of one learning rate and weight decay.

    Weight decay acts on matrices only: biases, norms, layer scales and links are left alone. A part has a
    learning rate of its own where the configuration gives it one: read-out and links, vision tower,
    projector (told apart by the model's `family`).

    Raises:
        ValueError: when nothing is trainable. A ConfigError (which is one) for the learning rate of a part
            of which nothing is trained.
    """
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
    family: Any = getattr(model, "family", None)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = _rate_of(name, family, config)
            groups.setdefault((key, parameter.ndim > 1), []).append(parameter)
    if not groups:
        raise ValueError("nothing to train: every parameter is frozen")
    for part in ("vision", "projector"):
        key = f"{part}_lr"
        if getattr(config, key) is not None and key not in {used for used, _ in groups}:
            raise ConfigError(
                f"train.{key}: nothing of the {part} is trained, so there is nothing to have a learning rate; "
                f"leave it out, or set model.{part} to lora or full"
            )
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "name": key,
                "base_lr": getattr(config, key),
                "weight_decay": config.weight_decay if matrix else 0.0,
            }
            for (key, matrix), parameters in sorted(groups.items(), key=lambda group: group[0])
        ],
        lr=config.lr,
        betas=config.betas,
    )


def _rate_of(name: str, family: Any, config: TrainConfig) -> str:
    """The setting that a parameter's learning rate is: `lr`, or that of its part where it is given."""
    if name.startswith(("readout.", "links.")):
        key = "readout_lr"
    elif family is not None and (part := part_of(name, family)) in ("vision", "projector"):
        key = f"{part}_lr"
    else:
        return "lr"
    return "lr" if getattr(config, key) is None else key


def lr_factor(step: int, steps: int, config: TrainConfig) -> float:
    """What the base learning rates are multiplied by in a step (counted from 0) of a run of `steps`."""
    warmup = max(1, round(config.warmup_frac * steps)) if config.warmup_frac else 0
    if step < warmup:
        return (step + 1) / warmup
    if config.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def learning_rates(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """The learning rate of every group by the setting that it has it from: lr, readout_lr, ..."""
    return {group["name"]: group["lr"] for group in optimizer.param_groups}


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Every group's learning rate = its base_lr x factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
