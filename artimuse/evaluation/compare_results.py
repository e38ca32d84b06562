"""Two results folders (or predictions files) -> comparison.json, and judge files of their texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from artimuse.evaluation.comparison import compare
from artimuse.evaluation.judging import write_judge_files
from artimuse.evaluation.prediction_file import PREDICTIONS, read_predictions, write_atomically
from artimuse.evaluation.results import RESULTS

COMPARISON = "comparison.json"


def compare_results(a: Path, b: Path, output: Path | None) -> dict[str, Any]:
    """{"a", "b", "benchmark", "lacking": {path: text}, "metrics": {name: `Difference`}}, into comparison.json.

    Where both have open answers to the same questions, also the judge's files, both orders of each pair.
    Without `output` nothing is written. lacking: of results that --allow-missing left incomplete.

    Raises:
        ValueError: for what holds no predictions, a folder whose evaluation is not finished, and as `compare`.
    """
    files = [path / PREDICTIONS if path.is_dir() else path for path in (a, b)]
    for file in files:
        if not file.is_file():
            raise ValueError(f"--compare {file}: no such file; expected a results folder")
    finished = [_finished(path) for path in (a, b)]
    rows = [read_predictions(file) for file in files]
    found = {
        "a": str(a),
        "b": str(b),
        "benchmark": finished[0].get("benchmark"),
        "lacking": {
            str(path): told
            for path, one in zip((a, b), finished, strict=True)
            if (told := _lacking(one))
        },
        "metrics": {name: one.as_json() for name, one in compare(rows[0], rows[1]).items()},
    }
    if output is not None:
        write_judge_files(output, rows[0], rows[1], names=(str(a), str(b)))
        write_atomically(
            output / COMPARISON, json.dumps(found, indent=2, ensure_ascii=False) + "\n"
        )
    return found


def _finished(path: Path) -> dict[str, Any]:
    """results.json of a folder; of a predictions file nothing is known."""
    if not path.is_dir():
        return {}
    if not (path / RESULTS).is_file():
        raise ValueError(
            f"--compare {path}: expected a finished evaluation, found predictions without {RESULTS}: call the "
            "evaluation again, which goes on where it was stopped"
        )
    return json.loads((path / RESULTS).read_text(encoding="utf-8"))


def _lacking(results: dict[str, Any]) -> str:
    """`18 of 20 score`, of the kinds that lack items."""
    expected, scored = results.get("n_expected", {}), results.get("n_scored", {})
    short = {kind: n for kind, n in expected.items() if scored.get(kind, 0) < n}
    return ", ".join(f"{scored.get(kind, 0)} of {n} {kind}" for kind, n in short.items())
