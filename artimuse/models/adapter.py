"""An adapter folder around a transformers model, through PEFT's own loading; nothing is left out in silence."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from peft import (
    PeftConfig,
    PeftModel,
    get_peft_model,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from safetensors.torch import load_file

from artimuse.models.lora import fully_trained
from artimuse.models.precision import train_in_float32
from artimuse.models.weight_files import incomplete, present

ADAPTER_FILE = "adapter_model.safetensors"
NEW_TOKENS = (
    "embeddings that grew with new tokens are not supported in an adapter: resize the base's, save it, and "
    "train on that"
)


def attach_adapter(backbone: Any, folder: Path, *, trainable: bool = False) -> PeftModel:
    """PEFT's own loading of an adapter folder around a transformers model.

    Args:
        trainable: everything in it requires gradients, and fully trained parts are float32 as saved,
            whatever the base's type.

    Raises:
        ValueError: when weights of the adapter are missing; PEFT would leave them at their start. And for
            weights that belong to no part of it, such as embeddings that grew with new tokens. See also
            `_settings`.
    """
    written = load_file(present(folder, ADAPTER_FILE))
    _settings(folder)
    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5 by a name that is on its way out.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
        warnings.filterwarnings("ignore", message="Found missing adapter keys")
        try:
            adapted = PeftModel.from_pretrained(backbone, folder, is_trainable=trainable)
        except KeyError as error:  # a fully trained part, which PEFT looks up by name
            raise ValueError(incomplete(folder / ADAPTER_FILE, error.args)) from error
        except RuntimeError as error:
            if "size mismatch" not in str(error):
                raise
            raise ValueError(
                f"{folder / ADAPTER_FILE}: its weights do not fit the base {backbone.name_or_path!r}: "
                f"{error}\n  {NEW_TOKENS}"
            ) from error
    expected = adapter_state(adapted).keys()
    missing, extra = sorted(expected - written.keys()), sorted(written.keys() - expected)
    if missing:
        raise ValueError(incomplete(folder / ADAPTER_FILE, missing))
    if extra:
        raise ValueError(
            f"{folder / ADAPTER_FILE}: found weights that belong to no adapter and no part named in "
            f"adapter_config.json: {', '.join(extra[:3])} ({len(extra)} in all); {NEW_TOKENS}"
        )
    if trainable:
        for module in fully_trained(adapted):
            train_in_float32(module)
        # Again, now that there is room for all of their digits.
        set_peft_model_state_dict(adapted, written)
    return adapted


def adapter_without_weights(backbone: Any, folder: Path) -> PeftModel:
    """What `attach_adapter` makes of a folder to train it further, as a fresh adapter of its settings."""
    settings = _settings(folder)
    settings.inference_mode = False
    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5 by a name that is on its way out.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
        adapted = get_peft_model(backbone, settings)
    assert isinstance(adapted, PeftModel)
    for module in fully_trained(adapted):
        train_in_float32(module)
    return adapted


def _settings(folder: Path) -> PeftConfig:
    """What adapter_config.json says; read before PEFT acts on it.

    Raises:
        ValueError: for another adapter than LoRA (some load further models that the file names), and for
            Megatron, for which PEFT imports a module that the file names.
    """
    path = present(folder, "adapter_config.json")
    written = json.loads(path.read_text(encoding="utf-8"))
    if written.get("peft_type") != "LORA":
        raise ValueError(f"{path}: expected peft_type LORA, found {written.get('peft_type')!r}")
    if written.get("megatron_config") is not None:
        raise ValueError(
            f"{path}: names code to import (megatron_config, megatron_core: "
            f"{written.get('megatron_core')!r}), which is not run: expected a LoRA adapter without it"
        )
    return PeftConfig.from_pretrained(str(folder))


def adapter_state(backbone: PeftModel) -> dict[str, torch.Tensor]:
    """What PEFT writes of an adapter, by its names on disk."""
    state = get_peft_model_state_dict(backbone, save_embedding_layers=False)
    return {name: tensor.detach().cpu() for name, tensor in state.items()}
