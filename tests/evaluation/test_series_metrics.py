import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.series_metrics import pair_f1, series_accuracy, series_srcc


def test_f1_by_hand() -> None:
    """Right, wrong, right, no answer: each pair once as written and once turned round."""
    found = pair_f1([9, 1, 1, 5], [1, 9, 9, 5], [0.9, 0.8, 0.1, 0.2])
    # Of "the first is better": two found, one said of a pair that is the other way, two missed.
    assert found == Metric(2 * 2 / (2 * 2 + 1 + 2), 4, counts={"ties": 0})


@pytest.mark.parametrize("better_first", [False, True])
def test_f1_does_not_depend_on_which_image_of_a_pair_stands_first(better_first: bool) -> None:
    random = np.random.default_rng(0)
    a, b = np.round(random.normal(size=(2, 60)), 1)  # some are equal
    p = random.integers(0, 11, size=60) / 10
    turned = p < 0.5 if better_first else random.random(60) < 0.5
    swapped = np.where(turned, b, a), np.where(turned, a, b), np.where(turned, 1 - p, p)
    assert pair_f1(*swapped) == pair_f1(a, b, p)


def test_f1_of_a_perfect_model_is_one_however_its_pairs_are_written() -> None:
    assert pair_f1([2] * 9, [1] * 9, [1] * 9).value == 1
    assert pair_f1([2, 1], [1, 2], [1, 0]).value == 1


def test_constant_predictions_score_zero() -> None:
    assert pair_f1([1, 1], [1, 1], [0.9, 0.1]).value == 0
    assert series_accuracy([[5, 5, 5]], [[1, 2, 3]]).value == 0
    assert series_srcc([[5, 5, 5]], [[1, 2, 3]]).value == 0


def test_best_image_by_hand() -> None:
    predictions = [[1, 2, 3], [3, 1], [1, 1], [2, 2, 1], [9.0]]
    labels = [[1, 2, 9], [1, 2], [7, 7], [5, 5, 1], [1.0]]
    found = series_accuracy(predictions, labels)
    # right; wrong; undecided; both tied images are best: right; one image: undecided
    assert found.value == pytest.approx(2 / 3)
    assert found.n == 3
    assert found.counts == {"undecided": 2, "length_2": 1, "length_3": 2}


def test_series_srcc_is_the_mean_of_scipys() -> None:
    random = np.random.default_rng(1)
    labels = [random.integers(0, 4, size=n).astype(float) for n in (3, 5, 7, 10)]
    predictions = [np.round(random.normal(size=len(y)), 1) for y in labels]
    found: list[Any] = [stats.spearmanr(x, y) for x, y in zip(predictions, labels, strict=True)]
    mean = np.mean([one.statistic for one in found])
    assert series_srcc(predictions, labels).value == pytest.approx(mean, abs=1e-9)
    assert series_srcc([[1, 2], [2, 1]], [[1, 2], [1, 2]]).value == 0  # +1 and -1


def test_bad_series_are_errors() -> None:
    with pytest.raises(ValueError, match="nan at 1"):
        series_srcc([[1, math.nan]], [[1, 2]])
    with pytest.raises(ValueError, match="expected a series with an order, found 1 without"):
        series_accuracy([[1, 2]], [[3, 3]])
    with pytest.raises(ValueError, match="as many series, found 1 and 2"):
        series_srcc([[1]], [[1], [2]])
    with pytest.raises(ValueError, match="found 1 ties"):
        pair_f1([1], [2], [0.5])
