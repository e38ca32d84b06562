"""The patch embedding as a product: equal to the convolution, forward and backward; Qwen-VL has it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from artimuse.models.aesthetic import AestheticModel
from artimuse.models.patch_embedding import FlatConv3d, flatten_patches

KERNEL = (2, 14, 14)


@pytest.mark.parametrize("bias", [True, False])
def test_equal_to_the_convolution(bias: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Conv3d(3, 16, KERNEL, stride=KERNEL, bias=bias)
    flat = nn.Conv3d(3, 16, KERNEL, stride=KERNEL, bias=bias)
    flat.load_state_dict(plain.state_dict())
    flatten_patches(flat)
    given = torch.randn(6, 3, *KERNEL)
    ends = []
    for module in (plain, flat):
        own = given.clone().requires_grad_()
        out = module(own)
        out.square().sum().backward()
        ends.append([out, own.grad, *(p.grad for p in module.parameters())])
    assert type(flat) is FlatConv3d
    for one, other in zip(*ends, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Conv3d(3, 4, KERNEL, padding=1),
        lambda: nn.Conv3d(3, 4, (1, 7, 7)),
        lambda: nn.Conv3d(3, 6, KERNEL, groups=3),
    ],
)
def test_other_convolutions_stay_what_they_are(make: Callable[[], nn.Module]) -> None:
    module, given = make(), torch.randn(2, 3, *KERNEL)
    expected = module(given)
    flatten_patches(module)
    assert torch.equal(module(given), expected)


def test_qwen_has_it(family_model: AestheticModel) -> None:
    found = [m for m in family_model.modules() if isinstance(m, nn.Conv3d)]
    assert bool(found) == family_model.family.name.startswith("qwen")
    assert all(type(module) is FlatConv3d for module in found)
