"""Bradley-Terry: strengths of the images of a panel, from votes on pairs of them.

    P(i is preferred to j) = sigmoid(s_i - s_j)

    strengths(np.array([[0, 7], [3, 0]]))           # 7 of 10 preferred the first: about .41, -.41

The strengths s maximise the penalised likelihood

    sum_ij wins_ij log sigmoid(s_i - s_j)  -  precision / 2 * sum_i s_i^2

A Gaussian prior of that precision is what keeps a unanimous panel's strengths finite, and fixes their
mean at 0. With PRECISION, 10 votes to 0 become P = .98, and 7 to 3 become .696: it decides where the
votes do not, and hardly moves them where they do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

PRECISION = 0.1
TOLERANCE = 1e-7
"""The fit ends with a Newton step that changes no strength by more. Errors are squared from step to step, so
those that are left are far smaller."""
MOST_VOTES = 1_000_000
"""For one image over another: with more, rounding would hide a panel's few votes between its parts."""
_STEPS = 2000


def strengths(wins: ArrayLike, *, precision: float = PRECISION) -> NDArray[np.float64]:
    """The strength of each image, on the logit scale, with the mean 0.

    Args:
        wins: (N,N); wins[i, j] is how often i was preferred to j, 0 to MOST_VOTES.
        precision: of the prior, at least 1e-6.

    Raises:
        ValueError: for other wins, or another precision.
    """
    won = _checked(wins, precision)
    s = np.zeros(len(won))
    for _ in range(_STEPS):
        step = _newton_step(s, won, precision)
        # While no difference of strengths changes by more than 1, a Newton step of a logistic
        # likelihood always leads up; a longer one may lead past the top.
        step /= max(1.0, np.ptp(step))
        s += step
        if np.abs(step).max() <= TOLERANCE:
            return s - s.mean()
    raise AssertionError(f"a concave function without a top in {_STEPS} steps: wins {won}")


def _newton_step(
    s: NDArray[np.float64], won: NDArray[np.float64], precision: float
) -> NDArray[np.float64]:
    p = preferred(s)
    # Of i: votes won that were not expected, less votes lost that were not.
    gradient = (won * p.T - won.T * p).sum(axis=1) - precision * s
    # Of the negated likelihood: the Laplacian of the panel's graph, and the prior's part.
    weights = (won + won.T) * p * p.T
    curvature = np.diag(weights.sum(axis=1) + precision) - weights
    # The votes say nothing of a shift of all strengths. What rounding leaves of one in the gradient is
    # taken out: the weak prior alone would hold it back.
    return np.linalg.solve(curvature, gradient - gradient.mean())


def preferred(s: ArrayLike) -> NDArray[np.float64]:
    """(N,N): P(i is preferred to j) of strengths (N)."""
    s = np.asarray(s, dtype=np.float64)
    return np.exp(-np.logaddexp(0.0, s[None, :] - s[:, None]))


def components(wins: ArrayLike) -> list[list[int]]:
    """The images that votes connect, each part rising, in the order of their first images.

    Between two parts nothing was ever compared: no votes say which is better.
    """
    won = np.asarray(wins)
    neighbours = (won + won.T) > 0
    free = set(range(len(won)))
    parts: list[list[int]] = []
    while free:
        part, edge = set(), {min(free)}
        while edge:
            part |= edge
            edge = {int(j) for i in edge for j in np.flatnonzero(neighbours[i])} - part
        free -= part
        parts.append(sorted(part))
    return parts


def _checked(wins: ArrayLike, precision: float) -> NDArray[np.float64]:
    won = np.asarray(wins, dtype=np.float64)
    if won.ndim != 2 or won.shape[0] != won.shape[1] or not len(won):
        raise ValueError(f"wins: expected a square matrix, found the shape {won.shape}")
    if not ((won >= 0) & (won <= MOST_VOTES)).all() or np.diag(won).any():
        raise ValueError(
            f"wins: expected numbers from 0 to {MOST_VOTES}, and none of an image against itself"
        )
    if not 1e-6 <= precision < np.inf:
        raise ValueError(f"precision of the prior: expected at least 1e-6, found {precision}")
    return won
