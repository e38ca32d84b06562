"""The fields of one annotation row. A bad field raises BadRow, which a loader lists as a BadItem.

The reason of a BadRow reads `kind: details`: reports count by the part before the first colon.
"""

from __future__ import annotations

import math
import reprlib
from typing import Any

from artimuse.records import BadItem, ScoreLabel


class BadRow(ValueError):
    """One row that cannot be used; its text is the reason of the BadItem."""


def found(value: object) -> str:
    """A value as it is shown in a reason: short, whatever it is."""
    return reprlib.repr(value)


def bad_item(file: object, place: str, row: object, error: BadRow) -> BadItem:
    """The BadItem of a row, `place` being e.g. "line 3"; it names the image where the row does."""
    image = row.get("image") if isinstance(row, dict) else None
    return BadItem(str(file), f"{place} ({image})" if isinstance(image, str) else place, str(error))


def field(row: object, key: str) -> Any:
    """The value under a key; BadRow where the row is no object or lacks the key."""
    if not isinstance(row, dict):
        raise BadRow(f"not a record: expected an object with the key {key!r}, found {found(row)}")
    if key not in row:
        raise BadRow(f"missing key {key!r}: found only {', '.join(map(str, row)) or 'no key'}")
    return row[key]


def text_field(row: object, key: str) -> str:
    """A string that is not blank, without space around it."""
    value = field(row, key)
    if not isinstance(value, str):
        raise BadRow(f"wrong type of {key!r}: expected text, found {found(value)}")
    value = value.strip()
    if not value:
        raise BadRow(f"empty {key!r}: expected text, found none")
    if not well_formed(value):
        raise BadRow(f"broken text in {key!r}: half of a surrogate pair in {found(value)}")
    return value


def well_formed(text: str) -> bool:
    """Whether text can be written as UTF-8: JSON's \\u escapes can spell half of a surrogate
    pair."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def number(value: object, what: str) -> float:
    """A finite number; BadRow for text, booleans, null, NaN and infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRow(f"wrong type of {what}: expected a number, found {found(value)}")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise BadRow(f"{what} is not finite: found {found(value)}")
    return result


def parse_number(text: str, what: str) -> float:
    """A finite number written as text; BadRow otherwise. Python's `1_000` is no number in a
    table."""
    try:
        if "_" in text:
            raise ValueError
        return number(float(text), what)
    except BadRow:
        raise
    except ValueError:
        raise BadRow(f"{what} is not a number: found {found(text)}") from None


def score_label(
    mean: float, scale: tuple[float, float], *, std: float | None = None, what: str = "score"
) -> ScoreLabel:
    """A label on its native scale; BadRow where it lies off the scale, or the spread is none."""
    low, high = scale
    if not low <= mean <= high:
        raise BadRow(f"{what} off the stated scale {low:g}..{high:g}: found {mean:g}")
    if std is not None and not 0 <= std <= high - low:
        raise BadRow(f"std off 0..{high - low:g}, the width of the scale: found {std:g}")
    return ScoreLabel(mean=mean, low=low, high=high, std=std)


def conversation(row: object) -> tuple[str, str]:
    """Question and answer of a LLaVA-style record, without the `<image>` marker.

    {"conversations": [{"from": "human", "value": "Q\\n<image>"}, {"from": "gpt", "value": "A"}]}

    A later turn would depend on the earlier ones, so it is no branch of its own: exactly two turns.
    """
    turns = field(row, "conversations")
    if not isinstance(turns, list) or len(turns) != 2:
        count = f"{len(turns)} turns" if isinstance(turns, list) else found(turns)
        raise BadRow(f"conversation: expected a question and an answer, found {count}")
    return without_marker(_turn(turns[0], "human")), _turn(turns[1], "gpt")


def without_marker(question: str) -> str:
    """A question without `<image>`: where the image stands is a model's own matter."""
    if "<image>" not in question:
        return question
    # The marker stands before, after or between lines; what it leaves is closed up.
    parts = (part.strip() for part in question.split("<image>"))
    question = "\n".join(part for part in parts if part)
    if not question:
        raise BadRow("empty question: expected text beside <image>, found none")
    return question


def _turn(turn: object, speaker: str) -> str:
    found_speaker = field(turn, "from")
    if found_speaker != speaker:
        raise BadRow(
            f"conversation: expected a turn from {speaker!r}, found {found(found_speaker)}"
        )
    return text_field(turn, "value")
