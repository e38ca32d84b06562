"""Which patches are fine, which coarse and which are dropped, under `corrected`.

In the order of importance, 1 - SSIM, the most important first, the patches of an image are

    fine ... fine | coarse ... coarse | dropped ... dropped

A fine patch takes four tokens, a coarse one takes one. With N patches, T tokens and share p (.5), the number of
fine patches is the largest k with

- k <= p N: they come from the most different half [the paper's p];
- and, where the tokens do not suffice for that: so many that every other patch still has its coarse token,
  N + 3 k <= T, but not fewer than those that fill the share p of the tokens, 4 k <= p T [ours].

The other T - 4 k tokens go to the next most important patches, one each; what is left is dropped, the least
important first. At T = 511: up to 204 patches have all they should; from 323 on some are dropped, and 63 are
fine.

Equally important patches (a pair of one image with itself, an image without a partner) are taken in an order
drawn by the pair's id, so that they lie all over the image.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Selection:
    """Patches of an image by their number in raster order, ascending; no patch is in both lists.

    fine: (K) int64. coarse: (M) int64. dropped: the number of patches in neither.
    """

    fine: Indices
    coarse: Indices
    dropped: int


def fine_patches(patches: int, tokens: int, share: float) -> int:
    """How many of `patches` patches are fine, given `tokens` tokens and the share p."""
    wanted = int(patches * share)
    affordable = max((tokens - patches) // 3, int(tokens * share / 4))
    return min(wanted, affordable)


def select(importance: Floats, *, tokens: int, share: float, rng: np.random.Generator) -> Selection:
    """Choose by importance.

    Args:
        importance: (rows, columns), larger is more important; no NaN.
        tokens: what the selection may take at most.
        share: p, in [0, 1].
        rng: orders what is equally important.
    """
    flat = importance.ravel()
    order = np.lexsort((rng.permutation(flat.size), -flat))
    fine = fine_patches(flat.size, tokens, share)
    end = min(flat.size, tokens - 3 * fine)
    return Selection(
        fine=np.sort(order[:fine]), coarse=np.sort(order[fine:end]), dropped=flat.size - end
    )


def pair_importance(
    ssim: Floats, first: tuple[int, int], second: tuple[int, int]
) -> tuple[Floats, Floats]:
    """1 - SSIM of the area that both images have, laid into the middle of each image's own patches.

    A patch without a counterpart gets the mean of the others: nothing is known of it, and so it neither
    takes all fine tokens nor is it the first to be dropped.

    Args:
        ssim: of the common area, (min rows, min columns).
        first, second: (rows, columns) of the two images.
    """
    return _laid(1.0 - ssim, first), _laid(1.0 - ssim, second)


def common_area(rows: int, columns: int, common: tuple[int, int]) -> tuple[slice, slice]:
    """Where the middle `common` (rows, columns) of a grid of (rows, columns) lie."""
    top, left = (rows - common[0]) // 2, (columns - common[1]) // 2
    return slice(top, top + common[0]), slice(left, left + common[1])


def drawn(key: str, grid: tuple[int, int] = (0, 0)) -> np.random.Generator:
    """Random numbers that depend on an id alone (and on a grid, for what is drawn per image)."""
    return np.random.default_rng([zlib.crc32(key.encode()), *grid])


def _laid(importance: Floats, grid: tuple[int, int]) -> Floats:
    whole = np.full(grid, importance.mean(), importance.dtype)
    whole[common_area(*grid, (importance.shape[0], importance.shape[1]))] = importance
    return whole
