"""predictions.jsonl: rows as JSON lines, written at once, or as they come and continued where they ended."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from artimuse.evaluation.predictions import Prediction, check_predictions

PREDICTIONS = "predictions.jsonl"


def write_predictions(path: str | Path, rows: Iterable[Prediction]) -> None:
    """Write rows as JSON lines: complete, or not at all.

    The content is judged on reading: hours of scoring must not be lost to one bad row, so a nan is
    written as it is, and no metric is computed from it.
    """
    write_atomically(Path(path), "".join(map(_line, rows)))


def read_predictions(path: str | Path) -> list[Prediction]:
    """The checked rows of a predictions file.

    Raises:
        ValueError: A line is no JSON object, or `check_predictions` refuses the rows.
    """
    rows: list[Prediction] = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            rows.append(_row(line, f"{path}:{number}"))
    try:
        check_predictions(rows)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return rows


class Appended:
    """A predictions file that grows; opened again, it goes on after its last complete row.

    A row is handed to the operating system as a whole and ends in a line feed, so a process that was stopped
    while it wrote leaves at most one row that is not complete: the last, which is cut off.

    Attributes:
        rows: those that were there.

    Raises:
        ValueError: for a line that is damaged; the file is then left as it is.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self.rows: list[Prediction] = []
        end = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    self.rows.append(_row(line, f"{path}:{number}"))
                    end += len(line)
        self._file: BinaryIO = path.open("r+b")
        self._file.truncate(end)
        self._file.seek(end)

    def write(self, rows: Iterable[Prediction]) -> None:
        """Append rows, and hand them to the operating system."""
        self._file.write("".join(map(_line, rows)).encode())
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def write_atomically(path: Path, text: str) -> None:
    """The file holds all of the text or what it held before, whenever the process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _line(row: Prediction) -> str:
    line = json.dumps(row, ensure_ascii=False, default=_plain) + "\n"
    # A file name that is no UTF-8 holds half surrogates, which are only written as escapes.
    return line if _encodable(line) else json.dumps(row, default=_plain) + "\n"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _row(line: str | bytes, place: str) -> Prediction:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{place}: expected a JSON object, found {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"{place}: expected a JSON object, found {line.strip()!r}")
    return row  # pyright: ignore[reportReturnType] (checked by `check_predictions`)


def _plain(value: Any) -> Any:
    """A numpy or torch scalar as the Python number that it is."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"expected JSON values in a prediction row, found {value!r}")
