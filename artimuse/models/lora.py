"""LoRA on the transformers model, and what of a model is trained.

Modules are named by a regular expression, never "all-linear": that would put LoRA on heads too and save
only the delta of a random base.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from peft import LoraConfig as PeftLoraConfig
from peft import PeftModel, get_peft_model
from peft.utils import ModulesToSaveWrapper
from torch import Tensor, nn

from artimuse.config import ConfigError, LoraConfig


def add_lora(model: Any, family: Any, config: LoraConfig, *, base: str, seed: int) -> PeftModel:
    """Wrap a transformers model; everything but the adapter (and the projector, if asked) is frozen.

    Args:
        model: a transformers image-text-to-text model.
        family: names the default target modules and the projector.
        base: folder or hub id of the base, written into the adapter's configuration.

    Raises:
        ConfigError: when the regular expression matches no linear layer.
    """
    target = config.target or family.lora_target
    peft_config = PeftLoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # a float is as good
        lora_dropout=config.dropout,
        target_modules=target,
        modules_to_save=[family.projector] if config.projector else None,
        base_model_name_or_path=base,
    )
    model.name_or_path = base
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.manual_seed(seed)
        # peft 0.21 asks transformers 5 by a name that is on its way out.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
        try:
            wrapped = get_peft_model(model, peft_config)
        except ValueError as error:
            if "Target modules" not in str(error):
                raise
            some = [name for name, m in model.named_modules() if isinstance(m, nn.Linear)][:5]
            raise ConfigError(
                f"model.lora.target: {target!r} matches no linear layer; their names are like "
                f"{', '.join(some)}"
            ) from error
    # PEFT does not write the name of a model that was not loaded by name.
    wrapped.peft_config["default"].base_model_name_or_path = base
    assert isinstance(wrapped, PeftModel)
    for module in wrapped.modules():
        if isinstance(module, ModulesToSaveWrapper):
            _train_in_float32(module.modules_to_save["default"])
    return wrapped


def _train_in_float32(module: nn.Module) -> None:
    """Keep a fully trained part of a bf16 base in float32, where small updates do not round away."""
    dtype = next(module.parameters()).dtype
    if dtype == torch.float32:
        return

    def inputs_to_float32(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(tensor.float() for tensor in inputs)

    def output_as_the_base(_: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return output.to(dtype)

    module.float()
    module.register_forward_pre_hook(inputs_to_float32)
    module.register_forward_hook(output_as_the_base)


def trained_counts(model: nn.Module, family: Any) -> dict[str, tuple[int, int]]:
    """Per part (vision, projector, language, head, read-out): trainable and total parameters."""
    parts = {
        family.vision: "vision",
        family.projector: "projector",
        "language_model": "language",
        "lm_head": "head",
        "readout": "read-out",
        "links": "links",
    }
    counts: dict[str, tuple[int, int]] = {}
    for name, parameter in model.named_parameters():
        pieces = name.split(".")
        part = next((label for key, label in parts.items() if key in pieces), "other")
        trainable, total = counts.get(part, (0, 0))
        number = parameter.numel()
        counts[part] = (trainable + number * parameter.requires_grad, total + number)
    return counts
