"""The sizes that images are brought to under `released`, and how they are padded or cropped to whole patches.

[code] As the authors' public inference code has it: sizes are cut down to whole pixels at every step, and an
image is resampled twice where both steps change it. `sizes.py` holds what `corrected` does instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from artimuse.models.difftoken.sizes import AXES, ENLARGED, Axis, Size, check_shape, resized
from artimuse.records import DataError

BUDGET = 512
SHORT_SIDE = 384
PATCH, LARGE = 16, 32


def aligned_pair(
    first: Image.Image, second: Image.Image, axis: Axis
) -> tuple[Image.Image, Image.Image]:
    """Two RGB images, of equal width or height, large enough for more tokens than the budget.

    Raises:
        DataError: for an image more than 200 times longer than wide, or one that shrinks to nothing.
    """
    check_shape(first.size)
    check_shape(second.size)
    side = AXES.index(axis)
    equal = max(first.size[side], second.size[side])
    aligned = [resized(image, _with_side(image.size, side, equal)) for image in (first, second)]
    sizes = [image.size for image in aligned]
    large = [_enlarged(size) for size in sizes]
    scales = [
        max(after[0] / before[0], after[1] / before[1])
        for before, after in zip(sizes, large, strict=True)
    ]
    if abs(scales[0] - scales[1]) > 0.01:
        large = [(int(width * max(scales)), int(height * max(scales))) for width, height in sizes]
    one, other = (resized(image, size) for image, size in zip(aligned, large, strict=True))
    return one, other


def whole_patches(image: Image.Image, colour: Sequence[float]) -> np.ndarray:
    """(H,W,3) float32 on 0..255 with sides that are multiples of 32, padded or cropped on the right and below.

    Args:
        colour: of the padding, 0..1 per channel.

    Raises:
        DataError: for an image that would be cropped to nothing.
    """
    width, height = image.size
    # A side that fits already counts as one pixel, of both.
    cropped = (width % LARGE or 1) * (height % LARGE or 1)
    added = (-width % LARGE or 1) * (-height % LARGE or 1)
    if added <= cropped:
        return padded(image, (width + -width % LARGE, height + -height % LARGE), colour)
    size = (width - width % LARGE, height - height % LARGE)
    if 0 in size:
        raise DataError(
            f"image of {width} x {height}: the protocol 'released' crops it to {size[0]} x {size[1]} pixels; "
            "enlarge it, or use the protocol 'corrected'"
        )
    return padded(image.crop((0, 0, *size)), size, colour)


def padded(image: Image.Image, size: Size, colour: Sequence[float]) -> np.ndarray:
    """(H,W,3) float32 on 0..255 of (width, height), padded with a colour in 0..1."""
    pixels = np.empty((size[1], size[0], 3), np.float32)
    pixels[:] = np.array(colour) * 255
    pixels[: image.height, : image.width] = np.asarray(image)
    return pixels


def _with_side(size: Size, side: int, length: int) -> Size:
    width, height = size
    if size[side] == length:
        return size
    scaled = (
        (length, int(height * length / width))
        if side == 0
        else (int(width * length / height), length)
    )
    if 0 in scaled:
        raise DataError(
            f"image of {width} x {height}: expected a side of 1 pixel or more at {AXES[side]} {length}; "
            "crop it, or use the protocol 'corrected'"
        )
    return scaled


def _enlarged(size: Size) -> Size:
    width, height = size
    patches = math.ceil(width / PATCH) * math.ceil(height / PATCH)
    if patches > BUDGET:
        return size
    factor = math.sqrt(BUDGET * ENLARGED / patches)
    if min(size) < SHORT_SIDE:
        factor = max(factor, SHORT_SIDE / min(size))
    return int(width * factor), int(height * factor)
