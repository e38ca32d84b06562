"""AdamW in groups, and a learning rate that is a function of the step alone."""

from __future__ import annotations

import math

import torch
from torch import nn

from artimuse.config import TrainConfig


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW over the trainable parameters, in up to four groups.

    Weight decay acts on matrices only: biases, norms, layer scales and links are left alone. Read-out and
    links have a learning rate of their own.

    Raises:
        ValueError: when nothing is trainable.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            head = name.startswith(("readout.", "links."))
            groups.setdefault((head, parameter.ndim > 1), []).append(parameter)
    if not groups:
        raise ValueError("nothing to train: every parameter is frozen")
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "base_lr": (config.readout_lr or config.lr) if head else config.lr,
                "weight_decay": config.weight_decay if matrix else 0.0,
            }
            for (head, matrix), parameters in sorted(groups.items(), key=lambda group: group[0])
        ],
        lr=config.lr,
        betas=config.betas,
    )


def lr_factor(step: int, steps: int, config: TrainConfig) -> float:
    """What the base learning rates are multiplied by in a step (counted from 0) of a run of `steps`."""
    warmup = max(1, round(config.warmup_frac * steps)) if config.warmup_frac else 0
    if step < warmup:
        return (step + 1) / warmup
    if config.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def set_lr(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Every group's learning rate = its base_lr x factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
