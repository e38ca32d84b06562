import math

import numpy as np
import pytest
from scipy import stats

from artimuse.evaluation.metrics import (
    Metric,
    choice_accuracy,
    krcc,
    mae,
    pair_accuracy,
    plcc,
    plcc_logistic,
    rmse,
    srcc,
)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [3, 10, 10**6])
def test_correlations_are_those_of_scipy_with_ties(seed, levels):
    random = np.random.default_rng(seed)
    label = random.integers(levels, size=200) / levels
    prediction = np.round(label + random.normal(size=200), 1)
    assert srcc(prediction, label).value == pytest.approx(
        stats.spearmanr(prediction, label)[0], abs=1e-9
    )
    assert plcc(prediction, label).value == pytest.approx(
        stats.pearsonr(prediction, label)[0], abs=1e-9
    )
    assert krcc(prediction, label).value == pytest.approx(
        stats.kendalltau(prediction, label)[0], abs=1e-9
    )
    assert srcc(prediction, label).n == plcc(prediction, label).n == 200


def test_correlations_keep_their_sign_and_srcc_sees_ranks_alone():
    label = [1.0, 2.0, 3.0, 4.0]
    assert srcc([40.0, 30.0, 20.0, 10.0], label).value == pytest.approx(-1.0, abs=1e-12)
    assert plcc([40.0, 30.0, 20.0, 10.0], label).value == pytest.approx(-1.0, abs=1e-12)
    assert srcc(np.exp(label), label).value == pytest.approx(1.0, abs=1e-12)
    random = np.random.default_rng(0)
    x, y = random.normal(size=50), random.normal(size=50)
    assert srcc(x + 64, y) == srcc(x, y)


@pytest.mark.parametrize("metric", [srcc, plcc, krcc, plcc_logistic])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9 / 3])
def test_constants_score_zero(metric, constant):
    label = np.random.default_rng(0).normal(size=7)
    assert metric([constant] * 7, label) == Metric(0.0, 7)
    assert metric(label, [constant] * 7) == Metric(0.0, 7)


@pytest.mark.parametrize("metric", [srcc, plcc, krcc, mae, rmse])
def test_bad_values_are_errors_that_say_which(metric):
    with pytest.raises(ValueError, match=r"found the prediction nan at 2 \(1 of 4 items\)"):
        metric([1.0, 2.0, math.nan, 4.0], [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match="found the prediction inf at 0"):
        metric([math.inf, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match="found the label nan at 1"):
        metric([1.0, 2.0, 3.0], [1.0, math.nan, 3.0])
    with pytest.raises(ValueError, match="one prediction per label"):
        metric([1.0, 2.0, 3.0], [1.0, 2.0])


def test_too_few_items_are_errors():
    for metric in (srcc, plcc, krcc):
        with pytest.raises(ValueError, match="at least 3 items, found 2"):
            metric([1.0, 2.0], [1.0, 2.0])
    for metric in (mae, rmse):
        assert metric([1.0], [3.0]) == Metric(2.0, 1)
        with pytest.raises(ValueError, match="at least 1 items, found 0"):
            metric([], [])


def test_errors_by_hand():
    assert mae([1.0, 2.0, 6.0], [1.0, 4.0, 2.0]).value == pytest.approx(2.0)
    assert rmse([1.0, 2.0, 6.0], [1.0, 4.0, 2.0]).value == pytest.approx(math.sqrt(20 / 3))


def test_a_logistic_relation_is_linear_after_the_fit():
    x = np.linspace(-3, 3, 80)
    label = 20 + 60 / (1 + np.exp(-(x - 0.5) / 0.4))
    assert plcc(x, label).value < 0.97
    assert plcc_logistic(x, label).value == pytest.approx(1, abs=1e-6)
    assert plcc_logistic(1000 + 7 * x, label).value == pytest.approx(1, abs=1e-6)


def test_the_fit_does_not_turn_an_inverted_model_round():
    random = np.random.default_rng(0)
    label = random.normal(size=200)
    prediction = label + 0.3 * random.normal(size=200)
    assert plcc_logistic(prediction, label).value >= plcc(prediction, label).value - 1e-3
    assert plcc_logistic(-prediction, label).value < 0.1
    with pytest.raises(ValueError, match="at least 5 items, found 4"):
        plcc_logistic([1, 2, 3, 4], [1, 2, 3, 4])


def test_pair_accuracy_by_hand():
    """Right, wrong, right (second better), tie in the label, tie in the prediction (wrong)."""
    found = pair_accuracy([9, 1, 1, 5, 5], [1, 9, 9, 1, 5], [0.9, 0.8, 0.0, 0.5, 0.6])
    assert found == Metric(0.5, 4, counts={"ties": 1})


def test_swapped_pairs_have_the_same_accuracy():
    random = np.random.default_rng(0)
    first, second = random.integers(4, size=(2, 60))
    probability = random.integers(0, 11, size=60) / 10
    assert pair_accuracy(first, second, probability) == pair_accuracy(
        second, first, 1 - probability
    )


def test_bad_pairs_are_errors():
    with pytest.raises(ValueError, match=r"in \[0, 1\], found 1.5 at 1"):
        pair_accuracy([1, 2], [2, 1], [0.5, 1.5])
    with pytest.raises(ValueError, match="found 2 ties"):
        pair_accuracy([1, 2], [2, 1], [0.5, 0.5])
    with pytest.raises(ValueError, match="nan at 1"):
        pair_accuracy([1, 2], [2, math.nan], [0.1, 0.2])


def test_an_answer_that_does_not_parse_is_wrong_and_counted():
    found = choice_accuracy(["A)", None, "B)", None], ["A)", "A)", "A)", "B)"])
    assert found == Metric(0.25, 4, counts={"unparsed": 2})
    with pytest.raises(ValueError, match="at least 1"):
        choice_accuracy([], [])


def test_the_json_form():
    metric = Metric(0.5, 4, (0.25, 0.75), {"ties": 1})
    assert metric.as_json() == {"value": 0.5, "ci95": [0.25, 0.75], "n": 4, "ties": 1}
