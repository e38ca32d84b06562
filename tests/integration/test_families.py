"""Each family trains on the demo data with a read-out of its own, is evaluated, scores and answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration.calls import QUICKSTART, SMALL, call_script

SHORT = [setting for setting in SMALL if not setting.startswith("train.")]


@pytest.mark.parametrize(
    ("family", "readout", "loss"),
    [
        ("internvl", "tokens", "cross_entropy"),
        ("llava", "bins", "cross_entropy"),
        ("qwen2_5_vl", "levels", "cross_entropy"),
        ("qwen3_vl", "regression", "huber"),
    ],
)
def test_a_family_learns_scores_and_answers(
    family: str, readout: str, loss: str, small_data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / family
    trained = call_script(
        "train", "--config", QUICKSTART, *SHORT, f"data.root={small_data}",
        f"run.folder={tmp_path / 'runs'}", f"run.name={family}", "train.steps=2", "train.threads=1",
        "train.batch_images=12", "train.row_tokens=null", "evaluation.baselines=[]",
        f"model.scratch.family={family}", f"model.readout.kind={readout}",
        f"objective.score_loss={loss}",
    )  # fmt: skip
    assert trained.status == 0, trained.err
    assert f"model      {family} " in trained.out
    results = json.loads((run / "results" / "results.json").read_text(encoding="utf-8"))
    assert results["n_scored"] == results["n_expected"]
    images = sorted((small_data / "artimuse" / "images").iterdir())[:2]
    scored = call_script(
        "score", "--model", run / "model", *images, "--output", tmp_path / "scores.jsonl",
        "--describe", "--max-new-tokens", 4,
    )  # fmt: skip
    assert scored.status == 0, scored.err
    rows = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    assert all(0 <= row["score"] <= 100 and len(row["critiques"]) == 8 for row in rows)
