"""The protocol `released`: the draws of the authors' inference code, and each of its known faults."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pictures import grained, noise, photograph
from PIL import Image

from artimuse.models.difftoken import DiffToken, Tokens, collate_tokens
from artimuse.models.difftoken.released import MEAN, _compared, _kept
from artimuse.models.difftoken.released_sizes import aligned_pair, whole_patches
from artimuse.models.difftoken.sizes import Axis
from artimuse.records import DataError

RELEASED = DiffToken("released")


def seeded(key: str) -> random.Random:
    return random.Random(int(hashlib.md5(key.encode()).hexdigest(), 16) % 10000)


def fine_numbers(tokens: Tokens) -> list[int]:
    """Numbers of the 32 px patches that the positions of fine tokens name."""
    cells = tokens.positions[tokens.scale == 1].long() // 2
    return sorted({row * (tokens.grid[1] // 2) + column for row, column in cells.tolist()})


@pytest.mark.parametrize(
    ("height", "pair_id", "second_image"),
    [
        (608, "12_1_2", [16, 23, 73, 142, 166, 190, 245, 263, 271, 339, 344, 346, 423, 444]),
        (450, "7_3_4", [21, 37, 89, 141, 143, 145, 174, 191, 218, 264, 319, 321, 322, 324]),
    ],
)
def test_the_authors_code_drew_these_patches(
    height: int, pair_id: str, second_image: list[int]
) -> None:
    """Run on these two pairs it drew them for the second image, after all draws for the first."""
    first = noise(800, 608, 1)
    tokens = RELEASED.pair(first, grained(first).crop((0, 0, 800, height)), pair_id)[1]
    assert fine_numbers(tokens) == second_image


@pytest.mark.parametrize(
    ("first", "second", "axis", "sizes"),
    [
        ((1024, 768), (1024, 768), "width", ((1024, 768), (1024, 768))),
        ((640, 480), (480, 640), "width", ((640, 480), (640, 853))),
        ((640, 480), (480, 640), "height", ((853, 640), (480, 640))),
        # 333 x 222 and 333 x 217; the second needs 384/217, more than the first, so both get that.
        ((300, 200), (333, 217), "width", ((589, 392), (589, 384))),
        # The second needs no more; both get the first's factor, 384/200.
        ((400, 200), (400, 600), "width", ((768, 384), (768, 1152))),
    ],
)
def test_sizes(
    first: tuple[int, int], second: tuple[int, int], axis: Axis,
    sizes: tuple[tuple[int, int], tuple[int, int]],
) -> None:  # fmt: skip
    images = aligned_pair(Image.new("RGB", first), Image.new("RGB", second), axis)
    assert tuple(image.size for image in images) == sizes


@pytest.mark.parametrize(
    ("size", "whole"),
    [((64, 96), (64, 96)), ((70, 96), (64, 96)), ((90, 96), (96, 96)), ((90, 70), (96, 96)),
     ((70, 70), (64, 64)), ((80, 80), (96, 96))],
)  # fmt: skip
def test_padded_or_cropped(size: tuple[int, int], whole: tuple[int, int]) -> None:
    pixels = whole_patches(Image.new("RGB", size, (10, 20, 30)), MEAN)
    assert pixels.shape == (whole[1], whole[0], 3)
    assert pixels[0, 0].tolist() == [10, 20, 30]
    if whole[0] > size[0]:
        normalised = pixels[0, -1] / 255 - np.array(MEAN)
        assert np.abs(normalised).max() < 1e-6


def test_fourteen_patches_of_the_more_important_half() -> None:
    first = photograph(608, 512)
    second = first.copy()
    second.paste(noise(304, 512), (304, 0))
    # 19 x 16 patches, of which half lies in columns 9.5 to 19.
    for tokens in RELEASED.pair(first, second, "1_1_2"):
        assert int((tokens.scale == 1).sum()) == 4 * 14
        assert tokens.positions[tokens.scale == 1][:, 1].min() >= 18
        assert (len(tokens), tokens.dropped) == (19 * 16 + 3 * 14, 0)


def test_patches_are_compared_by_their_number() -> None:
    narrow, wide = (np.asarray(noise(w, 64)) for w in (64, 96))
    found = _compared(narrow, wide)
    assert len(found) == 4
    # Number 2 is the second row of the one, and the first of the other.
    pair = [x.astype(np.uint8) for x in (narrow[32:, :32], wide[:32, 64:])]
    assert found[2] == pytest.approx(_compared(pair[0], pair[1])[0], abs=1e-6)


def test_the_images_draw_one_after_the_other() -> None:
    """Rows without a partner get random values, which shifts what the second image draws."""
    first, second = photograph(640, 640, 1), photograph(640, 544, 2)
    key = next(k for k in map(str, range(99)) if seeded(k).choice(("width", "height")) == "width")
    rng = seeded(key)
    rng.choice(("width", "height"))
    tokens = RELEASED.pair(first, second, key)
    common = _compared(np.asarray(first), np.asarray(second))
    for image, own in zip((first, second), tokens, strict=True):
        patches = image.width * image.height // 1024
        alone = patches - len(common)
        scores = common + [rng.random() for _ in range(alone)]
        order = np.argsort(-np.array(scores), kind="stable").tolist()
        fine = rng.sample(order[: patches // 2], 14)
        assert own.dropped == 0
        assert fine_numbers(own) == sorted(fine)


def test_dropping_confuses_tokens_with_patches() -> None:
    """At 1024 x 768 the spared tokens are coarse ones, and .38 of the fine ones go."""
    patches, fine, lost = 24 * 32, list(range(3, 700, 50)), []
    assert len(fine) == 14
    for seed in range(200):
        kept = set(_kept(patches + 3 * 14, fine, [0.5] * patches, random.Random(seed)))
        assert len(kept) == 511
        assert kept.issuperset(fine)
        lost.append(1 - sum(token >= patches - 14 for token in kept) / 56)
    assert np.mean(lost) == pytest.approx(0.376, abs=0.02)


def test_fine_tokens_get_each_other_s_positions() -> None:
    image = noise(640, 480, 5)
    tokens = RELEASED.single(image, "x")
    places = tokens.positions[tokens.scale == 1].long()
    assert places.tolist() == sorted(places.tolist())
    pixels = np.asarray(image).transpose(2, 0, 1)
    by_patch = [
        pixels[:, row : row + 16, column : column + 16]
        for number in fine_numbers(tokens)
        for row in (number // 20 * 32, number // 20 * 32 + 16)
        for column in (number % 20 * 32, number % 20 * 32 + 16)
    ]
    assert np.array_equal(tokens.patches[tokens.scale == 1].numpy(), np.stack(by_patch))


def test_coarse_tokens_are_scaled_patch_by_patch_and_placed_on_a_longer_grid() -> None:
    image = noise(640, 480, 5)
    tokens = RELEASED.single(image, "x")
    assert tokens.grid == (30, 40)
    pixels = torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy()).float()
    row, column = (int(place) // 2 for place in tokens.positions[7].tolist())
    square = pixels[:, 32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
    small = F.interpolate(square[None], size=(16, 16), mode="bicubic", align_corners=False)[0]
    torch.testing.assert_close(tokens.patches[7], small)
    expected = torch.tensor([(row + 0.5) / 15.1, (column + 0.5) / 20.1])
    torch.testing.assert_close(tokens.centers[7], expected)
    fine = tokens.positions[-1]
    torch.testing.assert_close(tokens.centers[-1], (fine + 0.5) / torch.tensor([30.1, 40.1]))


def test_a_single_image_within_the_budget_is_all_its_patches_as_coarse_ones() -> None:
    tokens = RELEASED.single(photograph(500, 230), "x")
    assert (tokens.grid, len(tokens), int(tokens.scale.sum())) == ((15, 32), 480, 0)
    below = tokens.patches[-1][:, 230 - 14 * 16 :]
    torch.testing.assert_close(below / 255, torch.tensor(MEAN)[:, None, None].expand(3, 10, 16))
    exact = RELEASED.single(photograph(512, 256), "x")
    assert (len(exact), exact.dropped) == (511, 1)


def test_a_single_image_is_drawn_by_its_id() -> None:
    image = noise(640, 480)
    rng = seeded("x")
    assert fine_numbers(RELEASED.single(image, "x")) == sorted(rng.sample(range(300), 14))
    assert torch.equal(RELEASED.single(image, "x").patches, RELEASED.single(image, "x").patches)


def test_every_image_is_padded_to_the_budget_since_padding_is_attended() -> None:
    assert (RELEASED.pad_to, DiffToken().pad_to) == (511, None)
    batch = collate_tokens([RELEASED.single(noise(64, 64), "x")], RELEASED.pad_to)
    assert batch["patches"].shape == (1, 511, 3, 16, 16)
    assert batch["patches"].dtype == torch.float32
    assert int(batch["present"].sum()) == 16


def test_what_the_authors_code_fails_at_is_an_error() -> None:
    with pytest.raises(DataError, match="crops it to 5120 x 0 pixels"):
        RELEASED.single(noise(5121, 30), "x")
