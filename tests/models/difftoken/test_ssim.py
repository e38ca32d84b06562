"""SSIM of all patches at once is scikit-image's of each patch alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pictures import noise, photograph, retouched
from PIL import Image
from skimage.metrics import structural_similarity
from torch import Tensor

from artimuse.models.difftoken import patch_ssim
from artimuse.models.difftoken.sizes import AXES, pair_sizes, planes, resized


def patch_by_patch(first: Tensor, second: Tensor, patch: int = 32) -> np.ndarray:
    """scikit-image on every patch and channel, in float64."""
    height, width = first.shape[1] // patch, first.shape[2] // patch
    peak = 255.0 if first.dtype == torch.uint8 else 1.0
    a, b = first.numpy().astype(np.float64) / peak, second.numpy().astype(np.float64) / peak
    result = np.zeros((height, width))
    for row, column in np.ndindex(height, width):
        place = np.s_[row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
        result[row, column] = np.mean(
            [
                structural_similarity(x[place], y[place], data_range=1.0)
                for x, y in zip(a, b, strict=True)
            ]
        )
    return result


def agrees(first: Tensor, second: Tensor, patch: int = 32) -> None:
    found = patch_ssim(first, second, patch)
    expected = patch_by_patch(first, second, patch)
    assert found.shape == expected.shape
    assert np.abs(found.numpy() - expected).max() < 1e-5


def brought_together(first: Image.Image, second: Image.Image, axis: int) -> tuple[Tensor, Tensor]:
    """The area that two images have in common once they are brought to one width or height."""
    sizes = pair_sizes(
        first.size, second.size, AXES[axis], budget=128, patch=16, short_side=96, most_patches=64
    )
    images = [planes(resized(i, s)) for i, s in zip((first, second), sizes, strict=True)]
    height, width = (min(image.shape[side] for image in images) for side in (1, 2))
    one, other = (image[:, :height, :width] for image in images)
    return one, other


def test_random_pairs() -> None:
    agrees(planes(noise(160, 96, 1)), planes(noise(160, 96, 2)))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("sizes", [((200, 150), (260, 170)), ((96, 210), (300, 120))])
def test_real_looking_pairs_of_unequal_size(
    sizes: tuple[tuple[int, int], tuple[int, int]], axis: int
) -> None:
    first, second = photograph(*sizes[0]), retouched(photograph(*sizes[1]))
    agrees(*brought_together(first, second, axis))


@pytest.mark.parametrize("axis", [0, 1])
def test_random_pairs_of_unequal_size(axis: int) -> None:
    agrees(*brought_together(noise(130, 90, 1), noise(70, 170, 2), axis))


def test_flat_patches_are_exact() -> None:
    """Where variances are small against means, single precision would lose them."""
    first = torch.full((3, 64, 96), 251, dtype=torch.uint8)
    second = first.clone()
    second[:, ::3, ::5] = 252
    second[0, 32:] = 250
    agrees(first, second)
    exact, found = patch_by_patch(first, second), patch_ssim(first, second)
    assert np.abs(found.numpy() - exact).max() < 1e-6


def test_floats_and_other_patches() -> None:
    first, second = torch.rand(2, 3, 48, 64, dtype=torch.float64, generator=torch.manual_seed(0))
    agrees(first, second, 16)
    bytes_of = [(image * 255).to(torch.uint8) for image in (first, second)]
    floats = [image.float() / 255 for image in bytes_of]
    torch.testing.assert_close(
        patch_ssim(bytes_of[0], bytes_of[1], 8),
        patch_ssim(floats[0], floats[1], 8).float(),
        atol=1e-6, rtol=0,
    )  # fmt: skip


def test_equal_patches_are_one_and_swapping_changes_no_bit() -> None:
    first, second = planes(photograph(192, 128)), planes(noise(192, 128))
    assert torch.equal(patch_ssim(first, first), torch.ones(4, 6))
    assert torch.equal(patch_ssim(first, second), patch_ssim(second, first))


def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = planes(photograph(192, 320, 1)), planes(photograph(192, 320, 2))
    whole = patch_ssim(first, second)
    monkeypatch.setattr("artimuse.models.difftoken.ssim.STRIP", 2 * 32 * 192)
    torch.testing.assert_close(patch_ssim(first, second), whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("first", "second", "patch", "message"),
    [
        (torch.zeros(3, 64, 64), torch.zeros(3, 64, 32), 32, "one size and type"),
        (torch.zeros(3, 64, 64), torch.zeros(3, 64, 64).byte(), 32, "one size and type"),
        (torch.zeros(3, 60, 64), torch.zeros(3, 60, 64), 32, "64 x 60; scale"),
        (torch.zeros(64, 64), torch.zeros(64, 64), 32, "channels, height, width"),
        (torch.zeros(3, 64, 64).int(), torch.zeros(3, 64, 64).int(), 32, "int32"),
        (torch.zeros(3, 12, 12), torch.zeros(3, 12, 12), 6, "7 pixels or more, found 6"),
    ],
)
def test_what_cannot_be_compared_is_said(
    first: Tensor, second: Tensor, patch: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        patch_ssim(first, second, patch)
