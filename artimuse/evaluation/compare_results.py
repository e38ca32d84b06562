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


def compare_results(a: Path, b: Path, output: Path) -> dict[str, Any]:
    """Write comparison.json into `output`: {"a", "b", "benchmark", "metrics": {name: `Difference`}}.

    Where both have open answers to the same questions, also the judge's files, both orders of each pair.

    Raises:
        ValueError: for what holds no predictions, and as `compare`.
    """
    files = [path / PREDICTIONS if path.is_dir() else path for path in (a, b)]
    for file in files:
        if not file.is_file():
            raise ValueError(f"--compare {file}: no such file; expected a results folder")
    rows = [read_predictions(file) for file in files]
    found = {
        "a": str(a),
        "b": str(b),
        "benchmark": _benchmark(a),
        "metrics": {name: one.as_json() for name, one in compare(rows[0], rows[1]).items()},
    }
    write_atomically(output / COMPARISON, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    write_judge_files(output, rows[0], rows[1], names=(str(a), str(b)))
    return found


def _benchmark(folder: Path) -> str | None:
    path = folder / RESULTS
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))["benchmark"]
