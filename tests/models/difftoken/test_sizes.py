"""The sizes that images are brought to under `corrected`."""

from __future__ import annotations

import pytest

from artimuse.models.difftoken.sizes import Axis, Size, enlargement, pair_sizes

SETTINGS = {"budget": 512, "patch": 16, "short_side": 384, "most_patches": 1022}


@pytest.mark.parametrize(
    ("first", "second", "axis", "sizes"),
    [
        ((1024, 768), (1024, 768), "width", ((1024, 768), (1024, 768))),
        # To the nearest multiple of 32, up and down.
        ((1010, 740), (1010, 740), "height", ((1024, 736), (1024, 736))),
        ((640, 480), (480, 640), "width", ((640, 480), (640, 864))),
        ((640, 480), (480, 640), "height", ((864, 640), (480, 640))),
        # The short side of the one has to be 384; the other is enlarged by as much.
        ((300, 200), (300, 240), "width", ((576, 384), (576, 448))),
        # 47,628 patches are more than 1,022, and the pair is scaled down together.
        ((8064, 6048), (4032, 3024), "width", ((1184, 896), (1184, 896))),
    ],
)
def test_pair_sizes(first: Size, second: Size, axis: Axis, sizes: tuple[Size, Size]) -> None:
    assert pair_sizes(first, second, axis, **SETTINGS) == sizes
    assert pair_sizes(second, first, axis, **SETTINGS) == sizes[::-1]


def test_enlargement_is_to_1_2_times_the_budget_and_the_short_side() -> None:
    settings = {"budget": 512, "patch": 16, "short_side": 384}
    assert enlargement((300, 200), **settings) == pytest.approx(384 / 200)
    assert enlargement((512, 257), **settings) == 1
    factor = enlargement((256, 256), budget=512, patch=16, short_side=100)
    assert factor**2 * 256 == pytest.approx(1.2 * 512)
