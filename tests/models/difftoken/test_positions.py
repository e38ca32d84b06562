"""The position embedding by matrix product is torch's bicubic interpolation of it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from artimuse.models.difftoken import position_weights

EMBEDDING = torch.randn(196, 8, generator=torch.manual_seed(0))


def centers(rows: int, columns: int, extent: tuple[float, float]) -> Tensor:
    """(rows*columns, 2) of every cell, in raster order."""
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack(
        [(row + 0.5) / extent[0], (column + 0.5) / extent[1]], dim=-1
    ).reshape(-1, 2)  # fmt: skip


@pytest.mark.parametrize("grid", [(14, 14), (12, 16), (48, 64), (3, 40), (1, 1), (15, 13)])
def test_interpolation_to_a_size(grid: tuple[int, int]) -> None:
    square = EMBEDDING.T.reshape(1, 8, 14, 14)
    whole = F.interpolate(square, size=grid, mode="bicubic", align_corners=False)
    found = position_weights(centers(*grid, grid)) @ EMBEDDING
    torch.testing.assert_close(found, whole[0].flatten(1).T, atol=2e-5, rtol=0)


@pytest.mark.parametrize("grid", [(12, 16), (24, 33), (20, 8)])
def test_interpolation_by_a_factor_with_the_released_offset(grid: tuple[int, int]) -> None:
    rows, columns = grid
    square = EMBEDDING.T.reshape(1, 8, 14, 14)
    factor = ((rows + 0.1) / 14, (columns + 0.1) / 14)
    whole = F.interpolate(square, scale_factor=factor, mode="bicubic", align_corners=False)
    assert whole.shape[2:] == grid
    found = position_weights(centers(rows, columns, (rows + 0.1, columns + 0.1))) @ EMBEDDING
    torch.testing.assert_close(found, whole[0].flatten(1).T, atol=2e-5, rtol=0)


def test_the_middle_of_a_coarse_patch_is_its_cell_on_the_coarse_grid() -> None:
    fine = centers(8, 6, (8, 6)).reshape(4, 2, 3, 2, 2).mean(dim=(1, 3)).reshape(-1, 2)
    torch.testing.assert_close(fine, centers(4, 3, (4, 3)))


def test_the_square_itself_and_the_sum() -> None:
    weights = position_weights(centers(14, 14, (14, 14)))
    torch.testing.assert_close(weights, torch.eye(196), atol=1e-5, rtol=0)
    anywhere = position_weights(torch.rand(5, 7, 2, generator=torch.manual_seed(1)), side=3)
    assert anywhere.shape == (5, 7, 9)
    torch.testing.assert_close(anywhere.sum(-1), torch.ones(5, 7))
