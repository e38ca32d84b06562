"""The protocol `released`: what the published FGAesQ weights are scored with, its faults included.

[code] What is below was read in the authors' public inference code (yzc-ippl/FG-IAA, 2026); its arithmetic and
its order of random draws are kept, so that with Python's generator seeded as there the same tokens come out:

- a pair's draws are seeded by md5(pair id) mod 10000, the id being `{series}_{i}_{j}` with i < j; first the
  axis (width or height), then the first image's draws, then the second's: the order of the images matters;
- the smaller image is enlarged to the larger one's width or height, sizes cut down to whole pixels; images of
  at most 512 patches are enlarged further, and where the two factors differ by more than .01 both get the
  larger;
- the sides are made multiples of 32 by zero padding (right, below) or by cropping, whichever touches fewer
  "corner" pixels; the padding is black for SSIM, and CLIP's mean colour for the model;
- importance = 1 - SSIM, cut to [0, 1], over the rows that both have, counted from the top. Patches are paired
  by their *number*, so with unequal widths those compared are not at one place. Rows without a partner get
  random values;
- 14 = int(112 x .5 / 4) fine patches are drawn from the more important half;
- a coarse patch is scaled to 16 x 16 by torch's bicubic interpolation without antialiasing, inside the patch;
- tokens beyond 511 are dropped at random among all but those whose *token* number is the *patch* number of a
  fine patch: at 1024 x 768 every fine token is dropped with probability .38;
- fine tokens stand patch by patch, but their position embeddings in raster order: where two fine patches share
  a row of patches, tokens get each other's positions;
- positions are sampled on a grid that is .1 longer than the image's, coarse ones on that of the 32 px patches.

A single image is not enlarged. At most 512 patches of 16 px: all of them, zero padded, with the scale of a
*coarse* token. More: 14 fine patches drawn from all, then tokens dropped at random.

[ours] Single images are seeded by their id in the same way (the original is not seeded). What fails there and
is caught, scoring the images with whatever state was left, is a DataError here. The original's SSIM is in
single precision: where two patches differ by some 1e-6, the other of them may be in the more important half.

[ours] An image's score in a series is the plain mean over its pairs; the original then draws the images of a
series of four or more towards their mean (.9 of their own from three pairs on). EXIF orientation is applied.

[unknown] Whether training did the same as this inference code; a random flip and rotation are there, switched
off.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from artimuse.models.difftoken.released_sizes import (
    BUDGET,
    LARGE,
    PATCH,
    aligned_pair,
    padded,
    whole_patches,
)
from artimuse.models.difftoken.sizes import AXES, check_shape
from artimuse.models.difftoken.ssim import patch_ssim
from artimuse.models.difftoken.tokens import (
    COARSE,
    FINE,
    Tokens,
    coarse_positions,
    fine_positions,
    four_of,
    patches_of,
)
from artimuse.records import DataError

FINE_PATCHES = int(112 * 0.5 / 4)
GRID_OFFSET = 0.1
BLACK = (0.0, 0.0, 0.0)
MEAN = (0.48145466, 0.4578275, 0.40821073)
"""CLIP's mean colour, which is what zeros are once an image is normalised."""


def released_pair(first: Image.Image, second: Image.Image, pair_id: str) -> tuple[Tokens, Tokens]:
    """The tokens of two RGB images, each selected against the other.

    Raises:
        DataError: for an image that the protocol cannot cut.
    """
    rng = _seeded(pair_id)
    images = aligned_pair(first, second, rng.choice(AXES))
    one, other = (whole_patches(image, BLACK).astype(np.uint8) for image in images)
    compared = _compared(one, other)
    common = min(len(one), len(other))
    importance = [[*compared, *[None] * _patches(black[common:])] for black in (one, other)]
    # In this order: both draw from one generator.
    tokens = [_multiscale(image, own, rng) for image, own in zip(images, importance, strict=True)]
    return tokens[0], tokens[1]


def released_single(image: Image.Image, image_id: str) -> Tokens:
    """The tokens of an RGB image without a partner.

    Raises:
        DataError: for an image that the protocol cannot cut.
    """
    check_shape(image.size)
    rng = _seeded(image_id)
    columns, rows = (math.ceil(side / PATCH) for side in image.size)
    if rows * columns > BUDGET:
        return _multiscale(image, None, rng)
    kept = np.array(_kept(rows * columns, (), None, rng))
    pixels = padded(image, (columns * PATCH, rows * PATCH), MEAN)
    positions = np.stack(np.divmod(kept, columns), axis=1).astype(np.float32)
    grid = np.array((rows, columns))
    return Tokens(
        patches=torch.from_numpy(patches_of(pixels, PATCH, kept)),
        positions=torch.from_numpy(positions),
        centers=_shares(positions, grid + GRID_OFFSET),
        scale=torch.full((len(kept),), COARSE),
        grid=(rows, columns),
        dropped=rows * columns - len(kept),
    )


def _seeded(key: str) -> random.Random:
    return random.Random(
        int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(), 16) % 10000
    )


def _patches(pixels: np.ndarray) -> int:
    return (pixels.shape[0] // LARGE) * (pixels.shape[1] // LARGE)


def _compared(one: np.ndarray, other: np.ndarray) -> list[float]:
    """1 - SSIM of patches of equal *number*, in the rows that both images have."""
    common = min(len(one), len(other))
    number = np.arange(min(_patches(one[:common]), _patches(other[:common])))
    # One patch below the other, so that images of unequal width can be compared by number.
    towers = [
        torch.from_numpy(patches_of(pixels, LARGE, number).transpose(1, 0, 2, 3).copy()).flatten(
            1, 2
        )
        for pixels in (one, other)
    ]
    return (1 - patch_ssim(towers[0], towers[1], LARGE)).clamp(0, 1).flatten().tolist()


def _multiscale(
    image: Image.Image, importance: Sequence[float | None] | None, rng: random.Random
) -> Tokens:
    pixels = whole_patches(image, MEAN)
    rows, columns = pixels.shape[0] // LARGE, pixels.shape[1] // LARGE
    fine = sorted(_fine(rows * columns, importance, rng))
    coarse = sorted(set(range(rows * columns)) - set(fine))
    total = len(coarse) + 4 * len(fine)
    kept = np.array(_kept(total, fine, importance, rng))
    kept_coarse, kept_fine = kept[kept < len(coarse)], kept[kept >= len(coarse)] - len(coarse)
    numbers, fine_numbers = np.array(coarse)[kept_coarse], np.array(fine)
    small = F.interpolate(
        torch.from_numpy(patches_of(pixels, LARGE, numbers)), size=(PATCH, PATCH), mode="bicubic"
    )
    quarters = four_of(patches_of(pixels, LARGE, fine_numbers), PATCH)[kept_fine]
    # The fault: raster order here, patch by patch there.
    places = fine_positions(fine_numbers, columns)
    places = places[np.lexsort((places[:, 1], places[:, 0]))][kept_fine]
    positions = coarse_positions(numbers, columns)
    grid = 2 * np.array((rows, columns))
    return Tokens(
        patches=torch.cat([small, torch.from_numpy(quarters)]),
        positions=torch.from_numpy(np.concatenate([positions, places])),
        centers=torch.cat(
            [_shares(positions, grid + 2 * GRID_OFFSET), _shares(places, grid + GRID_OFFSET)]
        ),
        scale=torch.tensor([COARSE] * len(numbers) + [FINE] * len(places)),
        grid=(2 * rows, 2 * columns),
        dropped=total - len(kept),
    )


def _fine(patches: int, importance: Sequence[float | None] | None, rng: random.Random) -> list[int]:
    """Numbers of the fine patches: 14 drawn from the more important half, or from all."""
    if importance is None:
        candidates = list(range(patches))
    else:
        known = list(importance[:patches])
        known += [rng.random() for _ in range(patches - len(known))]
        scores = [rng.random() if score is None else score for score in known]
        candidates = sorted(range(patches), key=lambda number: scores[number], reverse=True)
        candidates = candidates[: max(1, int(patches * 0.5))]
    if len(candidates) < FINE_PATCHES:
        raise DataError(
            f"protocol 'released': expected {2 * FINE_PATCHES} patches of {LARGE} pixels or more, found "
            f"{patches}; enlarge the image, or use the protocol 'corrected'"
        )
    return rng.sample(candidates, FINE_PATCHES)


def _kept(
    tokens: int,
    fine: Sequence[int],
    importance: Sequence[float | None] | None,
    rng: random.Random,
) -> list[int]:
    """The tokens that are left within the budget, ascending."""
    too_many = tokens - (BUDGET - 1)
    if too_many <= 0:
        return list(range(tokens))
    if importance is not None:
        # Drawn there for a score that is never looked at.
        for score in importance[:tokens]:
            if score is None:
                rng.random()
    # The fault: `fine` are numbers of patches, and tokens are spared that happen to have these numbers.
    droppable = [token for token in range(tokens) if importance is None or token not in fine]
    dropped = set(rng.sample(droppable, too_many))
    return [token for token in range(tokens) if token not in dropped]


def _shares(positions: np.ndarray, extent: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(((positions + 0.5) / extent).astype(np.float32))
