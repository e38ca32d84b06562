"""Tokens under `corrected`: every patch once, within the budget, the same for the same id."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import noise, photograph, retouched
from PIL import Image

from artimuse.models.difftoken import DiffToken, Tokens, collate_tokens, pair_key
from artimuse.models.difftoken.select import fine_patches, pair_importance, select
from artimuse.records import DataError

SMALL = DiffToken(budget=65, short_side=96, patch=8)


def same(one: Tokens, other: Tokens) -> bool:
    fields = ("patches", "positions", "centers", "scale")
    return (one.grid, one.dropped) == (other.grid, other.dropped) and all(
        torch.equal(getattr(one, name), getattr(other, name)) for name in fields
    )


def cells(tokens: Tokens) -> np.ndarray:
    """(rows, columns) how often each cell of the grid of P x P patches is represented."""
    count = np.zeros(tokens.grid, dtype=int)
    for (row, column), scale in zip(tokens.positions.tolist(), tokens.scale.tolist(), strict=True):
        if scale:
            count[int(row), int(column)] += 1
        else:
            top, left = int(row - 0.5), int(column - 0.5)
            count[top : top + 2, left : left + 2] += 1
    return count


def check(tokens: Tokens, setting: DiffToken) -> None:
    """What holds for every image."""
    assert len(tokens) <= setting.budget - 1
    assert tokens.patches.dtype == torch.uint8
    assert tokens.patches.shape == (len(tokens), 3, setting.patch, setting.patch)
    count = cells(tokens)
    assert count.max() == 1
    assert (count == 0).sum() == 4 * tokens.dropped
    assert tokens.grid[0] % 2 == tokens.grid[1] % 2 == 0
    fine = tokens.positions[tokens.scale == 1]
    assert ((fine >= 0) & (fine < torch.tensor(tokens.grid))).all()
    assert ((tokens.centers > 0) & (tokens.centers < 1)).all()


sides = st.integers(1, 300)


@settings(max_examples=25, deadline=None)
@given(sides, sides, sides, sides, st.text(max_size=5), st.sampled_from([6, 17, 65, 128]))
def test_every_patch_is_there_once_or_dropped_and_counted(
    w1: int, h1: int, w2: int, h2: int, key: str, budget: int
) -> None:
    setting = DiffToken(budget=budget, short_side=48, patch=8)
    sizes = [(min(w, 100 * h), min(h, 100 * w)) for w, h in ((w1, h1), (w2, h2))]
    first, second = noise(*sizes[0]), noise(*sizes[1], 1)
    pair = setting.pair(first, second, key)
    for tokens in (*pair, setting.single(first, key)):
        check(tokens, setting)
    assert pair[0].grid[0] == pair[1].grid[0] or pair[0].grid[1] == pair[1].grid[1]
    mirrored = setting.pair(second, first, key)
    assert same(pair[0], mirrored[1])
    assert same(pair[1], mirrored[0])


@pytest.mark.parametrize(
    "sizes", [((1, 1), (1, 1)), ((1, 200), (200, 1)), ((2400, 1800), (60, 50))]
)
def test_tiny_and_huge_images(sizes: tuple[tuple[int, int], tuple[int, int]]) -> None:
    pair = SMALL.pair(noise(*sizes[0]), noise(*sizes[1]), "x")
    for tokens in pair:
        check(tokens, SMALL)
    assert sum(tokens.grid[0] * tokens.grid[1] // 4 for tokens in pair) <= 3 * 2 * 64


def test_the_same_id_gives_the_same_tokens_in_any_process() -> None:
    first, second = photograph(240, 180), retouched(photograph(240, 180))
    np.random.seed(3)  # noqa: NPY002 - the global state must not matter
    one = SMALL.pair(first, second, pair_key("a", "b"))
    again = pickle.loads(pickle.dumps(SMALL)).pair(first, second, pair_key("b", "a"))
    assert all(same(x, y) for x, y in zip(one, again, strict=True))
    assert DiffToken(**SMALL.settings()) == SMALL


def test_detail_goes_where_the_images_differ() -> None:
    setting = DiffToken(budget=65, short_side=128, patch=8)
    first = photograph(128, 128)
    for tokens in setting.pair(first, retouched(first), "x"):
        fine = tokens.positions[tokens.scale == 1]
        assert tokens.grid == (16, 16)
        # A window of the other quarters' patches may reach the blurred one by nothing: patches are whole.
        assert len(fine) == 4 * 8
        assert (fine >= 8).all()
        assert tokens.dropped == 64 - 8 - (64 - 32)


def test_identical_images_are_selected_alike_and_all_over() -> None:
    image = photograph(256, 192)
    one, other = SMALL.pair(image, image.copy(), "x")
    assert same(one, other)
    check(one, SMALL)
    rows = one.positions[one.scale == 1][:, 0] / one.grid[0]
    assert rows.min() < 0.35 < 0.65 < rows.max()
    assert not same(one, SMALL.pair(image, image, "y")[0])


def test_what_the_tokens_hold() -> None:
    setting = DiffToken(budget=65, short_side=64, patch=8)
    image = noise(96, 64)
    tokens = setting.single(image, "x")
    assert tokens.grid == (8, 12)
    pixels = np.asarray(image).astype(int)
    for patch, (row, column), scale in zip(
        tokens.patches.numpy(), tokens.positions.tolist(), tokens.scale.tolist(), strict=True
    ):
        if scale:
            top, left = int(row) * 8, int(column) * 8
            expected = pixels[top : top + 8, left : left + 8]
        else:
            top, left = int(row - 0.5) * 8, int(column - 0.5) * 8
            square = pixels[top : top + 16, left : left + 16].reshape(8, 2, 8, 2, 3)
            expected = (square.sum(axis=(1, 3)) + 2) // 4
        assert np.array_equal(patch, expected.transpose(2, 0, 1))


def test_the_importance_order_is_fine_then_coarse_then_dropped() -> None:
    importance = np.random.default_rng(0).random((16, 12)).astype(np.float32)
    chosen = select(importance, tokens=100, share=0.5, rng=np.random.default_rng(0))
    flat = importance.ravel()
    rest = np.setdiff1d(np.arange(flat.size), np.concatenate([chosen.fine, chosen.coarse]))
    assert len(rest) == chosen.dropped > 0
    assert flat[chosen.fine].min() > flat[chosen.coarse].max() > flat[rest].max()
    assert 4 * len(chosen.fine) + len(chosen.coarse) == 100


@pytest.mark.parametrize(
    ("patches", "fine", "used"), [(144, 72, 360), (204, 102, 510), (256, 85, 511), (768, 63, 511)]
)
def test_how_many_are_fine_within_511_tokens(patches: int, fine: int, used: int) -> None:
    assert fine_patches(patches, 511, 0.5) == fine
    assert min(patches + 3 * fine, 511) == used
    assert fine_patches(patches, 511, 0.0) == 0


def test_patches_without_a_counterpart_get_the_mean() -> None:
    ssim = np.array([[0.0, 0.5]], dtype=np.float32)
    one, other = pair_importance(ssim, (3, 2), (1, 2))
    assert one.tolist() == [[0.75, 0.75], [1.0, 0.5], [0.75, 0.75]]
    assert other.tolist() == [[1.0, 0.5]]


def test_difftoken_off_is_every_patch_of_the_image_within_the_budget() -> None:
    image = photograph(400, 300)
    tokens = DiffToken().plain(image)
    assert (tokens.grid, len(tokens), tokens.dropped) == ((19, 26), 494, 0)
    whole = np.asarray(image.resize((416, 304), Image.Resampling.LANCZOS))
    assert np.array_equal(tokens.patches[27].numpy(), whole[16:32, 16:32].transpose(2, 0, 1))
    for size in ((1, 1), (200, 1), (1, 200), (5, 3)):
        assert 0 < len(SMALL.plain(noise(*size))) <= 64


def test_batches_mask_what_is_padding() -> None:
    tokens = [SMALL.single(noise(96, 96), "a"), SMALL.plain(noise(40, 60))]
    batch = collate_tokens(tokens, patch=8)
    longest = max(len(one) for one in tokens)
    assert batch["patches"].shape == (2, longest, 3, 8, 8)
    for place, one in enumerate(tokens):
        assert batch["present"][place].tolist() == [n < len(one) for n in range(longest)]
        for name in ("patches", "centers", "scale"):
            assert torch.equal(batch[name][place, : len(one)], getattr(one, name))
            assert not batch[name][place, len(one) :].any()
    assert collate_tokens([], 64, patch=8)["patches"].shape == (0, 64, 3, 8, 8)
    with pytest.raises(ValueError, match=f"at most 3 of an image, found {longest}"):
        collate_tokens(tokens, 3, patch=8)


@pytest.mark.parametrize("protocol", ["corrected", "released"])
def test_an_image_of_one_line_is_refused(protocol: str) -> None:
    setting = DiffToken(protocol)  # pyright: ignore[reportArgumentType]
    line = Image.new("RGB", (1000, 4))
    for call in (
        lambda: setting.single(line, "x"),
        lambda: setting.plain(line),
        lambda: setting.pair(Image.new("RGB", (100, 100)), line, "x"),
    ):
        with pytest.raises(DataError, match="1000 x 4: expected at most 200 times"):
            call()


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        ({"protocol": "releasd"}, "'corrected' or 'released', found 'releasd'"),
        ({"protocol": "released", "budget": 256}, "settings of its own"),
        ({"fine_share": 1.5}, "fine_share: expected 0..1, found 1.5"),
        ({"budget": 4}, "budget of 5 tokens or more"),
        ({"patch": 3}, "patches of 4 pixels or more"),
    ],
)
def test_settings_that_cannot_work(given_settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DiffToken(**given_settings)
