"""The sizes that images are brought to under `corrected`, so that they are whole patches of 2 x `patch` pixels.

A pair's images get one width, or one height (the larger, so nothing is scaled down for it), and then one common
factor:

- enlarged where one of them has no more than `budget` tokens' worth of pixels: to 1.2 x budget, with the short
  side at least `short_side` [the paper's];
- scaled down where one of them has more than `most_patches` patches, since most of a larger image would have to
  be dropped [ours: the released code keeps a random part of it];
- both sides rounded to the nearest multiple of 2 x patch [ours: the released code pads with black or crops].

An image is resampled at most once, by Lanczos, and not at all where it has its size already.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from artimuse.records import DataError

Size = tuple[int, int]
"""(width, height) in pixels."""

Axis = Literal["width", "height"]
AXES: tuple[Axis, Axis] = ("width", "height")
ENLARGED = 1.2
"""An image below the budget is enlarged to so many times the budget."""

LONGEST = 200
"""Times the short side: a longer image is refused, as its one row of patches would say nothing of it."""


def check_shape(size: Size) -> None:
    """Refuse an image that is more than 200 times longer than wide.

    Raises:
        DataError: for such an image.
    """
    width, height = size
    if max(size) > LONGEST * min(size):
        raise DataError(
            f"image of {width} x {height}: expected at most {LONGEST} times longer than wide; crop it"
        )


def enlargement(size: tuple[float, float], *, budget: int, patch: int, short_side: int) -> float:
    """The factor that brings an image below the budget to 1.2 x budget patches; 1 for any other."""
    width, height = size
    patches = width * height / patch**2
    if patches > budget:
        return 1.0
    return max(math.sqrt(ENLARGED * budget / patches), short_side / min(size))


def pair_sizes(
    first: Size, second: Size, axis: Axis,
    *, budget: int, patch: int, short_side: int, most_patches: int,
) -> tuple[Size, Size]:  # fmt: skip
    """The sizes of two images that are to be compared; swapping them swaps the sizes.

    Args:
        axis: the side that both get alike.

    Raises:
        DataError: for an image more than 200 times longer than wide.
    """
    check_shape(first)
    check_shape(second)
    side = AXES.index(axis)
    equal = max(first[side], second[side])
    sizes = [_with_side(size, side, equal) for size in (first, second)]
    factor = max(
        enlargement(size, budget=budget, patch=patch, short_side=short_side) for size in sizes
    )
    largest = max(width * height for width, height in sizes) * factor**2
    factor *= min(1.0, math.sqrt(most_patches * (2 * patch) ** 2 / largest))
    one, other = (_whole((width * factor, height * factor), 2 * patch) for width, height in sizes)
    return one, other


def single_size(size: Size, *, budget: int, patch: int, short_side: int, most_patches: int) -> Size:
    """The size of an image without a partner: that of a pair of it with itself."""
    settings = {"budget": budget, "patch": patch, "short_side": short_side}
    return pair_sizes(size, size, "width", **settings, most_patches=most_patches)[0]


def plain_size(size: Size, *, tokens: int, patch: int) -> Size:
    """The size whose patches all fit `tokens`, the aspect ratio nearly kept: DiffToken off.

    Raises:
        DataError: for an image more than 200 times longer than wide.
    """
    check_shape(size)
    width, height = size
    cells = math.sqrt(tokens / (width * height))
    rows = max(1, int(height * cells))
    columns = max(1, min(int(width * cells), tokens // rows))
    return columns * patch, min(rows, tokens // columns) * patch


def resized(image: Image.Image, size: Size) -> Image.Image:
    """The image at a size, by Lanczos; the image itself where it has that size."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def planes(image: Image.Image) -> Tensor:
    """An RGB image as (3, height, width) uint8."""
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())


def _with_side(size: Size, side: int, length: int) -> tuple[float, float]:
    """The size scaled so that one side has exactly this length."""
    scale = length / size[side]
    return (length, size[1] * scale) if side == 0 else (size[0] * scale, length)


def _whole(size: tuple[float, float], side: int) -> Size:
    width, height = (max(1, int(length / side + 0.5)) * side for length in size)
    return width, height
