"""DiffToken as a setting: one object that turns a pair, or a single image, into tokens."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from artimuse.models.difftoken.released import released_pair, released_single
from artimuse.models.difftoken.released_sizes import BUDGET, PATCH, SHORT_SIDE
from artimuse.models.difftoken.select import common_area, drawn, pair_importance, select
from artimuse.models.difftoken.sizes import (
    AXES,
    pair_sizes,
    plain_size,
    planes,
    resized,
    single_size,
)
from artimuse.models.difftoken.ssim import WINDOW, patch_ssim
from artimuse.models.difftoken.tokens import Tokens, cut, cut_all

Protocol = Literal["corrected", "released"]


@dataclass(frozen=True, slots=True)
class DiffToken:
    """Settings of the tokenization; the same settings and ids give the same tokens anywhere.

    Args:
        protocol: `corrected`, or `released`, whose settings are fixed.
        budget: the class token and all patch tokens of an image.
        fine_share: p, the share of the patches that may be fine.
        patch: side P of a token in pixels; a coarse token is a patch of 2P x 2P.
        short_side: least short side of an image that is enlarged because it is below the budget, in pixels.
        most_patches: images of more patches of 2P x 2P are scaled down; None: twice the tokens.

    Raises:
        ValueError: for settings that cannot work together.
    """

    protocol: Protocol = "corrected"
    budget: int = BUDGET
    fine_share: float = 0.5
    patch: int = PATCH
    short_side: int = SHORT_SIDE
    most_patches: int | None = None

    def __post_init__(self) -> None:
        own = (self.budget, self.fine_share, self.patch, self.short_side, self.most_patches)
        if self.protocol == "released" and own != (BUDGET, 0.5, PATCH, SHORT_SIDE, None):
            raise ValueError(
                "difftoken: the protocol 'released' has settings of its own, found "
                f"{self.settings()}; leave them out, or use 'corrected'"
            )
        if self.protocol not in ("corrected", "released"):
            raise ValueError(
                f"difftoken.protocol: expected 'corrected' or 'released', found {self.protocol!r}"
            )
        if not 0 <= self.fine_share <= 1:
            raise ValueError(f"difftoken.fine_share: expected 0..1, found {self.fine_share}")
        if self.budget < 5 or 2 * self.patch < WINDOW or self.short_side < 1 or self._most < 1:
            raise ValueError(
                "difftoken: expected a budget of 5 tokens or more, patches of 4 pixels or more, and a "
                f"short side and most patches of 1 or more, found {self.settings()}"
            )

    def pair(self, first: Image.Image, second: Image.Image, pair_id: str) -> tuple[Tokens, Tokens]:
        """The tokens of two RGB images, each selected against the other.

        Under `corrected`, swapping the images swaps the tokens.

        Args:
            pair_id: seeds what is drawn; `pair_key` makes one of two ids, whatever their order.

        Raises:
            DataError: for an image more than 200 times longer than wide.
        """
        if self.protocol == "released":
            return released_pair(first, second, pair_id)
        axis = AXES[int(drawn(pair_id).integers(2))]
        sizes = pair_sizes(first.size, second.size, axis, **self._sizes())
        images = [resized(image, size) for image, size in zip((first, second), sizes, strict=True)]
        grids = [self._grid(image) for image in images]
        common = min(rows for rows, _ in grids), min(columns for _, columns in grids)
        middles = [self._middle(image, common) for image in images]
        ssim = patch_ssim(middles[0], middles[1], 2 * self.patch)
        one, other = (
            self._cut(image, importance, pair_id)
            for image, importance in zip(images, pair_importance(ssim.numpy(), *grids), strict=True)
        )
        return one, other

    def single(self, image: Image.Image, image_id: str) -> Tokens:
        """The tokens of an RGB image without a partner: as many fine and coarse ones, drawn by its id.

        Raises:
            DataError: for an image more than 200 times longer than wide.
        """
        if self.protocol == "released":
            return released_single(image, image_id)
        image = resized(image, single_size(image.size, **self._sizes()))
        return self._cut(image, np.zeros(self._grid(image)), image_id)

    def plain(self, image: Image.Image) -> Tokens:
        """DiffToken off: all P x P patches of the RGB image, which is resized so that they fit the budget.

        Raises:
            DataError: for an image more than 200 times longer than wide.
        """
        size = plain_size(image.size, tokens=self.budget - 1, patch=self.patch)
        return cut_all(resized(image, size), self.patch)

    @property
    def pad_to(self) -> int | None:
        """Tokens that every image is padded to; None where padding is masked, so that any number will do."""
        return self.budget - 1 if self.protocol == "released" else None

    def settings(self) -> dict[str, Any]:
        """What a model folder records; `DiffToken(**settings)` is this object again."""
        return asdict(self)

    @property
    def _most(self) -> int:
        return 2 * (self.budget - 1) if self.most_patches is None else self.most_patches

    def _sizes(self) -> dict[str, int]:
        return {
            "budget": self.budget,
            "patch": self.patch,
            "short_side": self.short_side,
            "most_patches": self._most,
        }

    def _grid(self, image: Image.Image) -> tuple[int, int]:
        """(rows, columns) of coarse patches."""
        return image.height // (2 * self.patch), image.width // (2 * self.patch)

    def _middle(self, image: Image.Image, common: tuple[int, int]) -> Any:
        """(3,H,W) uint8 of the patches in the middle of an image."""
        rows, columns = common_area(*self._grid(image), common)
        side = 2 * self.patch
        box = (columns.start, rows.start, columns.stop, rows.stop)
        return planes(image.crop(tuple(place * side for place in box)))

    def _cut(self, image: Image.Image, importance: np.ndarray, key: str) -> Tokens:
        # Per grid: the two images of a pair have to draw alike in either order.
        rng = drawn(key, self._grid(image))
        chosen = select(importance, tokens=self.budget - 1, share=self.fine_share, rng=rng)
        return cut(image, chosen, self.patch)


def pair_key(first: str, second: str) -> str:
    """One id for two images, whatever their order."""
    return "\n".join(sorted((first, second)))
