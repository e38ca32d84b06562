"""The cells of a table, which hold text in a CSV file, and numbers or null too in JSONL.

An empty cell is None: what an image has no value for. A cell of another kind raises BadRow.
"""

from __future__ import annotations

from artimuse.data.formats import fields
from artimuse.data.formats.fields import BadRow, found


def text(value: object, what: str) -> str | None:
    """Text without space around it; a whole number stands for how it is written (`series: 7`)."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise BadRow(f"wrong type of {what}: expected text, found {found(value)}")
    if not fields.well_formed(value):
        raise BadRow(f"broken text in {what}: half of a surrogate pair in {found(value)}")
    return value.strip() or None


def number(value: object, what: str) -> float | None:
    """A finite number, as a number or written as text."""
    if value is None:
        return None
    if not isinstance(value, str):
        return fields.number(value, what)
    value = value.strip()
    return fields.parse_number(value, what) if value else None


def whole(value: object, what: str, *, least: int) -> int | None:
    """A whole number from `least` to a thousand million; `3.0` is one too."""
    parsed = number(value, what)
    if parsed is None:
        return None
    if not parsed.is_integer() or not least <= parsed <= 1e9:
        raise BadRow(f"{what} is not a whole number from {least} on: found {found(value)}")
    return int(parsed)
