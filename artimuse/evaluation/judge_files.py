"""The files of a judge: read with their lines named, never written over once a judge has filled them in."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from artimuse.evaluation.prediction_file import write_atomically

FOLDER, PAIRS, ANSWERS, KEY = "judge", "pairs.jsonl", "answers.jsonl", "key.json"
EMPTY = {"judge": "", "better": "", "score": None}
"""What a judge fills in, before."""


def judge_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file.

    Raises:
        ValueError: for a line that is no JSON object with an `id`.
    """
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: expected a JSON object, found {error}") from error
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            raise ValueError(
                f"{path}:{number}: expected a JSON object with an `id`, found {line.strip()!r}"
            )
        rows.append(row)
    return rows


def judge_of(path: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    """The one judge whose name stands in every row.

    Raises:
        ValueError: for none, several, or what is no name.
    """
    judges = {json.dumps(row.get("judge")): row.get("judge") for row in rows}
    judge = next(iter(judges.values()))
    if len(judges) != 1 or not judge or not isinstance(judge, str):
        raise ValueError(
            f"{path}: expected one judge's name in `judge` of every row, found {', '.join(sorted(judges))}"
        )
    return judge


def check_complete(
    path: Path, rows: Iterable[Mapping[str, Any]], expected: Collection[str]
) -> None:
    """Refuse rows that lack, are there twice, or are not of these pairs or answers."""
    ids = [str(row["id"]) for row in rows]
    given = set(ids)
    other = [id_ for id_ in ids if id_ not in expected]
    twice = (
        [id_ for place, id_ in enumerate(ids) if id_ in ids[:place]]
        if len(given) < len(ids)
        else []
    )
    lacking = [id_ for id_ in expected if id_ not in given]
    for found, what in (
        (other, "rows that are not in its key.json"),
        (twice, "rows that are there twice"),
        (lacking, "rows missing"),
    ):
        if found:
            raise ValueError(
                f"{path}: expected the {len(expected)} rows of its key.json, found {len(found)} {what}, such "
                f"as {found[0]!r}"
            )


def judge_key(path: Path, output: Path) -> dict[str, Any]:
    """key.json of a file: beside it, or in the output's judge/.

    Raises:
        ValueError: where neither is there, or it is not what `write_judge_files` writes.
    """
    places = [path.parent / KEY, output / FOLDER / KEY]
    place = next((one for one in places if one.is_file()), None)
    if place is None:
        raise ValueError(
            f"{path}: expected {KEY}, which says who wrote what, in {places[0].parent} or {places[1].parent}, "
            "found none: give as --output the results that the judge's file is of"
        )
    key = json.loads(place.read_text(encoding="utf-8"))
    if not isinstance(key, dict) or {"a", "b", "pairs", "answers"} - set(key):
        raise ValueError(
            f"{place}: expected a, b, pairs and answers, found {key!r}: evaluate again"
        )
    return key


def filled_in(path: Path, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a judge has filled in a file of these rows, which then stays.

    Raises:
        ValueError: for one that was filled in of other rows.
    """
    there = judge_rows(path) if path.exists() else []
    blank = [row | {key: empty for key, empty in EMPTY.items() if key in row} for row in there]
    if blank == there:
        return False
    if sorted(blank, key=lambda row: row["id"]) != sorted(rows, key=lambda row: row["id"]):
        raise ValueError(
            f"{path}: a judge has filled it in, and it is of other texts than now: move it away together with "
            f"{KEY}, score it with --judged, and call again"
        )
    return True


def write_judge_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows; none of them, no file."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
