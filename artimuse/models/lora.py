"""LoRA on the transformers model: put there, continued, merged.

Modules are named by regular expressions, never "all-linear": that would put LoRA on heads too and save
only the delta of a random base. PEFT wraps the transformers model, never one of our own around it.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import torch
from peft import LoraConfig as PeftLoraConfig
from peft import PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import ModulesToSaveWrapper
from torch import nn

from artimuse.config import ConfigError, LoraConfig
from artimuse.models.parts import Tuning, part_modules, part_of
from artimuse.models.precision import train_in_float32


def add_lora(
    model: Any, family: Any, config: LoraConfig, tuning: Tuning, *, base: str, seed: int
) -> PeftModel:
    """Wrap a transformers model; everything but adapters and fully trained parts is frozen.

    Args:
        model: a transformers image-text-to-text model.
        family: names the default target modules, the vision tower and the projector.
        base: folder or hub id of the base, written into the adapter's configuration.

    Raises:
        ConfigError: when a regular expression matches no linear layer, or one outside its part.
    """
    peft_config = PeftLoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # a float is as good
        lora_dropout=config.dropout,
        use_rslora=config.rslora,
        use_dora=config.dora,
        target_modules=_target(model, family, config, tuning),
        modules_to_save=list(part_modules(model, family, tuning.parts("full"))) or None,
        base_model_name_or_path=base,
    )
    model.name_or_path = base
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.manual_seed(seed)
        # peft 0.21 asks transformers 5 by a name that is on its way out.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
        wrapped = get_peft_model(model, peft_config)
    # PEFT does not write the name of a model that was not loaded by name.
    wrapped.peft_config["default"].base_model_name_or_path = base
    assert isinstance(wrapped, PeftModel)
    for module in fully_trained(wrapped):
        train_in_float32(module)
    return wrapped


def _target(model: nn.Module, family: Any, config: LoraConfig, tuning: Tuning) -> str:
    """One regular expression over module names, checked to match linear layers of the right parts only."""
    targets = {"target": ("language", config.target or family.lora_target)}
    if tuning.vision == "lora":
        targets["vision_target"] = ("vision", config.vision_target or family.vision_lora_target)
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    for key, (part, target) in targets.items():
        try:
            matched = [name for name in linears if re.fullmatch(target, name)]
        except re.error as error:
            raise ConfigError(
                f"model.lora.{key}: {target!r}: expected a regular expression: {error}"
            ) from error
        if not matched:
            raise ConfigError(
                f"model.lora.{key}: {target!r} matches no linear layer; their names are like "
                f"{', '.join(linears[:5])}"
            )
        outside = [name for name in matched if part_of(name, family) != part]
        if outside:
            raise ConfigError(
                f"model.lora.{key}: {target!r} matches {outside[0]}, which is no part of the {part} "
                f"model; expected names inside it alone"
            )
    patterns = [target for _, target in targets.values()]
    if tuning.projector == "lora":
        inside = [re.escape(name) for name in linears if part_of(name, family) == "projector"]
        patterns.append("|".join(inside))
    return patterns[0] if len(patterns) == 1 else "|".join(f"(?:{p})" for p in patterns)


def fully_trained(model: nn.Module) -> list[nn.Module]:
    """The modules that an adapter holds as a whole (`modules_to_save`)."""
    wrappers = (m for m in model.modules() if isinstance(m, ModulesToSaveWrapper))
    return [wrapper.modules_to_save["default"] for wrapper in wrappers]


def tuning_of(model: nn.Module, family: Any) -> Tuning:
    """How the parts of a transformers model are trained, read off the model itself."""
    found: dict[str, str] = {"language": "frozen", "vision": "frozen", "projector": "frozen"}
    for name, module in model.named_modules():
        if isinstance(module, BaseTunerLayer):
            found[part_of(name, family)] = "lora"
    for name, parameter in model.named_parameters():
        if found.get(part_of(name, family)) == "frozen" and parameter.requires_grad:
            found[part_of(name, family)] = "full"
    kept = ("language", "vision", "projector")
    return Tuning(**{part: found[part] for part in kept})  # type: ignore[arg-type]


def require_same_settings(model: PeftModel, config: LoraConfig, *, folder: str) -> None:
    """Raise ConfigError when a recipe's LoRA settings are not those of the adapter that it continues."""
    adapter: Any = model.peft_config["default"]
    asked = config.model_dump(exclude={"target", "vision_target"})
    found = {
        "rank": adapter.r,
        "alpha": adapter.lora_alpha,
        "dropout": adapter.lora_dropout,
        "rslora": adapter.use_rslora,
        "dora": adapter.use_dora,
    }
    for target in (config.target, config.vision_target):
        whole = str(adapter.target_modules)
        if target is not None and target != whole and f"(?:{target})" not in whole:
            asked["target"], found["target"] = repr(target), repr(whole)
    different = [key for key in asked if asked[key] != found[key]]
    if different:
        there, here = (
            ", ".join(f"{key} {values[key]}" for key in different) for values in (found, asked)
        )
        raise ConfigError(
            f"model.lora: {folder} holds an adapter of {there}, found {here}: leave model.lora out to "
            "continue the adapter as it is; or merge it (scripts/export.py) and start a new one on that"
        )


def merge_adapter(model: PeftModel) -> Any:
    """The transformers model with adapters and fully trained parts as its own weights.

    Raises:
        ValueError: for an adapter with weights that are not finite.
    """
    merged = model.merge_and_unload(safe_merge=True)
    merged.requires_grad_(True)
    return merged
