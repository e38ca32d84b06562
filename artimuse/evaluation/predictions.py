"""Prediction rows: what a model said about each item, and the file they are kept in.

    {"kind": "score", "id": "0_263.jpg", "label": 40.8, "prediction": 46.2, "aspect": "overall"}
    {"kind": "pair", "id": "9-01.jpg|9-02.jpg", "label": 0.8, "prediction": 0.67,
     "scores": [52.1, 44.3], "series": "9"}
    {"kind": "choice", "id": "0033#2", "label": "A)", "prediction": "B)", "options": ["A)", "B)"]}

Scores are on 0-100. A pair's label and prediction are P(first better); `scores` are its own, and
`image_scores` the two images' over all pairs of their series, where a model scores pairs. `series`,
`dataset`, `options`, `aspect` and both scores are optional. A choice that did not parse has the
prediction null; scores and pairs always have a number, and an item that could not be scored has no row.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, TypeGuard, get_args

from artimuse.records import OVERALL

Kind = Literal["score", "pair", "choice"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ROUNDING = 1e-4  # points of 0-100; labels may have passed through float32


class Prediction(TypedDict):
    """One row of predictions.jsonl; see the module's examples."""

    kind: Kind
    id: str
    label: float | str
    prediction: float | str | None
    scores: NotRequired[Sequence[float]]
    image_scores: NotRequired[Sequence[float]]
    series: NotRequired[str | None]
    dataset: NotRequired[str | None]
    options: NotRequired[Sequence[str]]
    aspect: NotRequired[str | None]


def write_predictions(path: str | Path, rows: Iterable[Prediction]) -> None:
    """Write rows as JSON lines: complete, or not at all.

    The content is judged on reading: hours of scoring must not be lost to one bad row, so a nan is
    written as it is, and no metric is computed from it.
    """
    lines = (json.dumps(row, ensure_ascii=False, default=_plain) + "\n" for row in rows)
    write_atomically(Path(path), "".join(lines))


def read_predictions(path: str | Path) -> list[Prediction]:
    """The checked rows of a predictions file.

    Raises:
        ValueError: A line is no JSON object, or `check_predictions` refuses the rows.
    """
    rows: list[Prediction] = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(
                    f"{path}:{number}: expected a JSON object, found {error}"
                ) from error
            if not isinstance(row, dict):
                raise ValueError(f"{path}:{number}: expected a JSON object, found {line.strip()!r}")
            rows.append(row)  # pyright: ignore[reportArgumentType] (checked below)
    try:
        check_predictions(rows)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return rows


def check_predictions(rows: Iterable[Prediction]) -> None:
    """Refuse rows that no metric may be computed from.

    Raises:
        ValueError: An unknown kind, a missing field, a value of the wrong type or off its range, or
            an id that a kind (and, for scores, an aspect) has twice.
    """
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        if row.get("kind") not in KINDS or not isinstance(row.get("id"), str):
            raise ValueError(
                f"expected a kind out of {KINDS} and a string `id`, found the row {row}"
            )
        reason = _fault(row)
        if reason:
            raise ValueError(f"{row['kind']} {row['id']!r}: {reason}")
        key = (row["kind"], row["id"], aspect_of(row) if row["kind"] == "score" else "")
        if key in seen:
            raise ValueError(
                f"{row['kind']} {row['id']!r} is there twice: expected one prediction per item "
                "(were the rows of two runs, or of several processes, put together?)"
            )
        seen.add(key)


def aspect_of(row: Prediction) -> str:
    """What a score row scores; "overall" where it does not say."""
    return row.get("aspect") or OVERALL


def write_atomically(path: Path, text: str) -> None:
    """The file holds all of the text or what it held before, whenever the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _fault(row: Prediction) -> str:
    """Why a row cannot be used; empty if it can."""
    label, prediction = row.get("label"), row.get("prediction")
    if row["kind"] == "choice":
        return _choice_fault(label, prediction, row.get("options"))
    if row["kind"] == "score":
        if not _finite(label) or not -ROUNDING <= label <= 100 + ROUNDING:
            return f"expected a label on 0-100, found {label!r}"
        # Not bounded: a regression may run over the ends of the scale, and cutting it makes ties.
        return "" if _finite(prediction) else f"expected a finite prediction, found {prediction!r}"
    for name, value in (("label", label), ("prediction", prediction)):
        if not _finite(value) or not 0 <= value <= 1:
            return f"expected as {name} P(first better) in [0, 1], found {value!r}"
    if "|" not in row["id"]:
        return "expected an id of the form 'first|second'"
    for name, scores in (("scores", row.get("scores")), ("image_scores", row.get("image_scores"))):
        if scores is not None and (len(scores) != 2 or not all(map(_finite, scores))):
            return f"expected `{name}` to be two finite numbers, found {scores!r}"
    return ""


def _choice_fault(label: Any, prediction: Any, options: Sequence[str] | None) -> str:
    if not isinstance(label, str) or not isinstance(prediction, str | None):
        return f"expected strings (or a null prediction), found {label!r} and {prediction!r}"
    if options is not None and label not in options:
        return f"the label {label!r} is none of the options {list(options)}"
    return ""


def _plain(value: Any) -> Any:
    """A numpy or torch scalar as the Python number that it is."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"expected JSON values in a prediction row, found {value!r}")


def _finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
