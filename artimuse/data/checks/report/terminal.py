"""The report in a few lines: a row per source and split, then what needs a person's attention.

print(summary(report, folder))
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLUMNS = ("images", "series", "texts", "choices", "scores", "pairs")


def summary(report: dict[str, Any], page: Path) -> str:
    """Table, refusals and warnings (the worst first), the number of notes, and where the page lies."""
    lines = _table(report["splits"])
    images = report["images"]
    lines.append(f"images: {images['files']:,} files, {images['bad']:,} of them cannot be read")
    levels = [finding["level"] for finding in report["findings"]]
    for finding in report["findings"]:
        if finding["level"] != "note":
            lines.append(f"{finding['level']}: {finding['about']}: {finding['text']}")
    if notes := levels.count("note"):
        lines.append(f"notes: {notes}, in the report")
    verdict = "nothing that a training run would refuse"
    if refused := len(report["refused"]):
        verdict = f"a training run would refuse this data ({refused} reasons above)"
        verdict = verdict.replace("1 reasons", "1 reason")
    return "\n".join([*lines, f"check: {verdict}", f"report: {page}"])


def _table(splits: list[dict[str, Any]]) -> list[str]:
    rows: list[tuple[str, ...]] = [("source", "split", *COLUMNS, "left out")]
    for split in splits:
        counted = (f"{split['counts'][key]:,}" for key in COLUMNS)
        left_out = f"{sum(split['bad'].values()):,}"
        rows.append((split["source"], split["split"], *counted, left_out))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  ".join(_padded(row, widths)) for row in rows]


def _padded(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """Names to the left, numbers to the right."""
    return [
        cell.ljust(width) if place < 2 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
