"""Float32 matrix products of inference on a CPU by oneDNN, in place of the BLAS that torch was built with.

    use_onednn(model)          # its linear layers, under torch.inference_mode()

The packages of torch for x86 carry MKL, which leaves the wide vectors of other makers' processors unused: on an
AMD EPYC with AVX-512 the products of a language model took MKL 2.2 times as long as oneDNN, which the same
packages carry too. torch asks it for half precision only. The sums are added up in another order, so results
differ in the last bits of float32.

Training is left as it is, no-gradient parts included: its numbers must not depend on whether a model has been
asked for a score in between.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEWEST_ROWS = 8
"""With fewer a product is bound by reading the weights, and both are alike."""


class OneDNNLinear(nn.Linear):
    """nn.Linear; see above."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        if not _applies(input, self.weight):
            return F.linear(input, self.weight, self.bias)
        # What torch.compile calls for a linear layer; there is no public name for it.
        return torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "none", [], "")


def use_onednn(model: nn.Module) -> None:
    """Turn the plain linear layers of a model into `OneDNNLinear`, where this torch has what they need."""
    if not torch.backends.mkldnn.is_available() or not hasattr(
        torch.ops.mkldnn, "_linear_pointwise"
    ):
        return
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = OneDNNLinear


def _applies(given: Tensor, weight: Tensor) -> bool:
    return (
        torch.is_inference_mode_enabled()
        and given.device.type == "cpu"
        and given.dtype == weight.dtype == torch.float32
        and given.numel() >= FEWEST_ROWS * given.shape[-1]
        and not torch.is_autocast_enabled("cpu")
    )
