"""Qwen-VL's patch embedding as the matrix product that it is.

    flatten_patches(transformers_model)

Its image processor cuts the patches out already, and a Conv3d whose kernel covers its whole input then makes
one vector of each. A convolution over thousands of such inputs is slow: 3 times the product's time on a CPU,
more on some pairs of torch and cuDNN. The module, its parameters and their names stay, so checkpoints do too.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class FlatConv3d(nn.Conv3d):
    """nn.Conv3d; an input of the kernel's own size is multiplied."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, *kernel) -> (N, out, 1, 1, 1); other sizes as nn.Conv3d has them."""
        covers = input.dim() == 5 and tuple(input.shape[2:]) == self.kernel_size
        if not covers or any(self.padding) or self.groups != 1 or set(self.dilation) != {1}:
            return super().forward(input)
        product = F.linear(input.flatten(1), self.weight.flatten(1), self.bias)
        return product[:, :, None, None, None]


def flatten_patches(model: nn.Module) -> None:
    """Turn the plain Conv3d of a model into `FlatConv3d`."""
    for module in model.modules():
        if type(module) is nn.Conv3d:
            module.__class__ = FlatConv3d
