"""Score rows of one data set and aspect -> correlations, errors, what categories and raters' noise allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artimuse.data.checks.report.scores import category_means
from artimuse.evaluation import metrics as measure
from artimuse.evaluation.logistic import Integers, refitting
from artimuse.evaluation.measures.measured import Measured
from artimuse.evaluation.noise import noise_ceiling
from artimuse.evaluation.predictions import Prediction
from artimuse.evaluation.resampling import (
    krcc_of,
    mean_of,
    numbered,
    plcc_of,
    root_mean_of,
    srcc_of,
    within_of,
)

Floats = NDArray[np.float64]
LEAST_FITTED = 10
"""Four parameters come near to any labels of fewer items."""
LEAST_IN_CATEGORY = 10
"""An order of fewer images of a category says little."""


def of_scores(rows: Sequence[Prediction]) -> dict[str, Measured]:
    """srcc, plcc, krcc, mae, rmse (points of 0-100), and where the rows allow them the others:

    plcc_logistic, rmse_logistic: after the four-parameter fit, of 10 items or more whose labels differ. The
        curve is fitted anew in every resample, and what a fit gains of itself is taken off their interval.
    rmse_native: in the data set's own unit.
    srcc_within_categories: mean of the SRCC inside each category of 10 images or more, by their number.
    srcc_category_floor: predicting each image by its category's mean (`category_floor` of the data check).
    srcc_noise_ceiling: the most that the raters' noise allows (`noise`).
    """
    x = np.array([row["prediction"] for row in rows], np.float64)
    y = np.array([row["label"] for row in rows], np.float64)
    n, error = len(rows), x - y
    found = {
        "srcc": Measured(measure.srcc(x, y), srcc_of(x, y), n),
        "plcc": Measured(measure.plcc(x, y), plcc_of(x, y), n),
        "krcc": Measured(measure.krcc(x, y), krcc_of(x, y), n),
        "mae": Measured(measure.mae(x, y), mean_of(np.abs(error)), n),
        "rmse": Measured(measure.rmse(x, y), root_mean_of(error**2), n),
    }
    found |= _fitted(x, y) | _native(rows, x, y) | _categories(rows, x, y)
    ceiling = noise_ceiling(
        y, [row.get("std") for row in rows], [row.get("raters") for row in rows]
    )
    if ceiling is not None:
        found["srcc_noise_ceiling"] = Measured(ceiling, None, n, of_labels=True)
    return found


def _fitted(x: Floats, y: Floats) -> dict[str, Measured]:
    n = len(y)
    if n < LEAST_FITTED or np.ptp(y) == 0:
        return {}
    refitted = refitting(x, y)
    curve = refitted(None)
    # Both are asked about the same draws, one after the other: one fit serves them.
    last: list[tuple[Integers, Floats]] = []

    def of(draws: Integers) -> Floats:
        if not last or last[0][0] is not draws:
            last[:] = [(draws, refitted(draws))]
        return last[0][1]

    def correlated(draws: Integers) -> float:
        return plcc_of(of(draws), y)(draws)

    def error(draws: Integers) -> float:
        return root_mean_of((of(draws) - y) ** 2)(draws)

    plcc = measure.Metric(measure.correlation(curve, y), n)
    return {
        "plcc_logistic": Measured(plcc, correlated, n, fitted=True),
        "rmse_logistic": Measured(measure.rmse(curve, y), error, n, fitted=True),
    }


def _native(rows: Sequence[Prediction], x: Floats, y: Floats) -> dict[str, Measured]:
    scales = [row.get("scale") for row in rows]
    if any(scale is None for scale in scales):
        return {}
    points = np.array([(high - low) / 100 for low, high in _known(scales)])
    metric = measure.rmse(x * points, y * points)
    return {"rmse_native": Measured(metric, root_mean_of(((x - y) * points) ** 2), len(rows))}


def _categories(rows: Sequence[Prediction], x: Floats, y: Floats) -> dict[str, Measured]:
    kinds, number = numbered([row.get("category") for row in rows])
    sizes = np.bincount(kinds, minlength=number)
    if number < 2:
        return {}
    found: dict[str, Measured] = {}
    n = int(sizes[sizes >= LEAST_IN_CATEGORY].sum())
    if n:
        within = within_of(x, y, kinds.tolist(), least=LEAST_IN_CATEGORY)
        counts = {"categories": int((sizes >= LEAST_IN_CATEGORY).sum())}
        metric = measure.Metric(within(np.ones(len(y), np.intp)), n, counts=counts)
        found["srcc_within_categories"] = Measured(metric, within, len(y))
    predicted = category_means(y, kinds)
    if predicted is not None:
        means, part = predicted
        floor = within_of(means, y, part.tolist(), least=measure.LEAST_CORRELATED)
        value = floor(np.ones(len(y), np.intp))
        metric = measure.Metric(value, len(y), counts={"categories": number})
        found["srcc_category_floor"] = Measured(metric, floor, len(y), of_labels=True)
    return found


def _known(values: Sequence[Any]) -> Sequence[Any]:
    assert all(value is not None for value in values)
    return values
