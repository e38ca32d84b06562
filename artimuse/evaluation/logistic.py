"""The four-parameter logistic curve through which predictions are mapped before a linear correlation.

    f(x) = low + height / (1 + exp(-(x - middle) / width)),    height >= 0, width > 0

Source: the VQEG's final report on objective video quality metrics (2000), as image quality assessment uses
it. It may only rise here: a curve that may fall would turn an inverted model's correlation into a good one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import leastsq
from scipy.special import expit

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

# Starts: middles at these quantiles of the predictions, widths between these shares of their spread.
_MIDDLES = (0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97)
_WIDTHS, _NARROW, _WIDE = 8, 0.03, 4.0
# The best of them, that are refined.
_STARTED = 3
# From a step to what is a straight line.
_LEAST_WIDTH, _MOST_WIDTH = 1e-4, 1e2
_MOST_HEIGHT = 1e6
# Of a fit, and of a resample's, whose value is not wanted to more decimals than its interval: the tolerance,
# and the most steps.
_FINE, _COARSE = (1e-9, 400), (1e-5, 40)
# Nor are more items: a resample of more is fitted to the means of as many parts, a few neighbours each.
_PARTS = 2000


def fitted(predictions: Floats, labels: Floats) -> Floats:
    """(N) predictions mapped through the curve that is nearest to the labels by least squares.

    Constant predictions stay constant, and so do those of which no rising curve is nearer than a constant. Of a
    grid of middles and widths the best are refined, and the nearest taken.
    """
    return refitting(predictions, labels)(None)


def refitting(predictions: Floats, labels: Floats) -> Callable[[Integers | None], Floats]:
    """The curve at the (N) predictions, as fitted to a resample; None, or equal draws, is every item.

    A resample is fitted from a start of its own, as all items are: its curve is as free as theirs was.
    """
    if np.ptp(predictions) == 0 or np.ptp(labels) == 0:
        return lambda _: np.full(len(labels), labels.mean())
    x, y = _standardized(predictions), (labels - labels.mean()) / labels.std()
    middles, widths = _grid(x)
    risen = expit((x - middles[:, None]) / widths[:, None])
    squared = risen**2
    order = np.argsort(x)
    part = np.argsort(order) * min(_PARTS, len(x)) // len(x)
    centre = np.bincount(part, x) / np.bincount(part)
    ends = np.log([_LEAST_WIDTH * min(1.0, x.std()), _MOST_WIDTH * max(1.0, x.std())])

    def nearest(draws: Integers | None) -> Floats:
        every = draws is None or np.ptp(draws) == 0
        share = np.ones(len(y)) if draws is None or every else draws.astype(np.float64)
        heights, lows, gains = _regressed(risen, squared, y, share)
        found = [
            (gains[k], np.array([lows[k], np.log(heights[k]), middles[k], np.log(widths[k])]))
            for k in np.argsort(-gains)[: _STARTED if every else 1]
            if gains[k] > 0
        ]
        if every:
            # A narrow curve hardly moves when it is refined: the best step is searched for among all.
            found += _step(x, order, y, share)
        # All labels drawn alike, or nothing that rises: the nearest is a constant.
        best = np.full(len(y), np.average(y, weights=share))
        least = float(share @ (best - y) ** 2)
        if not every and float(share @ (whole - y) ** 2) < least:
            best, least = whole, float(share @ (whole - y) ** 2)
        at, to, weight = x, y, share
        if not every:
            weight = np.bincount(part, share)
            at, to = centre, np.bincount(part, share * y) / np.maximum(weight, 1)
        for _, start in found:
            limits = _FINE if every else _COARSE
            near = _curve(x, _refined(at, to, np.sqrt(weight), start, ends, *limits), ends)[0]
            cost = float(share @ (near - y) ** 2)
            if cost < least:
                best, least = near, cost
        return best

    whole = nearest(None)
    return lambda draws: labels.mean() + labels.std() * nearest(draws)


def _standardized(x: Floats) -> Floats:
    """By median and quartiles: a few predictions far off must not make all others one step."""
    low, middle, high = np.percentile(x, [25, 50, 75])
    return (x - middle) / ((high - low) / 1.349 or x.std())


def _grid(x: Floats) -> tuple[Floats, Floats]:
    """(G) middles and (G) widths of the starts."""
    narrow, wide = _NARROW * min(1.0, x.std()), _WIDE * max(1.0, x.std())
    middles, widths = np.meshgrid(
        np.quantile(x, _MIDDLES), np.geomspace(narrow, wide, _WIDTHS), indexing="ij"
    )
    return middles.ravel(), widths.ravel()


def _regressed(
    risen: Floats, squared: Floats, y: Floats, share: Floats
) -> tuple[Floats, Floats, Floats]:
    """(G) height, low and gain at each place of the grid: given middle and width, a linear regression.

    Args:
        risen: (G, N) the curve from 0 to 1 at each place; squared: its squares. share: (N) of each item.
    """
    total = share.sum()
    mean, mean_y = risen @ share / total, float(y @ share) / total
    covariance = risen @ (share * (y - mean_y)) / total
    variance = squared @ share / total - mean**2
    rising = (covariance > 0) & (variance > 1e-12)
    height = np.divide(covariance, variance, out=np.zeros_like(mean), where=rising)
    return height, mean_y - height * mean, np.where(rising, height * covariance, 0.0)


def _step(x: Floats, order: Integers, y: Floats, share: Floats) -> list[tuple[float, Floats]]:
    """Gain and start of the step that is nearest of all between two predictions; none where nothing rises."""
    sorted_x, weight = x[order], np.cumsum(share[order])
    left, total = np.cumsum((share * y)[order])[:-1], float(share @ y)
    below, above = weight[:-1], weight[-1] - weight[:-1]
    between = (np.diff(sorted_x) > 0) & (below > 0) & (above > 0)
    low = np.divide(left, below, out=np.zeros_like(left), where=between)
    high = np.divide(total - left, above, out=np.zeros_like(left), where=between)
    gain = np.where(high > low, (high - low) ** 2 * below * above / weight[-1] ** 2, 0.0)
    k = int(gain.argmax())
    if not gain[k] > 0:
        return []
    middle, gap = (sorted_x[k] + sorted_x[k + 1]) / 2, sorted_x[k + 1] - sorted_x[k]
    start = np.array([low[k], np.log(high[k] - low[k]), middle, np.log(max(gap / 8, 1e-12))])
    return [(float(gain[k]), start)]


def _refined(
    x: Floats, y: Floats, root: Floats, start: Floats, ends: Floats, tolerance: float, steps: int
) -> Floats:
    """(4) the nearest curve's parameters, by Levenberg and Marquardt's method; root: of each item's share."""

    def residuals(parameters: Floats) -> Floats:
        return root * (_curve(x, parameters, ends)[0] - y)

    def slopes(parameters: Floats) -> Floats:
        return root * _curve(x, parameters, ends)[1]

    with np.errstate(all="ignore"):  # of the covariance of the parameters, which nobody asks for
        found: Any = leastsq(
            residuals, start, Dfun=slopes, col_deriv=True, full_output=True,
            ftol=tolerance, xtol=tolerance, maxfev=steps,
        )  # fmt: skip
    return found[0]


def _curve(x: Floats, parameters: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """(N) the curve of low, log height, middle and log width; (4, N) its slopes along them."""
    low, log_height, middle, log_width = parameters
    height = np.exp(min(log_height, np.log(_MOST_HEIGHT)))
    width = np.exp(np.clip(log_width, *ends))
    along = (x - middle) / width
    risen = expit(along)
    bend = height * risen * (1 - risen)
    slopes = np.stack([np.ones_like(x), height * risen, -bend / width, -bend * along])
    return low + height * risen, slopes
