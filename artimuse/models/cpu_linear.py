"""Float32 matrix products on a CPU by oneDNN, in place of the BLAS that torch was built with.

    use_onednn(model)                     # its linear layers, under torch.inference_mode()
    use_onednn(model, trained=True)       # and while it is trained, forward and backward

The packages of torch for x86 carry MKL, which leaves processors of other makers their wide vectors unused: on
an AMD EPYC with AVX-512 the products of a language model took MKL 2.2 times as long as oneDNN, which the same
packages carry too. torch asks it for half precision only. The sums are added up in another order, so that
results differ in the last bits of float32.

Whether training does so is said once, by its settings: its numbers must not depend on whether a model has been
asked for a score in between.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# oneDNN keeps a kernel for every shape that it has met, 1,024 of them, and so does torch's layer above it; a
# row of trees is as long as it is: that is 15 MB a length, which speed up nothing. Read when oneDNN is first
# asked.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
os.environ.setdefault("LRU_CACHE_CAPACITY", "32")

FEWEST_ROWS = 8
"""With fewer a product is bound by reading the weights, and both are alike."""
NARROWEST = 32
"""A layer with fewer inputs or outputs, as LoRA's are, is left to BLAS: kernels for it would take the place of
those that save more."""


class OneDNNLinear(nn.Linear):
    """nn.Linear; see above."""

    trained = False

    def forward(self, input: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        if not _applies(input, self.weight, trained=self.trained):
            return F.linear(input, self.weight, self.bias)
        if torch.is_inference_mode_enabled():
            return product(input, self.weight, self.bias)
        traced: Any = _Traced.apply(input, self.weight, self.bias)
        return traced


def by_onednn(layer: nn.Module, given: Tensor) -> bool:
    """Whether a layer would multiply so, for who takes its product apart."""
    return isinstance(layer, OneDNNLinear) and _applies(given, layer.weight, trained=layer.trained)


def use_onednn(model: nn.Module, *, trained: bool | None = None) -> None:
    """Turn the plain linear layers of a model into `OneDNNLinear`, where this torch has what they need.

    Args:
        trained: whether they multiply so in training too; None leaves that as it is, which is no at first.
    """
    if not has_onednn():
        return
    for module in model.modules():
        if type(module) is nn.Linear and min(module.weight.shape) >= NARROWEST:
            module.__class__ = OneDNNLinear
        if trained is not None and isinstance(module, OneDNNLinear):
            module.trained = trained


def has_onednn() -> bool:
    """Whether this torch has what `product` calls."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _applies(given: Tensor, weight: Tensor, *, trained: bool) -> bool:
    return (
        (trained or torch.is_inference_mode_enabled())
        and given.device.type == "cpu"
        and given.dtype == weight.dtype == torch.float32
        and given.numel() >= FEWEST_ROWS * given.shape[-1]
        and not torch.is_autocast_enabled("cpu")
    )


def product(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """left @ right.T + bias; views are read as they lie."""
    # What torch.compile calls for a linear layer; there is no public name for it.
    return torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")


class _Traced(torch.autograd.Function):
    """The three products of a linear layer: its output, and the gradients of its input and its weight."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, given: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        needed = ctx.needs_input_grad
        ctx.save_for_backward(given if needed[1] else None, weight if needed[0] else None)
        return product(given, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        given, weight = ctx.saved_tensors
        return linear_gradients(ctx.needs_input_grad, given, weight, gradient, product)


def linear_gradients(
    needed: Sequence[bool], given: Tensor, weight: Tensor, gradient: Tensor, multiply: Any
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Of a linear layer: the gradients of its input, weight and bias, each where it is needed.

    Args:
        given: (..., in), read for the weight's alone. weight: (out, in), read for the input's alone.
        gradient: (..., out). multiply: left, right -> left @ right.T.
    """
    rows = gradient.flatten(0, -2)
    return (
        multiply(gradient, weight.t()) if needed[0] else None,
        multiply(rows.t(), given.flatten(0, -2).t()) if needed[1] else None,
        rows.sum(0) if needed[2] else None,
    )
