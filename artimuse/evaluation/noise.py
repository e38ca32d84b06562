"""The best SRCC that the raters' noise allows: a perfect model against labels that are means of few raters.

    noise_ceiling(labels, stds, raters)        -> Metric(value=0.94, n=3000, ci95=(0.936, 0.944))

A label is a true mean plus an error of variance s^2 / (r - 1), s being the spread of the r votes. The true
means are not known; they are taken to be distributed as the labels are, but drawn towards their common mean
so that true variance + mean error variance = variance of the labels (classical test theory: reliability).
Labels are drawn anew from such true means, and their SRCC with the true means is what a perfect model has.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from artimuse.evaluation.metrics import LEAST_CORRELATED, Metric, correlation

DRAWS = 200


def noise_ceiling(
    labels: ArrayLike,
    stds: Sequence[float | None],
    raters: Sequence[int | None],
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> Metric | None:
    """The mean SRCC of a perfect model over draws of the raters' errors, with the draws' 2.5 and 97.5
    percentiles; over the labels whose spread and number of raters (2 or more) are known.

    None where fewer than 3 are. 0 where the errors explain all of the labels' variance, or labels are equal.

    Args:
        labels: (N). stds: (N) spread of the votes of each label, in the same unit. raters: (N) votes.
    """
    values = np.asarray(labels, np.float64)
    known = np.array(
        [s is not None and r is not None and r > 1 for s, r in zip(stds, raters, strict=True)], bool
    )
    n = int(known.sum())
    if n < LEAST_CORRELATED:
        return None
    label = values[known]
    spread = np.array([s for s, kept in zip(stds, known, strict=True) if kept], np.float64)
    votes = np.array([r for r, kept in zip(raters, known, strict=True) if kept], np.float64)
    error = spread / np.sqrt(votes - 1)
    variance = float(label.var())
    if variance == 0 or variance <= float(np.mean(error**2)):
        return Metric(0.0, n, (0.0, 0.0))
    reliability = 1 - float(np.mean(error**2)) / variance
    true = label.mean() + np.sqrt(reliability) * (label - label.mean())
    random, ranks = np.random.default_rng(seed), rankdata(true)
    found = [
        correlation(ranks, rankdata(true + error * random.normal(size=n))) for _ in range(draws)
    ]
    low, high = np.percentile(found, [2.5, 97.5])
    return Metric(float(np.mean(found)), n, (float(low), float(high)))
