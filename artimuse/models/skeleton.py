"""A model without weights: the real modules, with shapes and types in place of numbers.

    model = skeleton(config, texts=..., datasets=..., dtype=torch.bfloat16)
    model(batch)                # shapes and graph of the real model's, from a real batch, in no memory

An 8B model takes seconds and a few megabytes. Parameters are torch's fake tensors: whatever is computed with
them has a shape, a type and a graph, but no numbers, while token ids, grids and masks stay real, so that code
which looks at them runs as it does in training. The base's configuration and tokenizer have to be there, its
weights not.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from artimuse.config import ModelConfig
from artimuse.models.adapter import adapter_without_weights
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.base import base_folder
from artimuse.models.build import make_trainable, model_info
from artimuse.models.folder import assemble, is_model_folder, read_info
from artimuse.models.readouts import words_of
from artimuse.models.scratch import scratch_family
from artimuse.models.stock import from_config, load_family, read_config
from artimuse.prompts import protocol


def skeleton(
    config: ModelConfig,
    *,
    texts: Iterable[str] = (),
    datasets: Sequence[str] = (),
    dtype: torch.dtype = torch.float32,
) -> AestheticModel:
    """What `build_model` builds with the same arguments, trained and frozen alike, without its numbers.

    A 4-bit base is in `dtype`; adapters, read-out and whatever is fully trained are in float32.

    Raises:
        ConfigError: for a base whose configuration is neither here nor to be had.
        ValueError: for one that `build_model` refuses.
    """
    info = model_info(config, datasets, hashed=False)
    adapter: Path | None = None
    if config.scratch is not None:
        words = words_of(info.readout) if info.readout else ()
        family, architecture = scratch_family(
            config.scratch, texts, protocol=protocol(info.prompt), images=info.images, words=words
        )
    else:
        folder, adapter = _folders(config)
        architecture = read_config(folder)
        family = load_family(adapter or folder, architecture, protocol(info.prompt), info.images)
    with torch.device("meta"):
        # transformers changes the sub-configurations that it is given.
        backbone: Any = from_config(
            copy.deepcopy(architecture), dtype=dtype, attn_implementation="sdpa"
        )
        if adapter is not None and config.tuning == "lora":
            backbone = adapter_without_weights(backbone, adapter)
        model = make_trainable(config, assemble(backbone, family, info), seed=0)
    return without_numbers(model)


def without_numbers(model: AestheticModel) -> AestheticModel:
    """A model that was built on the meta device, ready for a forward pass on real batches."""
    _fake_tensors(model)
    fuse_dropout(model)
    _index_by_rows(model.transformers_model)
    return model


def _folders(config: ModelConfig) -> tuple[Path, Path | None]:
    """The folders of the architecture, and of the adapter that the base is, if it is one."""
    assert config.base is not None
    folder = base_folder(config.base, weights=False)
    known = read_info(folder) if is_model_folder(folder) else None
    if known is None or known.tuning != "lora":
        return folder, None
    assert known.base is not None
    return base_folder(known.base, weights=False), folder


def _fake_tensors(model: nn.Module) -> None:
    """Every parameter and buffer of a model on the meta device becomes a fake tensor of the CPU.

    On the CPU and not on "meta", so that autocast takes them for what they are.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    made: dict[int, Tensor] = {}

    def fake(tensor: Tensor) -> Tensor:
        # Tied weights stay tied.
        if id(tensor) not in made:
            bare = FakeTensor(mode, tensor.detach(), torch.device("cpu"))
            parameter = isinstance(tensor, nn.Parameter)
            made[id(tensor)] = (
                nn.Parameter(bare, requires_grad=tensor.requires_grad) if parameter else bare
            )
        return made[id(tensor)]

    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    tensors[name] = fake(tensor)  # type: ignore[assignment]


def fuse_dropout(model: nn.Module) -> None:
    """Dropout as a GPU has it, whose kernel keeps a byte a number; the CPU keeps a whole number."""
    for module in model.modules():
        if isinstance(module, nn.Dropout) and module.p:
            module.forward = MethodType(_fused_dropout, module)


def _fused_dropout(self: nn.Dropout, hidden: Tensor) -> Tensor:
    return torch.native_dropout(hidden, self.p, self.training)[0]


def _index_by_rows(model: Any) -> None:
    """Qwen3-VL adds visual features where a mask says so; how many rows that is, a fake tensor must be told."""
    language: Any = getattr(getattr(model, "model", None), "language_model", None)
    if hasattr(language, "_deepstack_process"):
        language._deepstack_process = MethodType(_add_at_rows, language)


def _add_at_rows(self: Any, hidden: Tensor, mask: Tensor, features: Tensor) -> Tensor:
    del self
    hidden, rows = hidden.clone(), mask.nonzero(as_tuple=True)
    hidden[rows] = hidden[rows] + features.to(hidden.dtype)
    return hidden
