"""The training script as a user launches it on several processes, from the data to the table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from artimuse.inference.api import load
from integration.calls import QUICKSTART, ROOT, SMALL

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("how", ["ddp", "zero3"])
def test_accelerate_launch_trains_and_evaluates(how: str, small_data: Path, tmp_path: Path) -> None:
    if how != "ddp":
        pytest.importorskip("deepspeed")
    launched = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch",
         "--config_file", ROOT / "configs" / "accelerate" / f"{how}.yaml", "--main_process_port", "0",
         ROOT / "scripts" / "train.py", "--config", QUICKSTART, *SMALL, f"data.root={small_data}",
         f"run.folder={tmp_path}", "run.name=launched", "train.activation_checkpointing=true",
         "train.accumulation=2"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert launched.returncode == 0, launched.stderr[-4000:]
    run = tmp_path / "launched"
    record = json.loads((run / "run.json").read_text())
    assert record["finished"]
    assert record["hardware"]["processes"] == 2
    assert "2 process(es) x 2 micro-batch(es)" in launched.stdout
    shards = sorted(path.name for path in (run / "checkpoints" / "step-000002").glob("zero*"))
    assert len(shards) == (2 if how == "zero3" else 0)

    # In this one process, without DeepSpeed: the model folder says what the launched run evaluated.
    rows = map(json.loads, (run / "results" / "predictions.jsonl").read_text().splitlines())
    scores = {
        row["id"].partition("/")[2]: row["prediction"] for row in rows if row["kind"] == "score"
    }
    images = {path.name: path for path in (small_data / "artimuse").rglob("*.jpg")}
    shown = [images[name] for name in scores]
    model = load(run / "model", device="cpu")
    found = [score.value for score in model.score(shown)]
    assert found == pytest.approx(list(scores.values()), abs=1e-3)
    assert len(set(found)) > 1
