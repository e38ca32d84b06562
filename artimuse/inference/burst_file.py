"""The rows of a score file that rank series: read back, and series that changed taken out to be ranked anew.

output = open_burst_file(path, fields, meta, bursts)     # a ScoreFile: whole series, or none of them
read_shots(path)                                         # [Shot(image="a.jpg", place=1, ...), ...]
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artimuse.inference.bursts import Burst
from artimuse.inference.score_file import ScoreFile
from artimuse.inference.score_rows import csv_record


@dataclass(frozen=True, slots=True)
class Shot:
    """What the row of an image says of its place; see `rank_bursts`. captured: None also by folder."""

    image: str
    score: float
    series: str
    place: int
    p_over_next: float | None
    p_over_best: float | None
    captured: str | None


def read_shots(path: Path) -> list[Shot]:
    """The rows of a file that `ScoreFile` has checked, in its order."""
    return [_shot(row) for _, row in _rows(path)]


def open_burst_file(
    path: Path, fields: Sequence[str], meta: Mapping[str, Any], bursts: Sequence[Burst]
) -> ScoreFile:
    """Start a file, or go on with one: a series has its rows for exactly the images that it has now, or none.

    A series that was cut short, that has got or lost an image, or of which an image could not be read, is
    ranked as a whole again: places and probabilities are of all its images. `notes` says how many rows went.

    Raises:
        ValueError: as `ScoreFile`; the file is then left as it is.
    """
    output = ScoreFile(path, fields, meta)
    rows = _rows(path)
    there: dict[str, set[str]] = {}
    for _, row in rows:
        there.setdefault(row["series"], set()).add(row["image"])
    now = {burst.name: {str(image) for image in burst.images} for burst in bursts}
    whole = {name for name, images in now.items() if there.get(name) == images}
    asked = {str(image) for burst in bursts for image in burst.images}

    def stale(row: Mapping[str, Any]) -> bool:
        name = row["series"]
        return name not in whole and (name in now or not asked.isdisjoint(there[name]))

    removed = sum(stale(row) for _, row in rows)
    if not removed:
        return output
    output.close()
    _keep(path, rows, lambda row: not stale(row))
    notes = [*output.notes, f"{removed} rows of series that are not as they were are ranked again"]
    output = ScoreFile(path, fields, meta)
    output.notes[:0] = notes
    return output


_Row = tuple[bytes, dict[str, Any]]


def _rows(path: Path) -> list[_Row]:
    """Rows as they lie in the file, and what they say; of a CSV, without its header."""
    if path.suffix == ".jsonl":
        lines = path.read_bytes().splitlines(keepends=True)
        return [(line, json.loads(line)) for line in lines]
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        header, *records = csv.reader(file)
    return [(csv_record(cells), dict(zip(header, cells, strict=True))) for cells in records]


def _keep(path: Path, rows: Sequence[_Row], wanted: Callable[[Mapping[str, Any]], bool]) -> None:
    """Write the file anew with the rows that are wanted; it is never there in part."""
    header = b""
    if path.suffix == ".csv":
        with path.open("rb") as file:
            header = file.readline()
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(header + b"".join(line for line, row in rows if wanted(row)))
    temporary.replace(path)


def _shot(row: Mapping[str, Any]) -> Shot:
    """Of a row whose values are a JSON object's, or a CSV's cells."""
    over_next, over_best = (
        None if row[name] in (None, "") else float(row[name])
        for name in ("p_over_next", "p_over_best")
    )
    return Shot(
        image=row["image"],
        score=float(row["score"]),
        series=row["series"],
        place=int(row["place"]),
        p_over_next=over_next,
        p_over_best=over_best,
        captured=row.get("captured") or None,
    )
