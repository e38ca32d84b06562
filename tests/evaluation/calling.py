"""Calls of scripts/evaluate.py, and what they are called with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from integration.calls import ROOT, Called, call_script
from PIL import Image

N = 11
"""Images of the made-up benchmarks, 0.jpg to 10.jpg."""


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((70, 60), Image.Resampling.BICUBIC).save(path)


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def score_list(folder: Path, n: int = N) -> Path:
    scored = [{"image": f"{k}.jpg", "gt_score": 1 + (k * 7 % 11) * 0.8} for k in range(n)]
    return write(folder / "list.json", scored)


def evaluate(model: Path, benchmark: str, data: Path, output: Path, *more: object) -> Called:
    return call_script(
        "evaluate", "--model", model, "--benchmark", benchmark, "--data", data,
        "--output", output, "--device", "cpu", *more,
    )  # fmt: skip


def evaluate_on_two_processes(
    model: Path, benchmark: str, data: Path, output: Path, *more: object
) -> None:
    """The same call by torchrun; it has to succeed."""
    call = (
        "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        ROOT / "scripts" / "evaluate.py", "--model", model, "--benchmark", benchmark, "--data", data,
        "--output", output, "--device", "cpu", *more,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, *map(str, call)],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def results(output: Path) -> dict[str, Any]:
    return json.loads((output / "results.json").read_text(encoding="utf-8"))
