"""Breakdowns: parts that add up, hand-made numbers, and scipy's correlations within a part."""

from __future__ import annotations

import random

import numpy as np
import pytest
from evaluation.report.made import CATEGORIES, score_rows
from scipy import stats

from artimuse.evaluation.report import breakdowns
from artimuse.evaluation.report.breakdowns import Columns


def columns(
    labels: list[float], predictions: list[float], categories: list[str | None] | None = None
) -> Columns:
    names = categories or [None] * len(labels)
    return Columns.of(
        [{"kind": "score", "id": f"{k:03d}", "label": y, "prediction": x, "category": c}
         for k, (y, x, c) in enumerate(zip(labels, predictions, names, strict=True))]
    )  # fmt: skip


def test_the_order_of_rows_does_not_matter() -> None:
    rows = score_rows(120)
    shuffled = random.Random(3).sample(rows, len(rows))
    one, other = Columns.of(rows), Columns.of(shuffled)
    for what in (
        breakdowns.by_category,
        breakdowns.by_band,
        breakdowns.calibration,
        breakdowns.furthest,
    ):
        assert what(one) == what(other)


def test_categories_hold_every_image_and_agree_with_scipy() -> None:
    made = Columns.of(score_rows())
    parts = breakdowns.by_category(made)
    assert {part.name for part in parts} == set(CATEGORIES)
    assert sum(part.n for part in parts) == len(made)
    assert [part.n for part in parts] == sorted((part.n for part in parts), reverse=True)
    for part in parts:
        chosen = made.take(np.array([row["category"] == part.name for row in made.rows]))
        assert part.srcc is not None
        expected = stats.spearmanr(chosen.prediction, chosen.label)[0]
        assert part.srcc.value == pytest.approx(expected, abs=1e-9)
        error = chosen.prediction - chosen.label
        assert part.bias.value == pytest.approx(error.mean())
        assert part.mae.value == pytest.approx(np.abs(error).mean())
        assert part.srcc.ci95 is not None
        assert part.srcc.ci95[0] < part.srcc.value < part.srcc.ci95[1]


def test_a_part_of_two_images_has_no_correlation_and_of_nine_no_interval() -> None:
    labels = [float(k) for k in range(12)]
    (nine, two, none) = breakdowns.by_category(
        columns(labels, labels, ["a"] * 9 + ["b"] * 2 + [None])
    )
    assert (nine.name, nine.n, two.name, two.n, none.name, none.n) == (
        "a",
        9,
        "b",
        2,
        "no category",
        1,
    )
    assert nine.srcc is not None
    assert (nine.srcc.ci95, nine.mae.ci95) == (None, None)
    assert nine.srcc.value == pytest.approx(1)
    assert two.srcc is None
    assert two.mae.value == 0


def test_without_categories_there_are_no_parts() -> None:
    assert breakdowns.by_category(columns([1, 2, 3], [1, 2, 3])) == []


def test_bands_are_equally_large_from_low_to_high_with_equal_scores_together() -> None:
    labels = [float(k % 50) for k in range(100)]
    parts = breakdowns.by_band(columns(labels, [50.0] * 100))
    assert [part.n for part in parts] == [20] * 5
    assert [(part.low, part.high) for part in parts] == [(10.0 * k, 10.0 * k + 9) for k in range(5)]
    # Everything is predicted as 50: the low are put too high, the high too low, and no order is found.
    assert [part.bias.value for part in parts] == pytest.approx([45.5, 35.5, 25.5, 15.5, 5.5])
    assert all(part.srcc is not None and part.srcc.value == 0 for part in parts)
    few = breakdowns.by_band(columns([1.0] * 50 + [9.0] * 3, [0.0] * 53))
    assert [(part.low, part.high, part.n) for part in few] == [(1, 1, 50), (9, 9, 3)]


def test_a_calibrated_model_is_on_the_diagonal_whatever_its_noise() -> None:
    noise = np.random.default_rng(0)
    prediction = noise.uniform(20, 80, 20_000)
    label = np.clip(prediction + noise.normal(0, 6, 20_000), 0, 100)
    bins = breakdowns.calibration(columns(label.tolist(), prediction.tolist()))
    assert sum(one.n for one in bins) == 20_000
    assert breakdowns.calibration_error(bins) < 0.4
    assert (
        sum(one.true.ci95[0] <= one.predicted <= one.true.ci95[1] for one in bins if one.true.ci95)
        >= 8
    )
    # By the label the same model would look as if it pulled everything to the middle.
    assert abs(breakdowns.by_band(columns(label.tolist(), prediction.tolist()))[0].bias.value) > 1


def test_calibration_error_by_hand() -> None:
    bins = breakdowns.calibration(
        columns([10.0] * 10 + [60.0] * 30, [20.0] * 10 + [50.0] * 30), bins=2
    )
    assert [(one.n, one.predicted, one.true.value) for one in bins] == [(10, 20, 10), (30, 50, 60)]
    assert breakdowns.calibration_error(bins) == 10


def test_worst_and_best_by_hand_equal_ones_by_id() -> None:
    made = columns([10, 20, 30, 40], [40, 21, 30, 10])
    assert [(miss.row["id"], miss.error) for miss in breakdowns.furthest(made, n=3)] == [
        ("000", 30), ("003", -30), ("001", 1),
    ]  # fmt: skip
    assert [miss.row["id"] for miss in breakdowns.closest(made, n=2)] == ["002", "001"]
    assert [miss.prediction for miss in breakdowns.highest(made, n=2)] == [40, 30]
    assert [miss.prediction for miss in breakdowns.lowest(made, n=2)] == [10, 21]
    assert len(breakdowns.furthest(made)) == 4
