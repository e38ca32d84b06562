"""The four-parameter fit: as near as any search finds, and an interval that knows of the fit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit

from artimuse.evaluation.logistic import fitted, refitting
from artimuse.evaluation.measures.measured import with_intervals
from artimuse.evaluation.measures.scores import of_scores
from artimuse.evaluation.metrics import Metric, correlation
from evaluation.making import score

Floats = NDArray[np.float64]


def logistic(x: Floats, low: float, height: float, middle: float, log_width: float) -> Floats:
    return low + np.abs(height) * expit((x - middle) / np.exp(np.clip(log_width, -20, 20)))


def nearest(x: Floats, y: Floats) -> float:
    """The least sum of squares that scipy's curve_fit finds from many starts."""
    # A straight line is the curve of endless width.
    line = np.polynomial.Polynomial.fit(x, y, 1)(x)
    found = [float(((line - y) ** 2).sum())]
    for width in np.geomspace(1e-3, 10, 9) * x.std():
        for middle in np.quantile(x, [0.1, 0.3, 0.5, 0.7, 0.9]):
            start = [y.min(), np.ptp(y), middle, np.log(width)]
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore", OptimizeWarning)
                try:
                    best, _ = curve_fit(logistic, x, y, start, maxfev=400)
                except RuntimeError:  # did not converge from there
                    continue
            found.append(float(((logistic(x, *best) - y) ** 2).sum()))
    return min(found)


def relation(name: str) -> tuple[Floats, Floats]:
    random = np.random.default_rng(3)
    q, noise = random.normal(size=(2, 200))
    if name == "step":
        return q, 20 + 50 * (q > 0.8) + 5 * noise
    if name == "straight":
        return q, 50 + 10 * q + 5 * noise
    if name == "heavy tails":
        return np.sign(q) * np.abs(q) ** 5, 50 + 10 * q + 5 * noise
    return np.round(q).clip(0, 2), 50 + 10 * q + 5 * noise  # more than half of them equal


@pytest.mark.parametrize("name", ["step", "straight", "heavy tails", "ties"])
def test_no_search_finds_a_nearer_curve(name: str) -> None:
    x, y = relation(name)
    assert ((fitted(x, y) - y) ** 2).sum() <= 1.002 * nearest(x, y)


def test_a_resample_is_fitted_anew() -> None:
    x, y = relation("straight")
    draws = np.random.default_rng(0).multinomial(len(x), np.full(len(x), 1 / len(x)))
    drawn_x, drawn_y = np.repeat(x, draws), np.repeat(y, draws)
    found = ((np.repeat(refitting(x, y)(draws), draws) - drawn_y) ** 2).sum()
    assert found == pytest.approx(((fitted(drawn_x, drawn_y) - drawn_y) ** 2).sum(), rel=1e-3)
    assert found < 0.999 * ((np.repeat(fitted(x, y), draws) - drawn_y) ** 2).sum()


def test_what_falls_or_is_constant_is_no_fit() -> None:
    x, y = relation("straight")
    assert correlation(fitted(-x, y), y) < 0.1
    assert np.ptp(fitted(np.ones(9), y[:9])) == 0
    assert np.ptp(fitted(np.arange(9.0), -np.arange(9.0))) == 0
    assert np.ptp(refitting(x, y)(np.eye(200, dtype=np.intp)[3] * 200)) == 0  # one item alone


def intervals_of(x: Floats, y: Floats, resamples: int) -> dict[str, Metric]:
    rows = [
        score(f"{k}", 50 + 5 * b, 50 + 5 * a) for k, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    asked = {name: one for name, one in of_scores(rows).items() if "logistic" in name}
    return with_intervals(asked, resamples=resamples)


def test_predictions_that_know_nothing_are_not_found_to_know_something() -> None:
    random = np.random.default_rng(0)
    above = 0
    for _ in range(25):
        x, y = random.normal(size=(2, 60))
        ends = intervals_of(x, y, 100)["plcc_logistic"].ci95
        assert ends is not None
        above += ends[0] > 0
    assert above <= 3


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_intervals_after_the_fit_cover(rho: float) -> None:
    """200 samples of 300 from a bivariate normal, whose best curve is a straight line."""
    random = np.random.default_rng(1)
    truth = {"plcc_logistic": rho, "rmse_logistic": 5 * (1 - rho**2) ** 0.5}
    covered = dict.fromkeys(truth, 0)
    for _ in range(200):
        x, noise = random.normal(size=(2, 300))
        found = intervals_of(x, rho * x + (1 - rho**2) ** 0.5 * noise, 300)
        for name, value in truth.items():
            ends = found[name].ci95
            assert ends is not None
            covered[name] += ends[0] <= value <= ends[1]
    print({name: number / 200 for name, number in covered.items()})
    assert all(0.9 <= number / 200 <= 0.99 for number in covered.values()), covered


def test_too_few_items_and_equal_labels_have_no_fit() -> None:
    random = np.random.default_rng(2)
    assert intervals_of(random.normal(size=9), random.normal(size=9), 10) == {}
    assert intervals_of(random.normal(size=20), np.ones(20), 10) == {}
