"""The four-parameter logistic curve through which predictions are mapped before a linear correlation.

    f(x) = low + height / (1 + exp(-(x - middle) / width)),    height >= 0, width > 0

Source: the VQEG's final report on objective video quality metrics (2000), as image quality assessment uses
it. It may only rise here: a curve that may fall would turn an inverted model's correlation into a good one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit

Floats = NDArray[np.float64]

# Widths in standard deviations of the predictions: from a step to what is a straight line.
_WIDTHS = (0.5, 4.0)
_LEAST_WIDTH, _MOST_WIDTH = 1e-2, 1e2


def fitted(predictions: Floats, labels: Floats) -> Floats:
    """(N) predictions mapped through the curve that is nearest to the labels by least squares.

    Constant predictions stay constant. Two starts, a bent curve and a nearly straight one; the better fit is
    taken, so that the result is never much worse than no fit at all.
    """
    if np.ptp(predictions) == 0 or np.ptp(labels) == 0:
        return np.full(len(labels), labels.mean())
    x = (predictions - predictions.mean()) / predictions.std()
    y = (labels - labels.mean()) / labels.std()

    def curve(parameters: Floats) -> Floats:
        low, height, middle, log_width = parameters
        return low + height * expit((x - middle) / np.exp(log_width))

    least = np.array([-np.inf, 0.0, -np.inf, np.log(_LEAST_WIDTH)])
    most = np.array([np.inf, np.inf, np.inf, np.log(_MOST_WIDTH)])
    fits = []
    for width in _WIDTHS:
        # The slope at the middle, height / (4 width), starts at 1.
        start = np.array([-2 * width, 4 * width, 0.0, np.log(width)])
        fits.append(least_squares(lambda p: curve(p) - y, start, bounds=(least, most)))
    best = min(fits, key=lambda fit: float(fit.cost))
    return labels.mean() + labels.std() * curve(best.x)
