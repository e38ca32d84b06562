"""The position embedding at any place of an image, as a product of matrices.

    weights = position_weights(centers)              # (B, L, 196)
    embedding = weights @ position_embedding[1:]     # (B, L, width); the class token has position_embedding[0]

equals interpolating the square of embeddings to each image's grid with `F.interpolate(mode="bicubic",
align_corners=False)` and taking the token's entry, for images of unequal grids in one product, and the
embedding gets its gradient. The middle of a coarse patch is the middle of its cell on the grid of coarse
patches, so both scales are sampled alike.

Source: Keys, "Cubic convolution interpolation" (1981), with a = -.75 and the border repeated, as torch has it.
"""

from __future__ import annotations

import torch
from torch import Tensor

A = -0.75


def position_weights(centers: Tensor, side: int = 14) -> Tensor:
    """How much of each of side x side position embeddings a token at each centre gets.

    Args:
        centers: (...,2) row and column as shares of height and width.
        side: rows (and columns) of the position embedding: 14 for CLIP ViT-B/16.

    Returns:
        (..., side*side) float32; every row sums to 1.
    """
    rows, columns = (_along(centers[..., axis].float(), side) for axis in (0, 1))
    return (rows[..., :, None] * columns[..., None, :]).flatten(-2)


def _along(share: Tensor, side: int) -> Tensor:
    """(...) -> (..., side) weights along one axis."""
    source = share * side - 0.5
    first = source.floor()
    fraction = (source - first)[..., None]
    taps = torch.arange(-1, 3, device=share.device)
    weights = _cubic((fraction - taps).abs())
    # Beyond the border its value is repeated, so several taps may fall on one place.
    places = (first.long()[..., None] + taps).clamp(0, side - 1)
    return torch.zeros(*share.shape, side, device=share.device).scatter_add(-1, places, weights)


def _cubic(distance: Tensor) -> Tensor:
    near = ((A + 2) * distance - (A + 3)) * distance**2 + 1
    far = ((A * distance - 5 * A) * distance + 8 * A) * distance - 4 * A
    return torch.where(distance <= 1, near, far)
