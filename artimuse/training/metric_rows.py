"""Rows of metrics.jsonl: a JSON object a line, complete or cut off at the very end.

JSON has no numbers for what is not finite, and some readers refuse a bare NaN: such a value is written as the
string "nan", "inf" or "-inf", and read back as the number.

    read_rows(Path("runs/quickstart/metrics.jsonl"))[-1]["loss"]
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from artimuse.training.checkpoint_folder import sync

TIMED = ("images_per_s", "data_wait", "memory_mb")
"""What depends on the machine: all else of a run that was resumed equals that of one that ran through."""
RESULT = "evaluation_"
"""Begins the names of what the finished model scores, in a row of its own after the last step's."""

NOT_FINITE = ("nan", "inf", "-inf")


def as_line(row: dict[str, Any]) -> str:
    """A row as it is written, without the line's end."""
    return json.dumps({key: _written(value) for key, value in row.items()}, allow_nan=False)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The complete rows, in their order; a last row that a dying process left half-written is left out.

    Raises:
        ValueError: for a line in the middle that is no JSON object.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise ValueError(
                f"{path}, line {number}: expected a row of JSON, found {line[:40]!r}; remove the lines from "
                "here on, and resume from a checkpoint before them"
            ) from error
        rows.append({key: _read(value) for key, value in row.items()})
    return rows


def cut_rows(path: Path, start: int) -> list[dict[str, Any]]:
    """Drop the rows of steps after `start`, results, and a half-written last row; returns those that stay."""
    if not path.exists():
        return []
    kept = [row for row in read_rows(path) if row["step"] <= start and not _is_result(row)]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(as_line(row) + "\n" for row in kept), encoding="utf-8")
    # A checkpoint knows of these rows already.
    sync(temporary)
    temporary.replace(path)
    return kept


def _is_result(row: dict[str, Any]) -> bool:
    return any(key.startswith(RESULT) for key in row)


def _written(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _read(value: Any) -> Any:
    return float(value) if isinstance(value, str) and value in NOT_FINITE else value
