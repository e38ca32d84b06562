"""Phases over units -> predictions.jsonl: written as they come, continued where they ended, by any number of
processes.

Process p of P does the units p, p + P, ... and appends to a file of its own; what any file holds already is not
done again, whatever the number of processes was. At the end the first process puts all rows into
predictions.jsonl, in the order of the benchmark.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artimuse.data.units import Unit
from artimuse.evaluation.phases.phase import NotScored, Phase
from artimuse.evaluation.prediction_file import (
    PREDICTIONS,
    Appended,
    read_predictions,
    write_atomically,
    write_predictions,
)
from artimuse.evaluation.predictions import Key, Prediction, key_of
from artimuse.evaluation.sharing import Sharing
from artimuse.inference.progress import Progress
from artimuse.inference.score_file import differences, meta_path

NOT_SCORED = "not_scored.jsonl"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to: all rows in the benchmark's order, and what has none."""

    rows: list[Prediction]
    n_expected: dict[str, int]
    not_scored: list[NotScored] = field(default_factory=list)


def expected(phases: Sequence[Phase], units: Sequence[Unit]) -> dict[Key, None]:
    """Every row that there will be, in the benchmark's order."""
    return {key: None for unit in units for phase in phases for key in phase.expected(unit)}


def run(
    phases: Sequence[Phase],
    units: Sequence[Unit],
    folder: Path,
    *,
    made: Mapping[str, Any],
    sharing: Sharing,
) -> Outcome:
    """Do what is not done yet, and put the rows together.

    Args:
        made: how rows are made (`record_of`): rows go on being added only where its `same` is equal.

    Raises:
        ValueError: for a folder whose rows were made in another way, or a damaged file.
    """
    wanted = expected(phases, units)
    rows = begun(folder, made, sharing)
    own = units[sharing.process :: sharing.processes]
    path = folder / (f"predictions.{sharing.process}.jsonl" if sharing.process else PREDICTIONS)
    failed: dict[int, NotScored] = {}
    with closing(Appended(path)) as output, closing(_progress(own, phases, rows, sharing)) as seen:
        for phase in phases:
            left = [
                place for place, unit in enumerate(own)
                if place not in failed and any(key not in rows for key in phase.expected(unit))
            ]  # fmt: skip
            for place, one in zip(left, phase.answer([own[p] for p in left], rows), strict=True):
                if isinstance(one, NotScored):
                    failed[place] = one
                    seen.no_row(one.reason)
                    continue
                new = [row for row in one if key_of(row) not in rows]
                output.write(new)
                rows |= {key_of(row): row for row in new}
                seen.row(cut_texts=sum(bool(row.get("cut")) for row in new))
    every = sharing.gather(list(failed.values()))
    found = _together(folder, wanted, sharing)
    return Outcome(found, dict(Counter(kind for kind, _, _ in wanted)), every)


def write_not_scored(folder: Path, items: Sequence[NotScored]) -> None:
    """not_scored.jsonl: what has no rows, with reasons; none of them, no file."""
    path = folder / NOT_SCORED
    if not items:
        path.unlink(missing_ok=True)
        return
    lines = (json.dumps({"id": item.id, "reason": item.reason}) + "\n" for item in items)
    write_atomically(path, "".join(lines))


def begun(folder: Path, made: Mapping[str, Any], sharing: Sharing) -> dict[Key, Prediction]:
    """The rows of earlier runs; the folder then says how its rows are made.

    Raises:
        ValueError: for a folder whose rows were made in another way, or a damaged file.
    """
    place = meta_path(folder / PREDICTIONS)
    if place.exists():
        try:
            before = json.loads(place.read_text(encoding="utf-8"))["same"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{place}: damaged ({error!r}): remove the folder to start anew"
            ) from error
        differing = differences(before, made["same"])
        if differing:
            listed = "\n  ".join(differing)
            raise ValueError(
                f"--output {folder}: its rows were made in another way ({place.name} says how):\n  {listed}\n"
                "call it as before to go on with it, choose another --output, or remove the folder"
            )
    elif any(_files(folder)):
        raise ValueError(
            f"--output {folder}: holds predictions without {place.name}, which says how they were made: "
            "choose another --output, or remove them"
        )
    elif sharing.process == 0:
        write_atomically(place, json.dumps(made, indent=2, ensure_ascii=False) + "\n")
    sharing.gather([])  # nobody writes rows before all have looked
    rows: dict[Key, Prediction] = {}
    for path in _files(folder):
        with closing(Appended(path)) as file:
            rows |= {key_of(row): row for row in file.rows}
    sharing.gather([])
    return rows


def _together(folder: Path, wanted: Mapping[Key, None], sharing: Sharing) -> list[Prediction]:
    """All rows in order, in one file; every process gets them."""
    sharing.gather([])
    if sharing.process == 0:
        rows: dict[Key, Prediction] = {}
        files = list(_files(folder))
        for path in files:
            with closing(Appended(path)) as file:
                rows |= {key_of(row): row for row in file.rows}
        write_predictions(folder / PREDICTIONS, [rows[key] for key in wanted if key in rows])
        for path in files:
            if path.name != PREDICTIONS:
                path.unlink()
    sharing.gather([])
    return read_predictions(folder / PREDICTIONS)


def _files(folder: Path) -> Iterator[Path]:
    """The first process's file, then those of the others."""
    if (folder / PREDICTIONS).exists():
        yield folder / PREDICTIONS
    yield from sorted(folder.glob("predictions.[0-9]*.jsonl"))


def _progress(
    own: Sequence[Unit], phases: Sequence[Phase], rows: Mapping[Key, Prediction], sharing: Sharing
) -> Progress:
    """Counts units once a phase."""
    steps = [(phase, unit) for phase in phases for unit in own if phase.expected(unit)]
    done = sum(all(key in rows for key in phase.expected(unit)) for phase, unit in steps)
    progress = Progress(len(steps), skipped=done, unit="step")
    if done and sharing.process == 0:
        progress.say(f"going on: {done} of {len(steps)} steps are done")
    return progress
