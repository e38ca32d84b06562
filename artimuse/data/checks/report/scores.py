"""The scores of a split: do they fill their stated scale, and what could a coarse or lazy reader reach?

    for labels in score_labels(split.source): print(described(labels))

Two ceilings and a floor, as SRCC against the labels themselves:

- a read-out that knows every score, but can only name one of 101 tokens (ArtiMuse) or of five levels
  (Q-Align): it loses the order inside a token, which is the most that such a read-out can reach;
- a model that sees no picture, but knows of each image's category what the others of that category get. A
  model that does not beat it has learnt categories.

The mean of a category must not hold the score that it predicts. Leaving out that one score alone is not
enough: the better an image, the lower the mean of the *others*, so that the order inside every category is
turned round (a single category would give -1). So the images are dealt into five parts, each is predicted
from the other four, and the SRCC is taken inside each part, where all images of a category get one value.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from artimuse.data.checks.report.statistics import LEAST, histogram, srcc
from artimuse.records import ScoreLabel, Source

PARTS = 5
ENOUGH = 10
"""Scores that a hint about their scale needs."""
# Scales that data sets really have; the narrowest that fits is named.
_KNOWN = ((0, 1), (-1, 1), (0, 5), (1, 5), (1, 7), (0, 10), (1, 10), (0, 100))


@dataclass(slots=True)
class Labels:
    """All scores of one aspect on one stated scale, as arrays.

    native: on the stated scale. position: the same on 0-100. category: a number per category, -1 for none.
    """

    aspect: str
    low: float
    high: float
    native: array[float] = field(default_factory=lambda: array("d"))
    position: array[float] = field(default_factory=lambda: array("d"))
    category: array[int] = field(default_factory=lambda: array("q"))
    with_std: int = 0
    with_raters: int = 0
    with_histogram: int = 0

    def add(self, label: ScoreLabel, category: int) -> None:
        self.native.append(label.mean)
        self.position.append(label.score_0_100)
        self.category.append(category)
        self.with_std += label.std is not None
        self.with_raters += label.raters is not None
        self.with_histogram += label.histogram is not None


def score_labels(source: Source) -> Iterator[Labels]:
    """The scores of a source, by aspect and stated scale, in the order of their first use."""
    found: dict[tuple[str, float, float], Labels] = {}
    numbers: dict[str, int] = {}
    for sample in source.samples:
        category = -1
        if sample.category is not None:
            category = numbers.setdefault(sample.category, len(numbers))
        for question in sample.questions:
            if (label := question.label) is not None:
                key = question.aspect or "", label.low, label.high
                found.setdefault(key, Labels(*key)).add(label, category)
    yield from found.values()


def described(labels: Labels) -> dict[str, Any]:
    """The numbers of one aspect; `schema` says what each means."""
    native, position = np.asarray(labels.native), np.asarray(labels.position)
    return {
        "aspect": labels.aspect,
        "low": labels.low,
        "high": labels.high,
        "n": len(native),
        "mean": float(native.mean()),
        "std": float(native.std()),
        "min": float(native.min()),
        "max": float(native.max()),
        "distinct": len(np.unique(native)),
        "used_frac": float(np.ptp(native)) / (labels.high - labels.low),
        "histogram": histogram(native, labels.low, labels.high),
        "with_std": labels.with_std,
        "with_raters": labels.with_raters,
        "with_histogram": labels.with_histogram,
        "hint": hint(native, labels.low, labels.high),
        "srcc_101_tokens": srcc(tokens_101(position), position),
        "srcc_5_levels": srcc(levels_5(position), position),
        "category_floor": category_floor(position, labels.category),
    }


def hint(scores: ArrayLike, low: float, high: float) -> str | None:
    """A sentence for a person where scores use less than half of their stated scale, or are all equal."""
    values = np.asarray(scores)
    if len(values) < ENOUGH:
        return None
    least, most = float(values.min()), float(values.max())
    if least == most:
        return f"all {len(values)} scores are {least:g}: they order nothing"
    used = (most - least) / (high - low)
    if used >= 0.5:
        return None
    text = (
        f"the scores use {used:.0%} of their stated scale {low:g} to {high:g} "
        f"(from {least:g} to {most:g})"
    )
    other = _likely(least, most, high - low)
    if other is None:
        return text
    return f"{text}; they look like a scale of {other[0]:g} to {other[1]:g}: check `scale`"


def _likely(least: float, most: float, stated: float) -> tuple[int, int] | None:
    """The narrowest known scale that holds the scores, is filled by them, and is not the stated one."""
    fitting = [
        (high - low, (low, high))
        for low, high in _KNOWN
        if low <= least and most <= high and 2 * (high - low) <= stated
    ]
    width, scale = min(fitting, default=(0, None))
    return scale if 2 * (most - least) > width else None


def tokens_101(position: ArrayLike) -> np.ndarray:
    """Scores on 0-100 as the nearest of the 101 tokens 0, 1, ... 100 (halves go up)."""
    return np.floor(np.round(np.asarray(position), 9) + 0.5)


def levels_5(position: ArrayLike) -> np.ndarray:
    """Scores on 0-100 as levels 1 to 5: equal bins of the stated scale, each with its upper end (Q-Align)."""
    # Rounded first: 100 * .4 / .5 is a little less than 80, and its bin another one.
    return np.clip(np.ceil(np.round(np.asarray(position), 9) / 20), 1, 5)


def category_floor(scores: ArrayLike, categories: ArrayLike) -> dict[str, Any] | None:
    """SRCC of predicting each score by the mean of its category over the other four parts.

    The images are dealt out to the parts in turn, category by category. A category that the other parts
    lack is predicted by the mean of all their scores. What is returned is the mean over the parts, by their
    number of images.

    Args:
        categories: a number per score; -1 (no category) counts as one more category.

    Returns:
        `srcc`, `n` and `categories`; None where there are fewer than two categories or fifteen scores.
    """
    predicted = category_means(scores, categories)
    if predicted is None:
        return None
    means, part = predicted
    values, total = np.asarray(scores, dtype=np.float64), 0.0
    for number in range(PARTS):
        inside = part == number
        told = srcc(means[inside], values[inside])
        assert told is not None
        total += told * int(inside.sum())
    return {
        "srcc": total / len(values),
        "n": len(values),
        "categories": len(np.unique(np.asarray(categories))),
    }


def category_means(
    scores: ArrayLike, categories: ArrayLike
) -> tuple[np.ndarray, np.ndarray] | None:
    """(N) what `category_floor` predicts of each image, and (N) the part it is in; None as there."""
    values, kinds = np.asarray(scores, dtype=np.float64), np.asarray(categories)
    found = np.unique(kinds)
    if len(found) < 2 or len(values) < PARTS * LEAST:
        return None
    part = np.empty(len(values), dtype=np.int64)
    part[np.argsort(kinds, kind="stable")] = np.arange(len(values)) % PARTS
    predicted = np.empty(len(values))
    for number in range(PARTS):
        inside = part == number
        means = _means(values[~inside], np.searchsorted(found, kinds[~inside]), len(found))
        predicted[inside] = means[np.searchsorted(found, kinds[inside])]
    return predicted, part


def _means(values: np.ndarray, kinds: np.ndarray, number: int) -> np.ndarray:
    """(number) mean per category; the mean of all values for a category without any."""
    counts = np.bincount(kinds, minlength=number)
    sums = np.bincount(kinds, weights=values, minlength=number)
    return np.where(counts > 0, sums / np.maximum(counts, 1), values.mean())
