"""A metric together with what a bootstrap needs of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from artimuse.evaluation.intervals import RESAMPLES, percentiles, resampled, unbiased
from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.predictions import Prediction
from artimuse.evaluation.resampling import Floats, Statistic

Unit = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric, the same as a statistic of how often each unit was drawn, and the number of units.

    Units are what is drawn as a whole: items, series of pairs, images with several questions.
    statistic: None for a metric that brings its own interval. of_labels: a floor or a ceiling, the same for
    every model. fitted: it was fitted to the very labels that it is measured on (`intervals.unbiased`).
    """

    metric: Metric
    statistic: Statistic | None
    units: int
    of_labels: bool = False
    fitted: bool = False


def with_intervals(
    measured: Mapping[str, Measured], *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Metric]:
    """The metrics with their 95 % bootstrap intervals."""
    asked = {
        name: (one.statistic, one.units)
        for name, one in measured.items()
        if one.statistic is not None
    }
    drawn = resampled(asked, seed=seed, resamples=resamples)
    found = {name: percentiles(of_draws(measured[name], drawn[name])) for name in drawn}
    return {
        name: replace(one.metric, ci95=found[name]) if name in found else one.metric
        for name, one in measured.items()
    }


def of_draws(one: Measured, values: Floats) -> Floats:
    """(resamples) values of a metric, as its interval is taken of them."""
    return unbiased(values, one.metric.value) if one.fitted else values


def unit_of(row: Prediction) -> Unit:
    """What a row was drawn with: its series within its data set, or itself."""
    series = row.get("series")
    return row.get("dataset"), f"series {series}" if series is not None else f"row {row['id']}"
