"""Reading annotation files whole: an unreadable file is a DataError, a bad line in a readable one
is not."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, TypeVar

from artimuse.records import BadItem, DataError

T = TypeVar("T")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        DataError: for a file that is missing, cannot be read, or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError(
            f"{path}: expected an annotation file, found nothing there; check the path in the "
            "configuration, and data.root that it is relative to"
        ) from None
    except OSError as error:
        raise DataError(
            f"{path}: expected a readable file, found: {error.strerror}; name a file, and check "
            "its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected UTF-8 text, found the byte 0x{error.object[error.start]:02x} at "
            f"offset {error.start}; convert the file to UTF-8, or name another one"
        ) from error


def read_json_list(path: Path) -> list[Any]:
    """The records of a file that holds one JSON list.

    Raises:
        DataError: for a file that is unreadable, not JSON, or not a list.
    """
    return _read_json(path, list, "a JSON list of records")


def read_json_object(path: Path) -> dict[str, Any]:
    """The entries of a file that holds one JSON object.

    Raises:
        DataError: for a file that is unreadable, not JSON, or not an object, and for a key that
            stands twice in an object: one of the two would be dropped in silence.
    """
    return _read_json(path, dict, "a JSON object")


def _read_json(path: Path, kind: type[T], expected: str) -> T:
    text = read_text(path)
    try:
        value = json.loads(text, object_pairs_hook=_once_each if kind is dict else None)
    # RecursionError: nested too deep to be an annotation; ValueError: also a number of too many
    # digits.
    except (ValueError, RecursionError) as error:
        fault = error if isinstance(error, _DoubledKey) else f"what is not JSON: {error}"
        raise DataError(
            f"{path}: expected {expected}, found {fault}; download the file again, or name the "
            "right one"
        ) from error
    if not isinstance(value, kind):
        raise DataError(
            f"{path}: expected {expected}, found {_kind(value)}; name the file in the "
            "format that the source's `format` says"
        )
    return value


class _DoubledKey(ValueError):
    pass


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        doubled = next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise _DoubledKey(f"the key {doubled!r} twice in one object")
    return entries


def read_json_lines(path: Path) -> tuple[list[tuple[int, Any]], list[BadItem]]:
    """The records of a JSONL file with their line numbers (from 1), and the lines that are not
    JSON.

    Blank lines hold nothing and are skipped.

    Raises:
        DataError: for a file that is unreadable, or none of whose lines is a JSON object.
    """
    records: list[tuple[int, Any]] = []
    bad: list[BadItem] = []
    # Not splitlines(): it also splits at U+2028, which JSON allows inside a string.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append((number, json.loads(line)))
        except (ValueError, RecursionError) as error:
            bad.append(BadItem(str(path), f"line {number}", f"not JSON: {error}"))
    if (records or bad) and not any(isinstance(value, dict) for _, value in records):
        raise DataError(
            f"{path}: expected JSONL, one JSON object a line, found none in "
            f"{len(records) + len(bad)} lines; write a JSON list as one record a line first"
        )
    return records, bad


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")
