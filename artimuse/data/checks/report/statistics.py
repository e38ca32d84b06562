"""The statistics that several parts of the report share, as pure functions of arrays.

    srcc([1, 2, 3], [10, 20, 15])         # .5
    spread(lengths)                       # {"n", "min", "median", "p95", "max", "histogram"}
    histogram(scores, 0, 10)              # {"low": 0, "high": 10, "counts": [...]}

numpy and scipy alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

BINS = 20
LEAST = 3
"""Items that a correlation needs."""


def srcc(first: ArrayLike, second: ArrayLike) -> float | None:
    """Spearman's rank correlation, equal values at their mean rank; 0 where one side is constant.

    None for fewer than three items.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if len(x) < LEAST:
        return None
    # Asked of the values: scipy warns of a constant, and gives nan.
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    result: Any = spearmanr(x, y)
    return float(result.statistic)


def histogram(values: ArrayLike, low: float, high: float, bins: int = BINS) -> dict[str, Any]:
    """Counts in equal bins from low to high; the last bin holds high itself.

    Where low is high, all values are in the first bin.
    """
    end = high if high > low else low + 1
    counts, _ = np.histogram(np.asarray(values), bins=bins, range=(low, end))
    return {"low": low, "high": end, "counts": counts.tolist()}


def spread(values: ArrayLike) -> dict[str, Any] | None:
    """n, min, median, 95th percentile, max and histogram of whole numbers; None without any."""
    numbers = np.asarray(values)
    if not len(numbers):
        return None
    return {
        "n": len(numbers),
        "min": int(numbers.min()),
        "median": float(np.median(numbers)),
        "p95": float(np.percentile(numbers, 95)),
        "max": int(numbers.max()),
        "histogram": histogram(numbers, int(numbers.min()), int(numbers.max())),
    }
