"""Tokens: the patches of one image that a model sees, with their place and scale.

A coarse token is a patch of 2P x 2P pixels averaged down to P x P, a fine one P x P pixels as they are. Coarse
tokens come first, in raster order; then the fine ones, patch by patch, four each: upper left, upper right,
lower left, lower right. The class token is not among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from artimuse.models.difftoken.select import Indices, Selection

COARSE, FINE = 0, 1
"""Index into the scale embedding."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """N patch tokens of one image, P pixels wide.

    patches: (N,3,P,P) uint8, or float32 on 0..255 where the protocol's values are no bytes (`released`).
    positions: (N,2) float32 row and column on the image's grid of P x P patches; a coarse token's is the middle
        of its four cells, (2r + .5, 2c + .5).
    centers: (N,2) float32: the positions as shares of the image's height and width, where the position
        embedding is sampled (`position_weights`).
    scale: (N) int64, 0 coarse or 1 fine.
    grid: (rows, columns) of P x P patches.
    dropped: tokens that the budget left out.
    """

    patches: Tensor
    positions: Tensor
    centers: Tensor
    scale: Tensor
    grid: tuple[int, int]
    dropped: int

    def __len__(self) -> int:
        return len(self.scale)


def cut(image: Image.Image, selection: Selection, patch: int) -> Tokens:
    """The tokens of a selection.

    Args:
        image: RGB, its sides multiples of 2 x patch.
    """
    rows, columns = image.height // (2 * patch), image.width // (2 * patch)
    fine = four_of(patches_of(np.asarray(image), 2 * patch, selection.fine), patch)
    coarse = patches_of(np.asarray(image.reduce(2)), patch, selection.coarse)
    positions = np.concatenate(
        [coarse_positions(selection.coarse, columns), fine_positions(selection.fine, columns)]
    )
    grid = (2 * rows, 2 * columns)
    return Tokens(
        patches=torch.from_numpy(np.concatenate([coarse, fine])),
        positions=torch.from_numpy(positions),
        centers=torch.from_numpy(((positions + 0.5) / np.array(grid)).astype(np.float32)),
        scale=torch.tensor([COARSE] * len(coarse) + [FINE] * len(fine)),
        grid=grid,
        dropped=selection.dropped,
    )


def cut_all(image: Image.Image, patch: int) -> Tokens:
    """All P x P patches of an image in raster order, as fine tokens: DiffToken off."""
    rows, columns = image.height // patch, image.width // patch
    every = np.arange(rows * columns)
    positions = np.stack(np.divmod(every, columns), axis=1).astype(np.float32)
    return Tokens(
        patches=torch.from_numpy(patches_of(np.asarray(image), patch, every)),
        positions=torch.from_numpy(positions),
        centers=torch.from_numpy(
            ((positions + 0.5) / np.array((rows, columns))).astype(np.float32)
        ),
        scale=torch.full((len(every),), FINE),
        grid=(rows, columns),
        dropped=0,
    )


def collate_tokens(
    tokens: Sequence[Tokens], length: int | None = None, *, patch: int = 16
) -> dict[str, Tensor]:
    """Tokens of several images, padded to one length L.

    Args:
        length: L; None is the longest of them.
        patch: P, for a batch without images.

    Returns:
        patches (B,L,3,P,P), centers (B,L,2), scale (B,L), and present (B,L) bool, False over padding.

    Raises:
        ValueError: for an image of more tokens than `length`.
    """
    longest = max((len(one) for one in tokens), default=0)
    size = longest if length is None else length
    if longest > size:
        raise ValueError(
            f"tokens: expected at most {size} of an image, found {longest}; give a larger length"
        )
    kind = tokens[0].patches.dtype if tokens else torch.uint8
    batch = {
        "patches": torch.zeros(len(tokens), size, 3, patch, patch, dtype=kind),
        "centers": torch.zeros(len(tokens), size, 2),
        "scale": torch.zeros(len(tokens), size, dtype=torch.int64),
        "present": torch.zeros(len(tokens), size, dtype=torch.bool),
    }
    for place, one in enumerate(tokens):
        batch["patches"][place, : len(one)] = one.patches
        batch["centers"][place, : len(one)] = one.centers
        batch["scale"][place, : len(one)] = one.scale
        batch["present"][place, : len(one)] = True
    return batch


def patches_of(pixels: np.ndarray, side: int, numbers: Indices) -> np.ndarray:
    """(H,W,3) -> (M,3,side,side): the patches of these numbers in raster order."""
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    blocks = pixels.reshape(rows, side, columns, side, 3)
    chosen = blocks[numbers // columns, :, numbers % columns]
    return np.ascontiguousarray(chosen.transpose(0, 3, 1, 2))


def four_of(patches: np.ndarray, side: int) -> np.ndarray:
    """(K,3,2*side,2*side) -> (4K,3,side,side), the four of a patch one after the other."""
    quarters = patches.reshape(-1, 3, 2, side, 2, side).transpose(0, 2, 4, 1, 3, 5)
    return np.ascontiguousarray(quarters.reshape(-1, 3, side, side))


def coarse_positions(numbers: Indices, columns: int) -> np.ndarray:
    """(M,2) float32 of coarse patches, given the number of coarse columns."""
    cells = np.stack(np.divmod(numbers, columns), axis=1)
    return (2 * cells + 0.5).astype(np.float32)


def fine_positions(numbers: Indices, columns: int) -> np.ndarray:
    """(4K,2) float32 of the four tokens of fine patches."""
    corners = 2 * np.stack(np.divmod(numbers, columns), axis=1)
    four = corners[:, None] + np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    return four.reshape(-1, 2).astype(np.float32)
