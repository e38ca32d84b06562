"""Series metrics from pairs: the best image found, and the order within a series."""

from __future__ import annotations

import pytest

from artimuse.evaluation.predictions import Prediction
from artimuse.evaluation.results import compute_metrics


def pair(ends: str, label: float, scores: tuple[float, float], series: str) -> Prediction:
    return {"kind": "pair", "id": ends, "label": label, "prediction": 0.5, "scores": scores,
            "series": series, "dataset": "d"}  # fmt: skip


def test_the_mean_over_an_images_pairs_decides() -> None:
    rows = [
        # Annotated a > b > c; the model's means are a 55, b 56, c 30: c is last, a is not found.
        pair("a|b", 0.8, (50, 60), "one"),
        pair("a|c", 0.9, (60, 30), "one"),
        pair("c|b", 0.3, (30, 52), "one"),
        pair("x|y", 0.2, (40, 70), "two"),
        pair("u|v", 0.5, (40, 70), "three"),
    ]
    found = compute_metrics(rows, seed=0)
    assert found["s_acc"].value == 0.5
    assert found["s_acc"].n == 2
    assert found["s_acc"].counts["undecided"] == 1
    assert found["s_srcc"].value == pytest.approx((0.5 + 1.0) / 2)


def test_an_images_own_score_is_over_all_its_pairs() -> None:
    """Also over those that nobody annotated: a|c and b|c are, a|b is not."""
    rows = [pair("a|c", 0.9, (60, 30), "one"), pair("b|c", 0.6, (70, 30), "one")]
    assert compute_metrics(rows, seed=0)["s_acc"].value == 0.0
    for row, scores in zip(rows, ((65.0, 30.0), (60.0, 30.0)), strict=True):
        row["image_scores"] = scores
    assert compute_metrics(rows, seed=0)["s_acc"].value == 1.0


def test_equal_scores_find_nothing() -> None:
    found = compute_metrics([pair("x|y", 0.2, (40, 40), "two")], seed=0)
    assert found["s_acc"].value == 0.0
    assert found["s_srcc"].value == 0.0
    assert compute_metrics([], seed=0) == {}
