"""scripts/train.py where a run is stopped, doubled or damaged: its exit status, and what it says."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from artimuse.training import checkpoint, loop
from artimuse.training.lock import locked
from artimuse.training.metric_rows import TIMED, read_rows
from integration.calls import QUICKSTART, SMALL, Called, SmallRun

BARE = ("evaluation.baselines=[]", "evaluation.critique=false", "data.check_images=false")


@pytest.fixture(autouse=True)
def _interrupts() -> Iterator[None]:
    """A shell's background job, as tests may be, ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def train(small_data: Path, tmp_path: Path, script: Callable[..., Called]) -> Callable[..., Called]:
    def call(*more: str) -> Called:
        return script(
            "train", "--config", QUICKSTART, f"data.root={small_data}", f"run.folder={tmp_path}",
            "run.name=r", *SMALL, *BARE, *more,
        )  # fmt: skip

    return call


def rows(folder: Path) -> list[dict[str, Any]]:
    """Of the steps; the evaluation's, after them, is of what the two runs evaluate."""
    read = [row for row in read_rows(folder / "metrics.jsonl") if "loss" in row]
    return [{k: v for k, v in row.items() if k not in TIMED} for row in read]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_with_the_status_that_means_resume(
    train: Callable[..., Called],
    tmp_path: Path,
    small_run: SmallRun,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    real = loop.train_step

    def step(*arguments: Any, **options: Any) -> Any:
        if arguments[3].step == 0:
            os.kill(os.getpid(), number)
        return real(*arguments, **options)

    monkeypatch.setattr(loop, "train_step", step)
    called = train("train.checkpoint_every=100")
    assert called.status == 75
    assert f"stopped by {number.name} after step 1 of 2, which is saved" in called.out
    run = json.loads((tmp_path / "r" / "run.json").read_text())
    assert run["finished"] is False
    assert not (tmp_path / "r" / "model").exists()
    monkeypatch.undo()
    resumed = train("--resume")
    assert resumed.status == 0, resumed.err
    for name in ("model.safetensors", "readout.safetensors"):
        one, two = (load_file(f / "model" / name) for f in (small_run.folder, tmp_path / "r"))
        assert all(one[key].equal(two[key]) for key in one)
    assert rows(tmp_path / "r") == rows(small_run.folder)


def _hold(folder: Path, pipe: Connection) -> None:
    with locked(folder):
        pipe.send("held")
        pipe.recv()


def test_two_runs_in_one_folder(train: Callable[..., Called], tmp_path: Path) -> None:
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    other = context.Process(target=_hold, args=(tmp_path / "r", there))
    other.start()
    assert here.recv() == "held"
    called = train()
    other.kill()
    other.join()
    assert called.status == 2
    assert f"{tmp_path / 'r'}: another run is at work in it" in called.err
    assert f'"process": {other.pid}' in called.err
    assert not (tmp_path / "r").exists()


def test_a_full_disk_and_a_damaged_checkpoint(
    train: Callable[..., Called], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, saved = checkpoint.save_file, [0]

    def full(*arguments: Any, **options: Any) -> None:
        saved[0] += 1
        if saved[0] == 4:  # the optimizer of the second checkpoint
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*arguments, **options)

    monkeypatch.setattr(checkpoint, "save_file", full)
    called = train()
    assert called.status == 1
    last = tmp_path / "r" / "checkpoints" / "step-000001"
    assert "No space left on device" in called.err
    assert f"The last complete one is {last}; free space, and go on with --resume" in called.err
    assert [path.name for path in last.parent.iterdir()] == [last.name]
    monkeypatch.undo()

    (last / "optimizer.safetensors").unlink()
    called = train("--resume")
    assert called.status == 2
    assert f"{last}: optimizer.safetensors is missing" in called.err


def test_a_base_that_changed_is_not_resumed_on(
    train: Callable[..., Called], tmp_path: Path, small_run: SmallRun
) -> None:
    """A checkpoint holds what is trained; the rest is the base's, by a path that says nothing of it."""
    base = tmp_path / "base"
    shutil.copytree(small_run.folder / "model", base)
    adapt = ("model.scratch=null", f"model.base={base}", "model.tuning=lora", "train.steps=3")
    with pytest.MonkeyPatch.context() as patched:
        real = loop.train_step

        def step(*arguments: Any, **options: Any) -> Any:
            if arguments[3].step == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            return real(*arguments, **options)

        patched.setattr(loop, "train_step", step)
        stopped = train(*adapt)
    assert stopped.status == 75, stopped.err
    weights = load_file(base / "model.safetensors")
    save_file({name: tensor + 1e-3 for name, tensor in weights.items()}, base / "model.safetensors",
              metadata={"format": "pt"})  # fmt: skip
    changed = train(*adapt, "--resume")
    assert changed.status == 2
    assert "the base model changed since this checkpoint was written" in changed.err


def test_an_image_outside_the_image_folder_is_no_training_data(
    train: Callable[..., Called], tmp_path: Path
) -> None:
    """An annotation that names a file elsewhere takes its row out, with the reason."""
    folder = tmp_path / "own"
    (folder / "images").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"not for you")
    names = ["../../secret.jpg", str(tmp_path / "secret.jpg"), r"..\secret.jpg"]
    table = "".join(f'"{name}",5\n' for name in names)
    (folder / "scores.csv").write_text(f"image,score\n{table}")
    source = "{name: own, format: custom, images: images, table: scores.csv, scale: [0, 10]}"
    called = train(f"data.root={folder}", "data.demo=null", f"data.sources=[{source}]",
                   "evaluation.sources=[]")  # fmt: skip
    assert called.status == 2
    for name in names:
        (line,) = [line for line in called.err.splitlines() if name in line.replace("\\\\", "\\")]
        assert "outside the image folder" in line
