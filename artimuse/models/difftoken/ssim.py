"""SSIM of all patches of a pair at once: how alike two images are, patch by patch.

    patch_ssim(first, second)            # (3, 768, 1024) uint8 twice -> (24, 32)

A patch's SSIM is what scikit-image's `structural_similarity` gives for it alone, `data_range` being the whole
range of a channel, its mean over the channels: a uniform window of 7 x 7, sample covariance, K1 = .01,
K2 = .03, and only windows that lie inside the patch.

Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment" (2004); arXiv 2603.03907 (DiffToken) uses it
so.

With n pixels in a window, S the sum of its values and Q, P the sums of squares and of products,

    SSIM = (2 S_a S_b + C1 n^2) (2 (n P - S_a S_b) + C2 n (n-1))
         / ((S_a^2 + S_b^2 + C1 n^2) (n Q - S_a^2 - S_b^2 + C2 n (n-1)))

where for bytes all of S, P, Q and their differences are integers below 2^31: nothing cancels, so flat patches
are exact too, and swapping the images changes no bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

WINDOW = 7
K1, K2 = 0.01, 0.03
# Pixels of a channel that are worked on at once: what is in between stays in the cache, and a photograph of
# 24 megapixels takes no gigabytes.
STRIP = 1 << 17


def patch_ssim(first: Tensor, second: Tensor, patch: int = 32) -> Tensor:
    """Mean SSIM over the channels of every patch of two images.

    Args:
        first, second: (channels, rows * patch, columns * patch), uint8, or floating point in [0, 1].
        patch: side of a patch in pixels, 7 or more.

    Returns:
        (rows, columns) float32 (float64 of floating-point images) in [-1, 1]; 1 for equal patches.

    Raises:
        ValueError: for images of unequal size or type, or of a size that is no multiple of the patch.
    """
    _check(first, second, patch)
    rows = max(1, STRIP // (patch * first.shape[2]))
    strips = zip(first.split(rows * patch, 1), second.split(rows * patch, 1), strict=True)
    return torch.cat([_strip(a, b, patch) for a, b in strips])


def _check(first: Tensor, second: Tensor, patch: int) -> None:
    if patch < WINDOW:
        raise ValueError(f"SSIM: expected patches of {WINDOW} pixels or more, found {patch}")
    for image in (first, second):
        known = image.dtype == torch.uint8 or image.is_floating_point()
        if image.ndim != 3 or not known:
            raise ValueError(
                "SSIM: expected (channels, height, width) of uint8 or of floats in [0, 1], found "
                f"{tuple(image.shape)} of {image.dtype}"
            )
    height, width = first.shape[1:]
    if first.shape != second.shape or first.dtype != second.dtype:
        raise ValueError(
            "SSIM: expected two images of one size and type, found "
            f"{tuple(first.shape)} of {first.dtype} and {tuple(second.shape)} of {second.dtype}; "
            "bring them to one size first"
        )
    if 0 in first.shape or height % patch or width % patch:
        raise ValueError(
            f"SSIM: expected whole patches of {patch} pixels, found {width} x {height}; "
            "scale the images to multiples of the patch"
        )


def _strip(first: Tensor, second: Tensor, patch: int) -> Tensor:
    """(rows, columns) of a few rows of patches."""
    exact, result, peak = torch.float64, torch.float64, 1.0
    if first.dtype == torch.uint8:
        exact, result, peak = torch.int32, torch.float32, 255.0
    a, b = first.to(exact), second.to(exact)
    pixels = WINDOW * WINDOW
    sum_a, sum_b = _both_sums(a, b, patch)
    cross = sum_a * sum_b
    # Products, since torch squares integers forty times slower than it multiplies them.
    squares = sum_a.mul_(sum_a).add_(sum_b.mul_(sum_b))
    # n (n-1) times the covariance, and times the sum of both variances.
    covariance = _window_sums(a * b, patch).mul_(pixels).sub_(cross)
    variance = _window_sums(a.mul(a).add_(b.mul(b)), patch).mul_(pixels).sub_(squares)
    c1 = (K1 * peak) ** 2 * pixels**2
    c2 = (K2 * peak) ** 2 * pixels * (pixels - 1)
    # Both factors above are halved, and the whole is multiplied by 4 once it is small.
    above = cross.to(result).add_(c1 / 2).mul_(covariance.to(result).add_(c2 / 2))
    below = squares.to(result).add_(c1).mul_(variance.to(result).add_(c2))
    return above.div_(below).mean(dim=(0, 2, 4)).mul_(4)


def _both_sums(first: Tensor, second: Tensor, patch: int) -> tuple[Tensor, Tensor]:
    """The window sums of two images; of bytes in one go, as the sums take 14 bits each."""
    if first.dtype != torch.int32:
        return _window_sums(first, patch), _window_sums(second, patch)
    both = _window_sums(first.add(second, alpha=1 << 16), patch)
    return both & 0xFFFF, both >> 16


def _window_sums(values: Tensor, patch: int) -> Tensor:
    """(C,H,W) -> (C, rows, n, columns, n): the sums over all windows inside each patch, n = patch - 6."""
    channels, height, width = values.shape
    inside = patch - WINDOW + 1
    tall = _sums(values.view(channels, height // patch, patch, width), 2)
    return _sums(tall.view(channels, height // patch, inside, width // patch, patch), 4)


def _sums(values: Tensor, dim: int) -> Tensor:
    """Sums of seven neighbours along a dimension: 4 + 2 + 1, so four additions for six."""
    length = values.shape[dim]
    two = values.narrow(dim, 0, length - 1) + values.narrow(dim, 1, length - 1)
    four = two.narrow(dim, 0, length - 3) + two.narrow(dim, 2, length - 3)
    sums = four.narrow(dim, 0, length - 6) + two.narrow(dim, 4, length - 6)
    return sums.add_(values.narrow(dim, 6, length - 6))
