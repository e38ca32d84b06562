"""A run that would train on what it is evaluated on: it is refused, or its overlap is put on record.

    write_leaks(run_folder, leaks)
    counts = count_leaks(leaks, allowed=["ava-test"])            # for run.json
    refuse_leaks(leaks, allowed=["ava-test"], never=["aesbench"], lists=run_folder)

Such an overlap makes a benchmark's number worthless, so it has to be taken out (`minus:`), or accepted by
the name of the evaluation source (`data.allow_leakage`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from artimuse.data.checks.leakage import Kind, Leak
from artimuse.records import DataError

SHOWN = 10
"""Findings that an error lists."""


def count_leaks(leaks: Iterable[Leak], allowed: Collection[str] = ()) -> list[dict[str, Any]]:
    """Per pair of sources: the number of evaluation images in common, in all and by kind of evidence."""
    images: dict[tuple[str, str], dict[str, set[str]]] = {}
    for leak in leaks:
        kinds = images.setdefault(leak.sources, {"images": set()})
        kinds["images"].add(leak.evaluation_file)
        kinds.setdefault(leak.kind, set()).add(leak.evaluation_file)
    return [
        {"training": training, "evaluation": evaluation, "allowed": evaluation in allowed}
        | {kind: len(files) for kind, files in kinds.items()}
        for (training, evaluation), kinds in images.items()
    ]


def write_leaks(folder: Path, leaks: Sequence[Leak]) -> None:
    """`leaks.jsonl`, a finding a line, and `minus-<training source>.json`, which `minus:` can name.

    Without leaks there is no `leaks.jsonl`; a list is left, as a recipe may name it.
    """
    findings = folder / "leaks.jsonl"
    if not leaks:
        findings.unlink(missing_ok=True)
        return
    with findings.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(leak)) + "\n" for leak in leaks)
    names: dict[str, dict[str, None]] = {}
    for leak in leaks:
        source, _, name = leak.training.partition("/")
        names.setdefault(source, {})[name] = None
    for source, taken in names.items():
        rows = json.dumps([{"image": name} for name in taken], indent=0)
        _list(folder, source).write_text(rows + "\n", encoding="utf-8")


def refuse_leaks(
    leaks: Sequence[Leak], *, allowed: Collection[str], never: Collection[str], lists: Path
) -> None:
    """Stop a run whose training images are in an evaluation source that is not allowed to have them.

    Args:
        allowed: names of evaluation sources whose overlap is accepted.
        never: names of evaluation sources whose terms forbid training on them, whatever is allowed.
        lists: where `write_leaks` wrote.

    Raises:
        DataError: it counts the images per pair of sources, and shows the first ten findings.
    """
    refused = [leak for leak in leaks if leak.sources[1] in never or leak.sources[1] not in allowed]
    if not refused:
        return
    counts = count_leaks(refused)
    total = len({leak.evaluation_file for leak in refused})
    written = ", ".join(dict.fromkeys(str(_list(lists, row["training"])) for row in counts))
    lines = [
        f"data.sources: expected no image that evaluation.sources have too, found {total}; take them "
        f"out of the training sources by naming these lists as their `minus`: {written}"
    ]
    open_to = list(dict.fromkeys(r["evaluation"] for r in counts if r["evaluation"] not in never))
    if open_to:
        lines[0] += f"; or accept them by name: data.allow_leakage: [{', '.join(open_to)}]"
    lines += [_line(row, forbidden=row["evaluation"] in never) for row in counts]
    lines.append(f"first {min(SHOWN, len(refused))} of {len(refused)} findings:")
    lines += [f"  {leak}" for leak in refused[:SHOWN]]
    raise DataError("\n".join(lines))


def _line(row: dict[str, Any], *, forbidden: bool) -> str:
    kinds = ", ".join(f"{row[kind]} by {kind}" for kind in get_args(Kind) if kind in row)
    line = f"  {row['training']} and {row['evaluation']}: {row['images']} images ({kinds})"
    return f"{line}; its terms forbid training on them" if forbidden else line


def _list(folder: Path, source: str) -> Path:
    return folder / f"minus-{source}.json"
