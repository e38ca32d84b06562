"""Float32 master weights for what is trained beside a bf16 base: small updates round away in bf16."""

from __future__ import annotations

from typing import Any

import torch
from accelerate.utils import recursively_apply
from torch import Tensor, nn


def train_in_float32(module: nn.Module) -> None:
    """Keep a fully trained part of a bf16 base in float32; around it everything stays as it was.

    Its inputs are widened and its outputs narrowed to the base's type, also where they are nested in
    tuples or in transformers' outputs. Under autocast its matrix products still run in bf16.
    """
    dtype = next(p.dtype for p in module.parameters() if p.is_floating_point())
    if dtype == torch.float32:
        return

    def widen(_: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return _cast(args, torch.float32), _cast(kwargs, torch.float32)

    def narrow(_: nn.Module, args: Any, output: Any) -> Any:
        return _cast(output, dtype)

    module.float()
    module.register_forward_pre_hook(widen, with_kwargs=True)
    module.register_forward_hook(narrow)


def _cast(tree: Any, dtype: torch.dtype) -> Any:
    def convert(tensor: Tensor) -> Tensor:
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    return recursively_apply(convert, tree)
