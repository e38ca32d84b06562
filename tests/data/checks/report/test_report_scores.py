"""What a coarse or a lazy reader of scores could reach, against examples computed by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artimuse.data.checks.report.scores import (
    Labels,
    category_floor,
    described,
    hint,
    levels_5,
    score_labels,
    tokens_101,
)
from artimuse.records import Question, Sample, ScoreLabel, Source


def source_of(
    scores: Sequence[tuple[float, str | None]], low: float = 0, high: float = 10
) -> Source:
    samples = [
        Sample(
            f"made/{number}", (),
            (Question("score", aspect="overall", label=ScoreLabel(score, low, high)),),
            "made", category=category,
        )
        for number, (score, category) in enumerate(scores)
    ]  # fmt: skip
    return Source("made", samples, items=len(samples))


def test_rounding_to_tokens_and_levels() -> None:
    assert tokens_101([0, 0.49, 0.5, 41.5, 99.4, 100]).tolist() == [0, 0, 1, 42, 99, 100]
    # Equal bins, each with its upper end; the lowest score is in the first.
    assert levels_5([0, 20, 20.1, 40, 79.9, 80, 100]).tolist() == [1, 1, 2, 2, 4, 4, 5]
    # .6 on .2 to 1 is 49.99999999999999 of 100, and .36 just above 20.
    flickr = [ScoreLabel(mean, 0.2, 1.0).score_0_100 for mean in (0.36, 0.52, 0.68, 0.84)]
    assert levels_5(flickr).tolist() == [1, 2, 3, 4]


def test_the_most_that_five_levels_reach() -> None:
    (labels,) = score_labels(source_of([(1, None), (2.5, None), (3, None), (9, None)]))
    # 10 | 25 30 | 90: levels 1, 2, 2, 5. Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: the sums of squares
    # are 4.5 and 5, that of the products 4.5.
    assert described(labels)["srcc_5_levels"] == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert described(labels)["srcc_101_tokens"] == pytest.approx(1)


def test_scores_inside_one_level_are_not_ordered_by_it() -> None:
    (labels,) = score_labels(source_of([(8.2 + n / 10, None) for n in range(12)]))
    assert described(labels)["srcc_5_levels"] == 0
    assert described(labels)["srcc_101_tokens"] == pytest.approx(1)


@given(st.lists(st.floats(0, 10), min_size=3, max_size=40), st.floats(0.1, 50), st.floats(-9, 9))
def test_the_numbers_do_not_depend_on_the_native_scale(
    scores: list[float], gain: float, offset: float
) -> None:
    # Whole percents, so that rounding in the last place does not move a score to another token.
    scores = [round(score, 1) for score in scores]
    low, high = offset, offset + 10 * gain
    moved = [(min(max(offset + gain * score, low), high), None) for score in scores]
    (one,) = score_labels(source_of([(score, None) for score in scores]))
    (other,) = score_labels(source_of(moved, low, high))
    for key in ("srcc_101_tokens", "srcc_5_levels"):
        assert described(one)[key] == pytest.approx(described(other)[key])
    assert described(one)["used_frac"] == pytest.approx(described(other)["used_frac"])


def test_described() -> None:
    scores = [(2, "a"), (4, "a"), (6, "b"), (6, "b")]
    found = described(next(score_labels(source_of(scores))))
    assert found["n"] == 4
    assert found["mean"] == 4.5
    assert found["std"] == pytest.approx(np.sqrt(2.75))
    assert (found["min"], found["max"], found["distinct"]) == (2, 6, 3)
    assert found["used_frac"] == pytest.approx(0.4)
    counts = found["histogram"]["counts"]
    assert [place for place, count in enumerate(counts) if count] == [4, 8, 12]
    assert counts[12] == 2
    # Too few for a hint, or for parts.
    assert found["hint"] is None
    assert found["category_floor"] is None


def test_aspects_and_scales_are_told_apart() -> None:
    source = source_of([(3, None)])
    light = Question("score", aspect="light", label=ScoreLabel(2, 1, 5, std=0.5, raters=7))
    unlabeled = Question("score", aspect="light")
    source.samples = [*source.samples, Sample("made/x", (), (light, unlabeled), "made")]
    first, second = score_labels(source)
    assert (first.aspect, first.low, first.high, len(first.native)) == ("overall", 0, 10, 1)
    assert (second.aspect, second.low, second.high, len(second.native)) == ("light", 1, 5, 1)
    assert (second.with_std, second.with_raters, second.with_histogram) == (1, 1, 0)


@pytest.mark.parametrize(
    ("scores", "scale", "expected"),
    [
        (np.linspace(0, 1, 20), (0, 10), "10% of their stated scale 0 to 10 (from 0 to 1); they look "
         "like a scale of 0 to 1: check `scale`"),
        (np.linspace(1, 5, 20), (0, 10), "look like a scale of 1 to 5"),
        (np.linspace(1.2, 9.7, 20), (0, 100), "look like a scale of 1 to 10"),
        (np.linspace(6, 8, 20), (0, 10), "20% of their stated scale 0 to 10 (from 6 to 8)"),
        # They do not fill 0 to 5, and 1 to 5 is no mistake for 0 to 7.
        (np.linspace(2, 3, 20), (0, 10), "10% of their stated scale 0 to 10 (from 2 to 3)"),
        (np.linspace(1, 3.4, 20), (0, 7), "34% of their stated scale"),
        (np.full(20, 7.0), (0, 10), "all 20 scores are 7"),
        (np.linspace(2.07, 8.3, 20), (1, 10), None),  # AVA's test list
        (np.linspace(0.2, 1, 20), (0.2, 1), None),
        (np.linspace(0, 1, 9), (0, 10), None),  # too few to say
    ],
)  # fmt: skip
def test_hint(scores: np.ndarray, scale: tuple[float, float], expected: str | None) -> None:
    found = hint(scores, *scale)
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert expected in found
    if "look like" not in expected:
        assert "look like" not in found


def test_category_floor_by_hand() -> None:
    # Dealt out in turn within each category, the parts are these columns:
    scores = [10, 20, 30, 40, 50,   11, 21, 31, 41, 51,    # category 0
              60, 10, 60, 10, 60]  # fmt: skip             # category 1
    # Means of category 0 over the other four parts lie from 25.5 to 35.5, those of category 1 are 35
    # (leaving a 60 out) or 47.5 (leaving a 10 out): in every part but the last two, category 1 is
    # predicted higher.
    #   part 0: 10 11 60: predicted 35.5 35.5 35   -> ranks 2.5 2.5 1 against 1 2 3
    #   part 1: 20 21 10: predicted 33 33 47.5     -> 1.5 1.5 3 against 2 3 1
    #   part 2: 30 31 60: predicted 30.5 30.5 35   -> 1.5 1.5 3 against 1 2 3
    #   part 3: 40 41 10: predicted 28 28 47.5     -> 1.5 1.5 3 against 2 3 1
    #   part 4: 50 51 60: predicted 25.5 25.5 35   -> 1.5 1.5 3 against 1 2 3
    r = 1.5 / np.sqrt(1.5 * 2)
    found = category_floor(scores, [0] * 10 + [1] * 5)
    assert found == {"srcc": pytest.approx((-r - r + r - r + r) / 5), "n": 15, "categories": 2}


def test_category_floor_of_categories_that_say_nothing_is_zero() -> None:
    rng = np.random.default_rng(0)
    found = [category_floor(rng.random(300), rng.integers(0, 5, 300)) for _ in range(40)]
    mean = np.mean([one["srcc"] for one in found if one is not None])
    # Leaving out one score alone gives -.21 here, leaving out none +.11.
    assert abs(mean) < 0.03


def test_category_floor_of_categories_that_say_everything() -> None:
    rng = np.random.default_rng(0)
    categories = rng.integers(0, 4, 400)
    found = category_floor(categories + rng.random(400) / 2, categories)
    assert found is not None
    # Ties within a category keep it below 1.
    assert 0.95 < found["srcc"] < 1


def test_category_floor_needs_categories_and_scores() -> None:
    assert category_floor(np.arange(20), [0] * 20) is None
    assert category_floor(np.arange(14), [0, 1] * 7) is None
    # A category of one image is predicted by the mean of all.
    assert category_floor(np.arange(20), list(range(20))) is not None


def test_labels_are_arrays() -> None:
    labels = Labels("overall", 0, 10)
    labels.add(ScoreLabel(5, 0, 10), -1)
    assert labels.native.itemsize == 8
    assert labels.position.tolist() == [50]
