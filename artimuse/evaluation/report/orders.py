"""Series: the order that people gave their images, and the order that the model gave them.

found = orders(rows)                # one per series
worst, best = gallery(found)        # those to look at
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from scipy.stats import rankdata

from artimuse.evaluation.metrics import correlation

SHOWN = 6
LEAST = 2


@dataclass(frozen=True, slots=True)
class Ranked:
    """An image of a series.

    image: its path as the rows give it, or None. true, predicted: higher is better, each on its own scale.
    """

    id: str
    image: str | None
    true: float
    predicted: float


@dataclass(frozen=True, slots=True)
class Order:
    """A series with its images in their true order, the best first.

    srcc: Spearman's within the series; +1 or -1 where it has two images, 0 where one order is all ties.
    """

    series: str
    category: str | None
    images: tuple[Ranked, ...]
    srcc: float

    @property
    def places(self) -> tuple[int, ...]:
        """The place from 0 that the model gives each image; equal predictions keep the true order."""
        by_model = sorted(range(len(self.images)), key=lambda k: -self.images[k].predicted)
        return tuple(by_model.index(k) for k in range(len(self.images)))


def orders(rows: Iterable[Any]) -> list[Order]:
    """The series among prediction rows, by name; a series of one image has no order, and is left out.

    Rows of kind "rank" say true and predicted values outright. Series without them are read from their pairs:
    an image's true value is the mean of P(it is better) over its pairs, the predicted one that of its scores.
    """
    listed = list(rows)
    ranked: dict[tuple[Any, Any, str], list[Ranked]] = defaultdict(list)
    for row in listed:
        if row["kind"] == "rank":
            image = Ranked(row["id"], row.get("image"), row["label"], row["prediction"])
            ranked[_key(row)].append(image)
    pairs: dict[tuple[Any, Any, str], list[Any]] = defaultdict(list)
    for row in listed:
        if row["kind"] == "pair" and row.get("series") is not None and _key(row) not in ranked:
            pairs[_key(row)].append(row)
    ranked |= {key: _of_pairs(found) for key, found in pairs.items()}
    ordered = sorted(ranked.items(), key=lambda item: tuple(map(str, item[0])))
    return [_order(key, images) for key, images in ordered if len(images) >= LEAST]


def gallery(found: Sequence[Order], *, n: int = SHOWN) -> tuple[list[Order], list[Order]]:
    """(worst, best): the series with the lowest and with the highest SRCC, long ones first, none twice."""
    worst = sorted(found, key=lambda order: (order.srcc, -len(order.images)))[:n]
    rest = [order for order in found if order not in worst]
    return worst, sorted(rest, key=lambda order: (-order.srcc, -len(order.images)))[:n]


def _key(row: Any) -> tuple[Any, Any, str]:
    return row.get("dataset"), row.get("category"), str(row["series"])


def _of_pairs(rows: list[Any]) -> list[Ranked]:
    true: dict[str, list[float]] = defaultdict(list)
    predicted: dict[str, list[float]] = defaultdict(list)
    files: dict[str, str | None] = {}
    for row in rows:
        names = row["id"].split("|", 1)
        chances = (row["label"], 1 - row["label"])
        scores = row.get("scores") or (row["prediction"], 1 - row["prediction"])
        images = row.get("images") or (None, None)
        for name, chance, score, image in zip(names, chances, scores, images, strict=True):
            true[name].append(chance)
            predicted[name].append(score)
            files[name] = image
    return [
        Ranked(name, files[name], fmean(true[name]), fmean(predicted[name]))
        for name in sorted(true)
    ]


def _order(key: tuple[Any, Any, str], images: list[Ranked]) -> Order:
    _, category, series = key
    x = rankdata([image.predicted for image in images])
    y = rankdata([image.true for image in images])
    ordered = sorted(images, key=lambda image: (-image.true, image.id))
    return Order(series, category, tuple(ordered), correlation(x, y))
