"""Choice rows -> accuracy: in all, by dimension, and by class."""

from __future__ import annotations

from collections.abc import Sequence

from artimuse.evaluation.intervals import grouped_mean
from artimuse.evaluation.measures.measured import Measured, unit_of
from artimuse.evaluation.metrics import choice_accuracy
from artimuse.evaluation.predictions import Prediction


def of_choices(rows: Sequence[Prediction]) -> dict[str, Measured]:
    """choice_accuracy; by dimension (`choice_accuracy/AesA`); by class (`choice_accuracy/AesA/High`).

    Questions whose answer is not known are left out. A class is what the right option says; a dimension has
    classes where all of its questions offer the same options in words, in whatever order: an accuracy over
    all of them hides a model that always says "high". `unparsed` answers count as wrong.
    """
    known = [row for row in rows if row["label"] is not None]
    if not known:
        return {}
    found = {"choice_accuracy": _accuracy(known)}
    dimensions: dict[str, list[Prediction]] = {}
    for row in known:
        if (aspect := row.get("aspect")) is not None:
            dimensions.setdefault(aspect, []).append(row)
    for name in sorted(dimensions):
        inside = dimensions[name]
        found[f"choice_accuracy/{name}"] = _accuracy(inside)
        for kind, members in _classes(inside).items():
            found[f"choice_accuracy/{name}/{kind}"] = _accuracy(members)
    return found


def answer_of(row: Prediction) -> str | None:
    """The option that was chosen; None where the answer names none of the options."""
    prediction, options = row["prediction"], row.get("options")
    known = prediction is not None and (options is None or prediction in options)
    return str(prediction) if known else None


def class_of(row: Prediction) -> str | None:
    """What the right option says, in words; None where the row does not tell."""
    options, texts, label = row.get("options"), row.get("texts"), row["label"]
    if not options or not texts or label is None:
        return None
    return texts[list(options).index(str(label))]


def _classes(rows: Sequence[Prediction]) -> dict[str, list[Prediction]]:
    """Rows by class, where all offer the same options in words; empty otherwise."""
    offered = {frozenset(row.get("texts") or ()) for row in rows}
    if len(offered) != 1 or not next(iter(offered)):
        return {}
    classes: dict[str, list[Prediction]] = {}
    for row in rows:
        kind = class_of(row)
        assert kind is not None
        classes.setdefault(kind, []).append(row)
    return dict(sorted(classes.items()))


def _accuracy(rows: Sequence[Prediction]) -> Measured:
    given = [answer_of(row) for row in rows]
    labels = [str(row["label"]) for row in rows]
    right = [answer == label for answer, label in zip(given, labels, strict=True)]
    statistic, units = grouped_mean(right, [unit_of(row) for row in rows])
    return Measured(choice_accuracy(given, labels), statistic, units)
