"""Where a model is good and where it is not: pure functions of the score rows of one data set and aspect.

    columns = Columns.of(rows)
    by_category(columns)     # SRCC, error and bias within each category
    by_band(columns)         # the same for five equally large parts, from the lowest true scores to the highest
    calibration(columns)     # what was true where so much was predicted
    furthest(columns), closest(columns)

Scores are on 0-100; a bias is predicted - true, in points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from artimuse.evaluation import metrics as measure
from artimuse.evaluation.intervals import mean_interval, srcc_interval
from artimuse.evaluation.metrics import Metric

Floats = NDArray[np.float64]
BANDS, BINS, SHOWN = 5, 10, 10
LEAST_INTERVAL = 10
"""Items below which no interval is given: a percentile bootstrap of fewer is too narrow to be believed."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Score rows as columns (N), and the rows themselves, sorted by id."""

    label: Floats
    prediction: Floats
    rows: tuple[Any, ...]

    @classmethod
    def of(cls, rows: Sequence[Any]) -> Columns:
        """Of prediction rows of kind "score"; their order does not matter."""
        ordered = tuple(sorted(rows, key=lambda row: row["id"]))
        label = np.array([row["label"] for row in ordered], np.float64)
        prediction = np.array([row["prediction"] for row in ordered], np.float64)
        return cls(label, prediction, ordered)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: NDArray[Any]) -> Columns:
        """The rows at some places (or under a mask), in their order."""
        places = np.arange(len(self))[chosen]
        rows = tuple(self.rows[place] for place in places)
        return Columns(self.label[places], self.prediction[places], rows)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the images.

    srcc: None below 3 images. mae, bias: of predicted - true, in points of 0-100. low, high: of the
    true scores.
    """

    name: str
    n: int
    srcc: Metric | None
    mae: Metric
    bias: Metric
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Images that were predicted alike: their mean prediction, and their mean true score with its interval."""

    n: int
    low: float
    high: float
    predicted: float
    true: Metric


@dataclass(frozen=True, slots=True)
class Miss:
    """An image with what was true and what was predicted; `error` is predicted - true, in points."""

    row: Any
    label: float
    prediction: float

    @property
    def error(self) -> float:
        return self.prediction - self.label


def by_category(columns: Columns, *, seed: int = 0) -> list[Part]:
    """A part per category, the largest first; images without one come last, as "no category".

    Empty where no image has a category.
    """
    names = [row.get("category") for row in columns.rows]
    found = sorted({name for name in names if name is not None})
    if not found:
        return []
    member = np.array([-1 if name is None else found.index(name) for name in names])
    parts = [_part(name, columns.take(member == k), seed) for k, name in enumerate(found)]
    parts.sort(key=lambda part: (-part.n, part.name))
    if (member == -1).any():
        parts.append(_part("no category", columns.take(member == -1), seed))
    return parts


def by_band(columns: Columns, *, bands: int = BANDS, seed: int = 0) -> list[Part]:
    """Parts of nearly equal size by true score, from the lowest to the highest; equal scores stay together.

    So there may be fewer parts than bands where many scores are equal, and none of them is empty.
    """
    return [
        _part(f"{chosen.label.min():.1f} to {chosen.label.max():.1f}", chosen, seed)
        for chosen in (columns.take(mask) for mask in _equal_parts(columns.label, bands))
    ]


def calibration(columns: Columns, *, bins: int = BINS, seed: int = 0) -> list[Bin]:
    """Bins of nearly equal size by *predicted* score, from low to high: is so much true where so much is said?

    By the prediction, not by the label: images of the same label have other means by regression alone.
    """
    found = []
    for mask in _equal_parts(columns.prediction, bins):
        chosen = columns.take(mask)
        mean = Metric(float(chosen.label.mean()), len(chosen))
        found.append(
            Bin(
                len(chosen),
                float(chosen.prediction.min()),
                float(chosen.prediction.max()),
                float(chosen.prediction.mean()),
                replace(mean, ci95=_mean_interval(chosen.label, seed)),
            )
        )
    return found


def calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance of predicted and true means over the bins, weighted by their sizes, in points of 0-100."""
    total = sum(one.n for one in bins)
    return sum(one.n * abs(one.predicted - one.true.value) for one in bins) / total


def furthest(columns: Columns, *, n: int = SHOWN) -> list[Miss]:
    """The images that were judged worst: largest |predicted - true| first, equal ones by id."""
    error = np.abs(columns.prediction - columns.label)
    return _misses(columns, np.argsort(-error, kind="stable")[:n])


def closest(columns: Columns, *, n: int = SHOWN) -> list[Miss]:
    """The images that were judged best: smallest |predicted - true| first, equal ones by id."""
    error = np.abs(columns.prediction - columns.label)
    return _misses(columns, np.argsort(error, kind="stable")[:n])


def highest(columns: Columns, *, n: int = SHOWN) -> list[Miss]:
    """The images with the highest predictions, from the top."""
    return _misses(columns, np.argsort(-columns.prediction, kind="stable")[:n])


def lowest(columns: Columns, *, n: int = SHOWN) -> list[Miss]:
    """The images with the lowest predictions, from the bottom."""
    return _misses(columns, np.argsort(columns.prediction, kind="stable")[:n])


def _misses(columns: Columns, places: NDArray[Any]) -> list[Miss]:
    return [
        Miss(columns.rows[k], float(columns.label[k]), float(columns.prediction[k])) for k in places
    ]


def _equal_parts(values: Floats, parts: int) -> list[NDArray[np.bool_]]:
    """Masks (N) of at most so many parts of nearly equal size by value, equal values together, none empty."""
    # Equal values share their mean rank, so they fall into one part.
    member = np.floor((rankdata(values) - 0.5) / len(values) * parts)
    return [mask for k in range(parts) if (mask := member == k).any()]


def _part(name: str, columns: Columns, seed: int) -> Part:
    x, y = columns.prediction, columns.label
    error = x - y
    order = None
    if len(columns) >= measure.LEAST_CORRELATED:
        order = measure.srcc(x, y)
        if len(columns) >= LEAST_INTERVAL:
            order = replace(order, ci95=srcc_interval(x, y, seed=seed))
    return Part(
        name,
        len(columns),
        order,
        replace(measure.mae(x, y), ci95=_mean_interval(np.abs(error), seed)),
        Metric(float(error.mean()), len(columns), ci95=_mean_interval(error, seed)),
        float(y.min()),
        float(y.max()),
    )


def _mean_interval(values: Floats, seed: int) -> tuple[float, float] | None:
    return mean_interval(values, seed=seed) if len(values) >= LEAST_INTERVAL else None
