"""95 % percentile bootstrap intervals: how far a metric would move on other items of the same kind.

    srcc_interval(predictions, labels)             -> (0.570, 0.654)
    mean_interval(correct, groups=series_of_pair)  -> resamples whole series
    intervals({"srcc": (statistic, n), ...})       -> all of them, over the same resamples

Seeded: the same rows give the same interval, and all metrics of as many items, of one system or of two, are
taken over the same resamples.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from artimuse.evaluation.resampling import (
    Statistic,
    numbered,
    plcc_of,
    ratio_of,
    srcc_of,
)

Floats = NDArray[np.float64]
Interval = tuple[float, float]

RESAMPLES = 1000


def resampled(
    statistics: Mapping[str, tuple[Statistic, int]], *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Floats]:
    """Name -> (resamples) values of a statistic of n items drawn with replacement.

    Statistics of as many items are asked about the same draws.

    Args:
        statistics: each with its n.
    """
    values = {name: np.empty(resamples) for name in statistics}
    for n in dict.fromkeys(n for _, n in statistics.values()):
        asked = [(values[name], statistic) for name, (statistic, m) in statistics.items() if m == n]
        for number, draws in enumerate(_draws(n, seed, resamples)):
            for row, statistic in asked:
                row[number] = statistic(draws)
    return values


def percentiles(values: Floats) -> Interval:
    """The 2.5 and 97.5 percentiles.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3. Too narrow
    for a handful of items, as every percentile bootstrap is.
    """
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def unbiased(values: Floats, value: float) -> Floats:
    """Resampled values of a metric that is fitted to the labels it is measured on, without that advantage.

    A fit is nearer to its own labels than the truth is, and that of a resample nearer still, by about as much:
    the values' mean lies above the metric's value as that lies above the truth. They are moved down by twice
    as much, so that percentiles cover the truth. This is done in squares, since what a fit gains is added to
    the variance that it explains, or taken off the squared error: a correlation of 0 gains more than one of .6.

    Source: Efron and Tibshirani (1993), chapter 10: the bootstrap's estimate of bias.

    Args:
        values: (resamples), each with a fit of its own. value: the metric's, fitted to all rows.
    """
    squares = np.sign(values) * values**2
    moved = squares - 2 * (squares.mean() - np.sign(value) * value**2)
    return np.sign(moved) * np.sqrt(np.abs(moved))


def intervals(
    statistics: Mapping[str, tuple[Statistic, int]], *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Name -> interval; see `resampled`."""
    drawn = resampled(statistics, seed=seed, resamples=resamples)
    return {name: percentiles(values) for name, values in drawn.items()}


def bootstrap(
    statistic: Statistic, n: int, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The interval of one statistic of n items."""
    return intervals({"": (statistic, n)}, seed=seed, resamples=resamples)[""]


def srcc_interval(
    predictions: ArrayLike, labels: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The interval of `metrics.srcc`: every resample is ranked anew, with its own ties."""
    statistic = srcc_of(predictions, labels)
    return bootstrap(statistic, np.size(labels), seed=seed, resamples=resamples)


def plcc_interval(
    predictions: ArrayLike, labels: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """The interval of `metrics.plcc`."""
    statistic = plcc_of(predictions, labels)
    return bootstrap(statistic, np.size(labels), seed=seed, resamples=resamples)


def mean_interval(
    values: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """The interval of a mean of (N) values: an accuracy (values 0 and 1), a mean error; see `grouped_mean`."""
    value = np.asarray(values, np.float64)
    statistic, n = grouped_mean(value, range(len(value)) if groups is None else groups)
    return bootstrap(statistic, n, seed=seed, resamples=resamples)


def grouped_mean(values: ArrayLike, groups: Sequence[Hashable]) -> tuple[Statistic, int]:
    """A mean of (N) values as a statistic of groups, and the number of groups.

    groups (N) says what was drawn together, the series of a pair: pairs of a series share images,
    so whole series are resampled. One pair at a time would pretend to more independent items than
    there are, and the interval would be too narrow.
    """
    value = np.asarray(values, np.float64)
    member, number = numbered(groups)
    if member.shape != value.shape:
        raise ValueError(f"expected a group per value, found {member.shape} for {value.shape}")
    sums = np.bincount(member, weights=value, minlength=number).astype(np.float64)
    sizes = np.bincount(member, minlength=number).astype(np.float64)
    return ratio_of(sums, sizes), number


def _draws(n: int, seed: int, resamples: int) -> Iterator[NDArray[np.intp]]:
    """(n) how often each item was drawn, for each resample."""
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(random.integers(n, size=n), minlength=n)
