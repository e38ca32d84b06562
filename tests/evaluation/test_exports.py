"""Predictions in others' forms: nothing is lost on the way, or it is said."""

from __future__ import annotations

import json
from pathlib import Path

from artimuse.config.sources import AesBenchSource
from artimuse.evaluation.benchmarks.known import BENCHMARKS
from artimuse.evaluation.exports import aesbench, write_exports
from artimuse.evaluation.predictions import Prediction
from evaluation.making import choice

CONFIG = AesBenchSource(format="aesbench", name="aesbench", annotations="e.tsv", images="i")


def rows(*named: tuple[str, str]) -> list[Prediction]:
    return [
        choice(f"d/{image}#{k}", None, "A)", aspect=task, image=image, response=f"answer {k}")
        for k, (image, task) in enumerate(named)
    ]


def test_an_answer_per_image_and_task_becomes_a_submission(tmp_path: Path) -> None:
    given = rows(("a.jpg", "AesP"), ("a.jpg", "AesA"), ("b.jpg", "AesP"))
    assert write_exports(tmp_path, BENCHMARKS["aesbench"], CONFIG, given) == []
    found = json.loads((tmp_path / "export" / "test_AesP.json").read_text())
    assert found == {"a.jpg": {"AesP_response": "answer 0"}, "b.jpg": {"AesP_response": "answer 2"}}
    assert (tmp_path / "export" / "test_AesA1.json").exists()


def test_two_questions_of_a_task_about_an_image_are_no_submission(tmp_path: Path) -> None:
    given = rows(("a.jpg", "AesP"), ("a.jpg", "AesP"), ("a.jpg", "AesA"))
    (note,) = write_exports(tmp_path, BENCHMARKS["aesbench"], CONFIG, given)
    assert "test_AesP.json" in note
    assert "1 image" in note
    assert [path.name for path in (tmp_path / "export").iterdir()] == ["test_AesA1.json"]
    assert set(aesbench(given)) == {"AesA1"}
