"""Is one system better than another? Paired, on the same items; or against a bare published number.

    compare(rows_a, rows_b)["srcc"]      -> Difference(a=.61, b=.63, difference=.02, ci95=(.005, .034), ...)
    against_published(metric, .614)      -> "inside"

Both systems are resampled with the same draws of items, and the difference is taken in each: what makes an
item hard is hard for both, so the interval of the difference is narrower than the two intervals suggest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from artimuse.evaluation.intervals import percentiles, resampled
from artimuse.evaluation.measures.measured import Measured, of_draws
from artimuse.evaluation.measures.rows import measures
from artimuse.evaluation.metrics import LOWER_IS_BETTER, Metric
from artimuse.evaluation.predictions import OWN_LABELS, Key, Prediction, answered, key_of

Verdict = Literal["better", "worse", "not separable"]
_LISTED = 3
_OF_ITEMS = ("series", "category", "dataset", "scale", "std", "raters")


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric of two systems on the same items; difference = b - a, with its 95 % interval.

    verdict: of b against a: better or worse where the interval leaves out 0, and by the metric's direction.
    """

    a: float
    b: float
    difference: float
    ci95: tuple[float, float]
    n: int
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ci95": list(self.ci95)}


def compare(
    a: Iterable[Prediction], b: Iterable[Prediction], *, seed: int = 0
) -> dict[str, Difference]:
    """Every metric that both have, but for floors and ceilings, which are no system's.

    Raises:
        ValueError: where the two do not have the same items with the same labels, drawn together alike: their
            difference would be one of the items.
    """
    rows_a, rows_b = _paired(list(a), list(b))
    one, other = measures(rows_a), measures(rows_b)
    names = [name for name in one if name in other and not one[name].of_labels]
    drawn = [_drawn(measured, names, seed) for measured in (one, other)]
    found: dict[str, Difference] = {}
    for name in names:
        difference = other[name].metric.value - one[name].metric.value
        low, high = percentiles(drawn[1][name] - drawn[0][name])
        found[name] = Difference(
            one[name].metric.value,
            other[name].metric.value,
            difference,
            (low, high),
            one[name].metric.n,
            _verdict(name, low, high),
        )
    return found


def against_published(metric: Metric, published: float) -> Literal["inside", "above", "below"]:
    """Where our interval lies about a bare published number: it holds it, or lies above or below it.

    A published number has an error of its own, which is not known: "above" is not yet "better".

    Raises:
        ValueError: for a metric without an interval.
    """
    if metric.ci95 is None:
        raise ValueError("expected a metric with its interval, found none")
    low, high = metric.ci95
    if low > published:
        return "above"
    return "below" if high < published else "inside"


def _drawn(measured: Mapping[str, Measured], names: Sequence[str], seed: int) -> dict[str, Any]:
    asked = {}
    for name in names:
        statistic = measured[name].statistic
        assert statistic is not None
        asked[name] = (statistic, measured[name].units)
    drawn = resampled(asked, seed=seed)
    return {name: of_draws(measured[name], values) for name, values in drawn.items()}


def _verdict(name: str, low: float, high: float) -> Verdict:
    if low <= 0 <= high:
        return "not separable"
    rose = low > 0
    lower = name.partition("/")[0] in LOWER_IS_BETTER
    return "better" if rose != lower else "worse"


def _same_items(a: Sequence[Prediction], b: Sequence[Prediction]) -> None:
    labels_a, labels_b = _labels(a), _labels(b)
    alone = [key for key in (*labels_a, *labels_b) if (key in labels_a) != (key in labels_b)]
    if alone:
        shown = ", ".join(repr(key[1]) for key in alone[:_LISTED])
        raise ValueError(
            f"expected two sets of predictions of the same items, found {len(alone)} items in one of them "
            f"alone, such as {shown}: score the same benchmark with both"
        )
    other = [key for key, label in labels_a.items() if label != labels_b[key]]
    if other:
        raise ValueError(
            f"expected the same labels in both sets, found {len(other)} that differ, such as that of "
            f"{other[0][1]!r}: {labels_a[other[0]]!r} and {labels_b[other[0]]!r}"
        )


def _paired(a: list[Prediction], b: list[Prediction]) -> tuple[list[Prediction], list[Prediction]]:
    """Both systems' answers to one set of items: the same series are drawn together, the same rows left out."""
    _same_items(a, b)
    of_b = {key_of(row): row for row in b}
    items = {key_of(row): _item(row, of_b[key_of(row)]) for row in a}
    return [answered(items[key_of(row)], row) for row in a], [
        answered(items[key_of(row)], row) for row in b
    ]


def _item(a: Prediction, b: Prediction) -> Prediction:
    """What either says of an item; what only one says holds for both."""
    for name in _OF_ITEMS:
        one, other = a.get(name), b.get(name)
        if one is not None and other is not None and _plain(one) != _plain(other):
            raise ValueError(
                f"expected the same `{name}` in both sets, found {one!r} and {other!r} of {a['id']!r}: were "
                "they made from the same benchmark?"
            )
    known = [{k: v for k, v in row.items() if v is not None} for row in (b, a)]
    return cast(Prediction, dict(b) | dict(a) | known[0] | known[1])


def _plain(value: object) -> object:
    return list(value) if isinstance(value, list | tuple) else value


def _labels(rows: Sequence[Prediction]) -> dict[Key, Any]:
    """What items are told by; the labels of critiques and sentiments are a system's own numbers."""
    return {key_of(row): None if row["kind"] in OWN_LABELS else row["label"] for row in rows}
