"""Prediction rows: what a model said about each item of a benchmark.

    {"kind": "score", "id": "ava/1.jpg", "label": 40.8, "prediction": 46.2, "aspect": "overall",
     "scale": [1, 10], "image": "1.jpg"}
    {"kind": "pair", "id": "9-01.jpg|9-02.jpg", "label": 0.8, "prediction": 0.67,
     "scores": [52.1, 44.3], "series": "9"}
    {"kind": "rank", "id": "9-01.jpg", "label": 1.2, "prediction": 52.1, "series": "9"}
    {"kind": "choice", "id": "0033#2", "label": "A)", "prediction": "B)", "options": ["A)", "B)"]}
    {"kind": "text", "id": "0033#3", "label": null, "prediction": "The light is ...", "question": "..."}
    {"kind": "critique", "id": "1.jpg#Overall Gestalt", "label": 1.31, "prediction": 1.52}
    {"kind": "sentiment", "id": "1.jpg", "label": 46.2, "prediction": 61.0}

score: label and prediction on 0-100. pair: P(first better); `scores` are its own, and `image_scores` the two
images' over all pairs of their series, where a model scores pairs. rank: an image of a series, by anything that
is higher for the better image. choice: the mark of an option; a prediction of null did not parse, a label of
null is kept by the benchmark's authors. text: what was written, beside an expert's text where there is one.
critique: bits per character of the expert's text and, as prediction, of another image's. sentiment: what the
model scored, and how good the critique that it wrote makes the image, on 0-100.

An item that could not be scored has no row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, TypeGuard, cast, get_args

from artimuse.records import OVERALL

Kind = Literal["score", "pair", "rank", "choice", "text", "critique", "sentiment"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Key = tuple[str, str, str]
"""What a row is told by among all others: kind, id, and the aspect of a score."""
OWN_LABELS: tuple[Kind, ...] = ("critique", "sentiment")
"""Kinds whose labels are a system's own numbers."""
_ANSWER = {"prediction", "spread", "scores", "image_scores", "response", "cut", "critique", "other"}
ROUNDING = 1e-4  # points of 0-100; labels may have passed through float32


class Prediction(TypedDict):
    """One row of predictions.jsonl; see the module's examples.

    image: path below the results' image folder (`image_path`). scale: the ends of the data set's own scale.
    std, raters: the raters' spread in points of 0-100, and their number. spread: the model's own standard
    deviation. texts: what each of the options says. response: what the model wrote where a choice was read
    from text. series: what was drawn together. cut: a text that reached the limit of tokens.
    """

    kind: Kind
    id: str
    label: float | str | None
    prediction: float | str | None
    aspect: NotRequired[str | None]
    dataset: NotRequired[str | None]
    category: NotRequired[str | None]
    series: NotRequired[str | None]
    image: NotRequired[str | None]
    images: NotRequired[Sequence[str]]
    scale: NotRequired[Sequence[float] | None]
    std: NotRequired[float | None]
    raters: NotRequired[int | None]
    spread: NotRequired[float | None]
    scores: NotRequired[Sequence[float]]
    image_scores: NotRequired[Sequence[float]]
    options: NotRequired[Sequence[str]]
    texts: NotRequired[Sequence[str]]
    question: NotRequired[str]
    response: NotRequired[str]
    cut: NotRequired[bool]
    other: NotRequired[str]
    critique: NotRequired[str]


def aspect_of(row: Prediction) -> str:
    """What a score row scores; "overall" where it does not say."""
    return row.get("aspect") or OVERALL


def image_path(row: Prediction, results: Mapping[str, Any]) -> Path | None:
    """The image file of a row of the results in results.json; None where it is not known."""
    image, folder = row.get("image"), results.get("protocol", {}).get("images")
    return None if image is None else Path(folder or "") / image


def key_of(row: Prediction) -> Key:
    """The row's key."""
    return row["kind"], row["id"], aspect_of(row) if row["kind"] == "score" else ""


def answered(item: Prediction, answer: Prediction) -> Prediction:
    """A row of what `item` says of its item, and `answer` of a system's answer to it.

    Bits of critiques and scores beside a sentiment are a system's own, though they stand as labels.
    """
    own = _ANSWER | ({"label"} if item["kind"] in OWN_LABELS else set())
    of_item = {key: value for key, value in item.items() if key not in own}
    of_answer = {key: value for key, value in answer.items() if key in own}
    return cast(Prediction, of_item | of_answer)


def check_predictions(rows: Iterable[Prediction]) -> None:
    """Refuse rows that no metric may be computed from.

    Raises:
        ValueError: An unknown kind, a missing field, a value of the wrong type or off its range, or
            an id that a kind (and, for scores, an aspect) has twice.
    """
    seen: set[Key] = set()
    for row in rows:
        if row.get("kind") not in KINDS or not isinstance(row.get("id"), str):
            raise ValueError(
                f"expected a kind out of {KINDS} and a string `id`, found the row {row}"
            )
        reason = _FAULTS[row["kind"]](row)
        if reason:
            raise ValueError(f"{row['kind']} {row['id']!r}: {reason}")
        key = key_of(row)
        if key in seen:
            raise ValueError(
                f"{row['kind']} {row['id']!r} is there twice: expected one prediction per item "
                "(were the rows of two runs, or of several processes, put together?)"
            )
        seen.add(key)


def _score(row: Prediction) -> str:
    label, scale = row.get("label"), row.get("scale")
    if not _finite(label) or not -ROUNDING <= label <= 100 + ROUNDING:
        return f"expected a label on 0-100, found {label!r}"
    if scale is not None and (
        len(scale) != 2 or not all(map(_finite, scale)) or scale[0] >= scale[1]
    ):
        return f"expected as `scale` [low, high], found {scale!r}"
    # Not bounded: a regression may run over the ends of the scale, and cutting it makes ties.
    return _number(row)


def _pair(row: Prediction) -> str:
    for name in ("label", "prediction"):
        value = row.get(name)
        if not _finite(value) or not 0 <= value <= 1:
            return f"expected as {name} P(first better) in [0, 1], found {value!r}"
    if "|" not in row["id"]:
        return "expected an id of the form 'first|second'"
    for name, scores in (("scores", row.get("scores")), ("image_scores", row.get("image_scores"))):
        if scores is not None and (len(scores) != 2 or not all(map(_finite, scores))):
            return f"expected `{name}` to be two finite numbers, found {scores!r}"
    return ""


def _rank(row: Prediction) -> str:
    if row.get("series") is None:
        return "expected a `series` that the image is ranked in, found none"
    return _numbers(row)


def _choice(row: Prediction) -> str:
    label, prediction, options = row.get("label"), row.get("prediction"), row.get("options")
    if not isinstance(label, str | None) or not isinstance(prediction, str | None):
        return f"expected strings (or null), found {label!r} and {prediction!r}"
    if options is not None and label is not None and label not in options:
        return f"the label {label!r} is none of the options {list(options)}"
    return ""


def _text(row: Prediction) -> str:
    label, prediction = row.get("label"), row.get("prediction")
    if not isinstance(label, str | None) or not isinstance(prediction, str):
        return f"expected texts (or a null label), found {label!r} and {prediction!r}"
    return ""


def _numbers(row: Prediction) -> str:
    label = row.get("label")
    return _number(row) if _finite(label) else f"expected a finite label, found {label!r}"


def _number(row: Prediction) -> str:
    prediction = row.get("prediction")
    return "" if _finite(prediction) else f"expected a finite prediction, found {prediction!r}"


_FAULTS: dict[Kind, Callable[[Prediction], str]] = {
    "score": _score,
    "pair": _pair,
    "rank": _rank,
    "choice": _choice,
    "text": _text,
    "critique": _numbers,
    "sentiment": _numbers,
}
"""Per kind: why a row cannot be used; empty if it can."""


def _finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
