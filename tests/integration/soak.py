"""A soak: two processes under torchrun, killed at random moments and resumed, against a run left alone.

    PYTHONPATH=tests python tests/integration/soak.py --minutes 30 --json soak.json

The recipe is the small quickstart in two stages, with a model selected, micro-batches and a loader worker. A
run is started, stopped in one of four ways, and started again with --resume until it is done; then weights and
rows of all its stages are compared with those of the run that was left alone, and the next one begins. Exit
status 1 where anything differs, or a run could not go on.

    kill -9 of everything                 as when a machine goes down
    kill -9 of one of the two             the other one has to end by itself
    SIGTERM to the launcher               as a scheduler does; the run saves and ends
    SIGTERM to one process                both have to save and end
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from artimuse.training.metric_rows import TIMED, read_rows
from integration.calls import QUICKSTART, ROOT, SMALL, draw_small_data

STAGES = """stages=[
  {name: text, objective: {score: 0, rank: 0}, train: {steps: 12}},
  {name: joint, train: {steps: 24, select: {metric: srcc, every: 8}}}]"""
RECIPE = (
    *SMALL, "train.batch_images=8", "train.accumulation=2", "train.checkpoint_every=2",
    "data.workers=1", "data.check_images=false", "data.validation_frac=0.2",
    "evaluation.baselines=[]", "evaluation.critique=false", STAGES,
)  # fmt: skip
WAYS = ("kill all", "kill one", "terminate launcher", "terminate one")
WORKERS_END_S = 240
"""Longest time until all processes are gone after one of them is: torchrun waits 30 s before it kills."""


@dataclass
class Counts:
    minutes: float = 0.0
    runs: int = 0
    launches: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    resumes: int = 0
    too_late: int = 0
    """Runs that were done before they were to be stopped."""
    mismatches: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the runs are (default: a temporary one)")
    parser.add_argument("--json", type=Path, help="where the counts are written; they are printed")
    args = parser.parse_args(argv)
    folder = args.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    counts = soak(folder.resolve(), minutes=args.minutes, draw=random.Random(args.seed))
    text = json.dumps(vars(counts), indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")
    return 1 if counts.mismatches or counts.failures else 0


def soak(folder: Path, *, minutes: float, draw: random.Random) -> Counts:
    """minutes: after the run that is left alone; that of an earlier soak in the folder is used again."""
    counts, reference = Counts(), folder / "reference"
    data = folder / "demo"
    if not (reference / "results" / "results.json").exists():
        draw_small_data(data)
        if launch(data, reference).wait() != 0:
            counts.failures.append(f"the run that was left alone: see {log_of(reference)}")
            return counts
    earlier = len(list(folder.glob("run-*.log")))
    began = time.monotonic()
    while (time.monotonic() - began) / 60 < minutes and not counts.failures:
        run = folder / f"run-{earlier + counts.runs:03d}"
        stop_and_resume(data, run, draw, counts)
        if not counts.failures:
            counts.runs += 1
            counts.mismatches += [f"{run}: {what}" for what in differences(reference, run)]
        counts.minutes = round((time.monotonic() - began) / 60, 1)
        print(f"{counts.minutes} min: {counts.runs} runs, {counts.launches} launches, "
              f"{dict(counts.kills)}, {len(counts.mismatches)} mismatches", flush=True)  # fmt: skip
    return counts


def stop_and_resume(data: Path, run: Path, draw: random.Random, counts: Counts) -> None:
    """One run, from its first launch to its end."""
    launched_before = False
    while True:
        process = launch(data, run)
        counts.launches += 1
        counts.resumes += launched_before
        launched_before = True
        wait_for(process, run, rows_written(run) + draw.randint(0, 14), draw)
        if process.poll() is None:
            way = draw.choice(WAYS)
            stop(process, way, draw)
            try:
                status = process.wait(timeout=WORKERS_END_S)
            except subprocess.TimeoutExpired:
                counts.failures.append(f"{run}: alive {WORKERS_END_S} s after: {way}")
                kill_all(process)
                return
            if status != 0:
                counts.kills[way] += 1
                continue
        counts.too_late += 1
        if process.returncode == 0:
            return
        # It ended without having been stopped.
        counts.failures.append(f"{run}: status {process.returncode}, see {log_of(run)}")
        return


def launch(data: Path, run: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        str(ROOT / "scripts" / "train.py"), "--config", str(QUICKSTART), f"data.root={data}",
        f"run.folder={run.parent}", f"run.name={run.name}", *RECIPE, "--resume",
    ]  # fmt: skip
    with log_of(run).open("ab") as log:
        return subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
                              "PYTHONPATH": str(ROOT)},
        )  # fmt: skip


def log_of(run: Path) -> Path:
    return run.with_suffix(".log")


def wait_for(process: subprocess.Popen[bytes], run: Path, rows: int, draw: random.Random) -> None:
    """Until so many rows are written, then a moment within a step or a save; or until the run is done."""
    if draw.random() < 0.15:  # or any moment of the start
        rows = 0
        time.sleep(draw.uniform(0, 30))
    while process.poll() is None and rows_written(run) < rows:
        time.sleep(0.02)
    time.sleep(draw.uniform(0, 0.5))


def rows_written(run: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in run.rglob("metrics.jsonl"))


def stop(process: subprocess.Popen[bytes], way: str, draw: random.Random) -> None:
    if way == "kill all":
        kill_all(process)
        return
    if way == "terminate launcher":
        process.send_signal(signal.SIGTERM)
        return
    trainers = children(process.pid)
    if trainers:
        number = signal.SIGKILL if way == "kill one" else signal.SIGTERM
        send(draw.choice(trainers), number)


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """The launcher first, so that it cannot tidy up; then all that it started."""
    below = children(process.pid)
    below += [pid for child in below for pid in children(child)]
    process.kill()
    for pid in below:
        send(pid, signal.SIGKILL)


def send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended just now


def children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def differences(one: Path, two: Path) -> list[str]:
    """What is not the same in the models and rows of two runs and of their stages."""
    found: list[str] = []
    for place in ("", "stages/01-text"):
        for name in ("model.safetensors", "readout.safetensors"):
            a, b = (load_file(run / place / "model" / name) for run in (one, two))
            if a.keys() != b.keys() or any(not a[key].equal(b[key]) for key in a):
                found.append(f"{place or '.'}/model/{name}")
        if timeless(one / place) != timeless(two / place):
            found.append(f"{place or '.'}/metrics.jsonl")
    return found


def timeless(folder: Path) -> list[dict[str, Any]]:
    rows = read_rows(folder / "metrics.jsonl")
    return [{k: v for k, v in row.items() if k not in TIMED} for row in rows]


if __name__ == "__main__":
    sys.exit(main())
