"""Predictions in the forms of others' tools.

export/artimuse.json                   [{"image": "0_263.jpg", "score": 46.2}, ...], 0-100: what the
                                       ArtiMuse repository (arXiv 2507.14533) writes of a score list
export/test_AesP.json, test_AesE.json, test_AesA1.json, test_AesI.json
                                       {image: {"AesP_response": text}}: what AesBench (arXiv 2401.08276)
                                       takes in, whose authors keep the answers. The form has one answer
                                       per image and task: a task that asks an image twice has no file
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from artimuse.config import SourceConfig
from artimuse.evaluation.benchmarks.spec import Benchmark
from artimuse.evaluation.prediction_file import write_atomically
from artimuse.evaluation.predictions import Prediction, aspect_of
from artimuse.records import OVERALL

FOLDER = "export"
# Task of a row -> what AesBench calls it; the assessment it counts is the first of three in its files.
_AESBENCH = {"AesP": "AesP", "AesE": "AesE", "AesA": "AesA1", "AesI": "AesI"}
_SCORES = "artimuse.json"


def write_exports(
    output: Path, benchmark: Benchmark, config: SourceConfig, rows: Sequence[Prediction]
) -> list[str]:
    """Every form that the rows of a benchmark have; what a form cannot hold is not written, and returned."""
    folder = output / FOLDER
    remove_exports(output)
    if config.format == "aesbench":
        for task, answers in aesbench(rows).items():
            _write(folder / f"test_{task}.json", answers)
        return [
            f"{FOLDER}/test_{task}.json is not written: AesBench's form has one answer per image and task, and "
            f"{images} image(s) have several {task} questions"
            for task, said in _responses(rows).items()
            if (images := sum(len(answers) > 1 for answers in said.values()))
        ]
    if benchmark.kind in ("scores", "custom") and (scores := artimuse(rows)):
        _write(folder / _SCORES, scores)
    return []


def remove_exports(output: Path) -> None:
    """Those of an earlier call; what else is in the folder stays."""
    for name in (_SCORES, *(f"test_{task}.json" for task in _AESBENCH.values())):
        (output / FOLDER / name).unlink(missing_ok=True)


def artimuse(rows: Iterable[Prediction]) -> list[dict[str, Any]]:
    """The overall scores, 0-100, in the order of the rows."""
    return [
        {"image": row.get("image"), "score": row["prediction"]}
        for row in rows
        if row["kind"] == "score" and aspect_of(row) == OVERALL
    ]


def aesbench(rows: Iterable[Prediction]) -> dict[str, dict[str, dict[str, str]]]:
    """AesBench's name of each task -> image -> its response: what was written, or the chosen option.

    Without the tasks that ask an image twice: the form would keep one of its answers.
    """
    return {
        task: {image: {f"{task}_response": text} for image, (text,) in said.items()}
        for task, said in _responses(rows).items()
        if all(len(texts) == 1 for texts in said.values())
    }


def _responses(rows: Iterable[Prediction]) -> dict[str, dict[str, list[str]]]:
    """AesBench's name of each task -> image -> what was answered to its questions."""
    found: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        task = _AESBENCH.get(str(row.get("aspect")))
        if row["kind"] not in ("choice", "text") or task is None:
            continue
        response = row.get("response", row["prediction"])
        answers = found.setdefault(task, {})
        answers.setdefault(str(row.get("image")), []).append(str(response or ""))
    return found


def _write(path: Path, content: Any) -> None:
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
