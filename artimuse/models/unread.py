"""A linear layer whose value nobody reads: its product is left out, its gradients are not.

    with unread(mlp.down_proj):
        out = mlp(tokens)                # zeros, and LoRA's part, where the product would be
    torch.autograd.grad(out, ...)        # as with the product

The backward pass of a product needs its two factors, and never what came out. Where something is computed
again for its gradients alone, its last product is so much work for nothing; torch's checkpointing leaves it out
where it is the last operation, and does the product where LoRA adds to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from torch.nn import functional as F

from artimuse.models.cpu_linear import OneDNNLinear, by_onednn, linear_gradients, product


@contextmanager
def unread(layer: nn.Module) -> Iterator[None]:
    """Let a linear layer, plain or with LoRA, give zeros in its product's place.

    Nothing changes for a layer that uses the product in another way than as a summand (DoRA, and other
    variants of LoRA), for weights of another type (quantized), and under autocast.
    """
    base = _summand(layer)
    if base is None:
        yield
        return
    base.forward = MethodType(_zeros, base)
    try:
        yield
    finally:
        del base.forward


def _summand(layer: nn.Module) -> nn.Linear | None:
    """The layer whose product is the output, or a summand of it."""
    if type(layer) is LoraLinear and not layer.lora_variant:
        layer = layer.base_layer
    plain = type(layer) in (nn.Linear, OneDNNLinear) and "forward" not in layer.__dict__
    return layer if plain else None  # type: ignore[return-value]


def _zeros(layer: nn.Linear, given: Tensor) -> Tensor:
    if given.dtype != layer.weight.dtype or torch.is_autocast_enabled(given.device.type):
        return type(layer).forward(layer, given)
    multiply = product if by_onednn(layer, given) else F.linear
    found: Any = _Unread.apply(given, layer.weight, layer.bias, multiply)
    return found


class _Unread(torch.autograd.Function):
    """nn.functional.linear without its value."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, given: Tensor, weight: Tensor, bias: Tensor | None, multiply: Any
    ) -> Tensor:
        ctx.multiply, needed = multiply, ctx.needs_input_grad
        ctx.save_for_backward(given if needed[1] else None, weight if needed[0] else None)
        return given.new_zeros(*given.shape[:-1], len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        given, weight = ctx.saved_tensors
        needed = ctx.needs_input_grad
        return *linear_gradients(needed, given, weight, gradient, ctx.multiply), None
