"""Metrics as pure functions of predictions and labels, each with the n that it was taken over.

    srcc(predictions, labels)                      -> Metric(value=0.61, n=1002)
    pair_accuracy(first, second, probability)      -> Metric(value=0.74, n=824, counts={"ties": 92})

Correlations keep their sign, and constant predictions score 0. numpy and scipy alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kendalltau, rankdata

from artimuse.evaluation.logistic import fitted

Floats = NDArray[np.float64]
LEAST_CORRELATED = 3
LOWER_IS_BETTER = ("mae", "rmse", "rmse_logistic", "rmse_native", "critique_bits")
"""Names of metrics, without what stands behind a slash."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number, the items it is taken over, its 95 % interval once known, and what was counted.

    counts: "ties" (labels without an order, left out of n), "unparsed" (answers counted as wrong).
    """

    value: float
    n: int
    ci95: tuple[float, float] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """{"value", "ci95": [low, high], "n", ...counts}, the form of results.json."""
        interval = None if self.ci95 is None else list(self.ci95)
        return {"value": self.value, "ci95": interval, "n": self.n, **self.counts}


def srcc(predictions: ArrayLike, labels: ArrayLike) -> Metric:
    """Spearman's rank correlation, in [-1, 1]: Pearson's of the ranks.

    Equal values share their mean rank, as in scipy.stats.spearmanr.
    0 where the predictions or the labels are constant: they order nothing.

    Raises:
        ValueError: Fewer than 3 items, unequal lengths, or a value that is not finite.
    """
    x, y = checked("SRCC", predictions, labels, least=LEAST_CORRELATED)
    return Metric(correlation(rankdata(x), rankdata(y)), len(x))


def plcc(predictions: ArrayLike, labels: ArrayLike) -> Metric:
    """Pearson's linear correlation, in [-1, 1], of the raw values (no logistic fit).

    0 where the predictions or the labels are constant.

    Raises:
        ValueError: Fewer than 3 items, unequal lengths, or a value that is not finite.
    """
    x, y = checked("PLCC", predictions, labels, least=LEAST_CORRELATED)
    return Metric(correlation(x, y), len(x))


def plcc_logistic(predictions: ArrayLike, labels: ArrayLike) -> Metric:
    """Pearson's correlation after the four-parameter logistic fit of predictions to labels (`logistic`).

    The fit sees the labels, so this is not comparable with a raw PLCC, and is named apart from it.
    0 where the predictions or the labels are constant.

    Raises:
        ValueError: Fewer than 5 items (as many parameters would fit any), unequal lengths, or a value
            that is not finite.
    """
    x, y = checked("PLCC after a logistic fit", predictions, labels, least=5)
    return Metric(correlation(fitted(x, y), y), len(x))


def krcc(predictions: ArrayLike, labels: ArrayLike) -> Metric:
    """Kendall's rank correlation tau-b, in [-1, 1], as scipy.stats.kendalltau.

    0 where the predictions or the labels are constant.

    Raises:
        ValueError: Fewer than 3 items, unequal lengths, or a value that is not finite.
    """
    x, y = checked("KRCC", predictions, labels, least=LEAST_CORRELATED)
    return Metric(tau_b(x, y), len(x))


def mae(predictions: ArrayLike, labels: ArrayLike) -> Metric:
    """Mean absolute error, in the unit of the labels.

    Raises:
        ValueError: No items, unequal lengths, or a value that is not finite.
    """
    x, y = checked("MAE", predictions, labels, least=1)
    return Metric(float(np.abs(x - y).mean()), len(x))


def rmse(predictions: ArrayLike, labels: ArrayLike) -> Metric:
    """Root mean squared error, in the unit of the labels.

    Raises:
        ValueError: No items, unequal lengths, or a value that is not finite.
    """
    x, y = checked("RMSE", predictions, labels, least=1)
    return Metric(math.sqrt(np.square(x - y).mean()), len(x))


def pair_accuracy(first: ArrayLike, second: ArrayLike, probability: ArrayLike) -> Metric:
    """Share of pairs whose better image, by P(first better), got the higher predicted score.

    A tie in the label (P = .5 exactly) has no better image: left out of n and counted as `ties`. A
    tie in the *prediction* is wrong: a system that cannot tell has not answered, so constant
    predictions score 0 here as in the correlations (random ones .5).

    Raises:
        ValueError: No pair but ties, unequal lengths, P off [0, 1], or a value that is not finite.
    """
    correct, decided = pair_outcomes(first, second, probability)
    n = int(decided.sum())
    if n == 0:
        raise ValueError(
            f"pair accuracy: expected a pair with P other than .5, found {len(decided)} ties"
        )
    return Metric(float(correct[decided].mean()), n, counts={"ties": len(decided) - n})


def pair_outcomes(
    first: ArrayLike, second: ArrayLike, probability: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(correct, decided), each (P) bool: was a pair ordered as its label says; is its label no tie.

    Raises:
        ValueError: Unequal lengths, P off [0, 1], or a value that is not finite.
    """
    a, p = checked("pair accuracy", first, probability, least=0)
    b, _ = checked("pair accuracy", second, probability, least=0)
    outside = np.flatnonzero((p < 0) | (p > 1))
    if outside.size:
        raise ValueError(
            f"pair accuracy: expected P(first better) in [0, 1], found {p[outside[0]]} at "
            f"{outside[0]} ({outside.size} of {len(p)} pairs)"
        )
    return np.sign(a - b) * np.sign(p - 0.5) > 0, p != 0.5


def choice_accuracy(predictions: Sequence[str | None], labels: Sequence[str]) -> Metric:
    """Share of questions answered with the right option; None (did not parse) is wrong and counted.

    Raises:
        ValueError: No items, or unequal lengths.
    """
    if len(predictions) != len(labels) or not labels:
        raise ValueError(
            f"choice accuracy: expected as many predictions as labels, at least 1, found "
            f"{len(predictions)} and {len(labels)}"
        )
    right = sum(given == label for given, label in zip(predictions, labels, strict=True))
    unparsed = sum(given is None for given in predictions)
    return Metric(right / len(labels), len(labels), counts={"unparsed": unparsed})


def correlation(x: Floats, y: Floats) -> float:
    """Pearson's correlation of two arrays (N); 0 where one of them is constant."""
    # Asked of the values, not of the variance: rounding leaves a constant a variance of 1e-32.
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    dx, dy = x - x.mean(), y - y.mean()
    value = np.dot(dx / np.linalg.norm(dx), dy / np.linalg.norm(dy))
    return float(np.clip(value, -1.0, 1.0))


def tau_b(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Kendall's tau-b of two arrays (N); 0 where one of them is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    found: Any = kendalltau(x, y, method="asymptotic")
    return float(found.statistic)


def checked(
    metric: str, predictions: ArrayLike, labels: ArrayLike, *, least: int
) -> tuple[Floats, Floats]:
    """Both as (N) float64, or an error that says which item is at fault."""
    x, y = np.asarray(predictions, np.float64), np.asarray(labels, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            f"{metric}: expected one prediction per label, found shapes {x.shape} and {y.shape}"
        )
    if len(x) < least:
        raise ValueError(f"{metric}: expected at least {least} items, found {len(x)}")
    for name, values in (("prediction", x), ("label", y)):
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise ValueError(
                f"{metric}: expected finite numbers, found the {name} {values[bad[0]]} at {bad[0]} "
                f"({bad.size} of {len(values)} items)"
            )
    return x, y
