"""Metrics of series of nearly equal images (FGAesthetics, arXiv 2603.03907), as pure functions.

    pair_f1(first, second, probability)      -> Metric: over annotated pairs
    series_accuracy(predictions, labels)     -> Metric: is the best image of each series found
    series_srcc(predictions, labels)         -> Metric: Spearman within a series, averaged

What the paper defines: accuracy and F1 over pairs; s-Acc and s-SRCC over series; Pair is the mean of accuracy
and F1 over the categories, Series that of s-Acc and s-SRCC. Which F1, and what s-Acc asks for, its authors do
not say. Here F1 is the macro average over the two answers (first better, second better), with every pair
counted both as written and turned round, so that it does not depend on which image of a pair stands first. (The
published F1 lie within .005 of the accuracies beside them.) s-Acc asks for the best image alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from artimuse.evaluation.metrics import Metric, checked, correlation, pair_outcomes

Floats = NDArray[np.float64]


def pair_f1(first: ArrayLike, second: ArrayLike, probability: ArrayLike) -> Metric:
    """Macro F1 over the two answers a pair has, "the first is better" and "the second is better".

    Every pair is counted in both orientations, so both answers have the same counts and one F1: 2 TP / (2 TP +
    FP + FN), with TP the pairs ordered rightly, FP those ordered wrongly, FN those not ordered rightly. A
    tie in the label is left out and counted; a tie in the prediction is neither answer: a miss (FN), and no
    false alarm. Without ties in the predictions this is the accuracy. In one orientation alone, the macro F1 of
    a perfect model would be 1 or .5, as the pairs happen to be written.

    Raises:
        ValueError: as `metrics.pair_accuracy`.
    """
    counted, ties = pair_counts(first, second, probability)
    if not len(counted):
        raise ValueError(f"pair F1: expected a pair with P other than .5, found {ties} ties")
    return Metric(f1_of(counted.sum(axis=0)), len(counted), counts={"ties": ties})


def pair_counts(first: ArrayLike, second: ArrayLike, probability: ArrayLike) -> tuple[Floats, int]:
    """(decided pairs, 3) 0 or 1: TP, FP and FN, as `pair_f1` has them; and the ties of the labels."""
    correct, decided = pair_outcomes(first, second, probability)
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    counted = np.stack([correct, (a != b) & ~correct, ~correct], axis=1).astype(np.float64)[decided]
    return counted, int(len(decided) - decided.sum())


def f1_of(counts: Floats) -> float:
    """F1 of summed TP, FP and FN (3)."""
    tp, fp, fn = counts
    return float(2 * tp / (2 * tp + fp + fn))


def series_accuracy(predictions: Sequence[ArrayLike], labels: Sequence[ArrayLike]) -> Metric:
    """Share of series whose best image, by the labels, is the one with the highest prediction.

    Several best images: each of them will do. Several highest predictions: right only where all of them are
    best, since a system that cannot tell has not answered. Series of one image, and those whose labels are
    all equal, have no best one: left out of n, and counted as `undecided`. counts: `length_3` = series of
    three images among the n.

    Args:
        predictions, labels: per series (images of the series); higher is better.

    Raises:
        ValueError: No series that is decided, unequal lengths, or a value that is not finite.
    """
    return _over_series("s-Acc", best_found, predictions, labels)


def series_srcc(predictions: Sequence[ArrayLike], labels: Sequence[ArrayLike]) -> Metric:
    """Mean over series of Spearman's correlation within the series; 0 for constant predictions.

    In a series of two images it is +1 or -1: read it beside the counts of lengths. Series of one image, and
    those whose labels are all equal, are left out of n and counted as `undecided`.

    Raises:
        ValueError: as `series_accuracy`.
    """
    return _over_series("s-SRCC", within_srcc, predictions, labels)


def best_found(prediction: Floats, label: Floats) -> float:
    """1 where every image of the highest prediction is one of the highest label."""
    return float(label[prediction == prediction.max()].min() == label.max())


def within_srcc(prediction: Floats, label: Floats) -> float:
    """Spearman's correlation of a series of two images or more."""
    return correlation(rankdata(prediction), rankdata(label))


def undecided(label: Floats) -> bool:
    """Whether a series has no order."""
    return len(label) < 2 or bool(np.ptp(label) == 0)


def lengths(sizes: Sequence[int]) -> dict[str, int]:
    """{"length_2": series of two images, ...}, by length."""
    return {f"length_{size}": number for size, number in sorted(Counter(sizes).items())}


def _over_series(
    name: str,
    function: Callable[[Floats, Floats], float],
    predictions: Sequence[ArrayLike],
    labels: Sequence[ArrayLike],
) -> Metric:
    if len(predictions) != len(labels):
        raise ValueError(
            f"{name}: expected predictions and labels of as many series, found {len(predictions)} and "
            f"{len(labels)}"
        )
    series = [checked(name, x, y, least=1) for x, y in zip(predictions, labels, strict=True)]
    decided = [(x, y) for x, y in series if not undecided(y)]
    if not decided:
        raise ValueError(f"{name}: expected a series with an order, found {len(series)} without")
    values = [function(x, y) for x, y in decided]
    counts = {"undecided": len(series) - len(decided)} | lengths([len(y) for _, y in decided])
    return Metric(float(np.mean(values)), len(decided), counts=counts)
