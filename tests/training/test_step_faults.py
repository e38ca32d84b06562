"""A step that goes wrong: a loss that is not finite, memory that runs out, a worker or process that is gone."""

from __future__ import annotations

import math
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from artimuse.data.loader import StepDataset
from artimuse.models.aesthetic import AestheticModel
from artimuse.objectives.joint import Losses, Objective
from artimuse.training.faults import RunError

sys.path.insert(0, str(Path(__file__).parent))
import toy
from resuming import assert_equal, finish, result, rows_of, run, said, start


@pytest.fixture(autouse=True)
def _fresh_accelerate():
    toy.reset_accelerate()
    yield
    toy.reset_accelerate()


def spoil(
    monkeypatch: pytest.MonkeyPatch, steps: set[int], change: Callable[[Losses], Losses]
) -> None:
    """The losses of these steps (counted from 1) become something else; one call a micro-batch."""
    real, calls = Objective.__call__, [0]

    def spoiled(self: Objective, *arguments: Any, **named: Any) -> Losses:
        losses = real(self, *arguments, **named)
        calls[0] += 1
        return change(losses) if calls[0] in steps else losses

    monkeypatch.setattr(Objective, "__call__", spoiled)


def infinite_loss(losses: Losses) -> Losses:
    return replace(losses, total=losses.total * math.inf, text=losses.text * math.inf)


def infinite_gradient(losses: Losses) -> Losses:
    """A loss as it is, with a gradient that is not finite."""

    class Steep(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:  # pyright: ignore
            return value.clone()

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # pyright: ignore
            return gradient * math.inf

    total: Any = Steep.apply(losses.total)
    return replace(losses, total=total)


@pytest.mark.parametrize("change", [infinite_loss, infinite_gradient])
def test_a_step_that_is_not_finite_is_skipped_counted_and_logged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Losses], Losses],
) -> None:
    before, _, _ = run(tmp_path, "before", stop_after=2, lr=1e-2)
    spoil(monkeypatch, {3, 5}, change)
    skipped, _, _ = run(tmp_path, "three", stop_after=3)
    assert_equal(skipped, before)
    monkeypatch.undo()

    spoil(monkeypatch, {3, 5}, change)
    weights, rows, done = run(tmp_path, "r", log_every=4)
    assert done
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    # A skipped step has its row whatever log_every says.
    assert [row["step"] for row in rows] == [3, 4, 5, 6]
    assert [row.get("skipped_steps") for row in rows] == [1, None, 2, None]
    assert not math.isfinite(rows[0]["grad_norm"])
    assert math.isfinite(rows[0]["loss"]) == (change is infinite_gradient)
    steps = rows[0]["skipped_samples"]
    assert all(name.startswith("t/") for name in steps)
    assert len(steps) == rows[0]["images"]
    out = capsys.readouterr().out
    assert "step=5 skipped: loss " in out
    assert "1 in a row, 2 in all; samples: t/" in out


def test_only_the_samples_of_the_micro_batch_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, {2}, infinite_loss)
    _, rows, _ = run(tmp_path, "r", stop_after=1, accumulation=2)
    assert 0 < len(rows[0]["skipped_samples"]) < rows[0]["images"]


def test_too_many_in_a_row_end_the_run_also_across_a_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, {2, 4, 5, 6}, infinite_loss)
    with pytest.raises(RunError, match="3 steps in a row") as raised:
        run(tmp_path, "r", nonfinite_in_a_row=3)
    assert "The weights are those of step 3" in str(raised.value)
    assert "the last one, 6, with the samples t/" in str(raised.value)
    monkeypatch.undo()
    # Step 4 is in the checkpoint, as the first one in a row.
    spoil(monkeypatch, {1, 2}, infinite_loss)
    with pytest.raises(RunError, match="3 steps in a row"):
        run(tmp_path, "r", nonfinite_in_a_row=3)
    assert [row.get("skipped_steps") for row in rows_of(tmp_path / "r")] == [
        None, 1, None, 2, 3, 4,
    ]  # fmt: skip


def test_processes_skip_alike(tmp_path: Path) -> None:
    """The loss of one process is not finite: the other one skips its step too, and names its samples."""
    started = start(tmp_path, "r", processes=2, fault="infinite_loss_in_step_3")
    assert finish(started) == [0, 0]
    weights, rows = result(tmp_path, "r")
    assert [row.get("skipped_steps") for row in rows] == [None, None, 1, None, None, None]
    assert 0 < len(rows[2]["skipped_samples"]) < rows[2]["images"]
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())


ALLOCATOR = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("9 GiB"), MemoryError(), RuntimeError(ALLOCATOR)]
)
def test_memory_that_ends_names_samples_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def forward(self: Any, batch: Any) -> Any:
        raise error

    monkeypatch.setattr(AestheticModel, "forward", forward)
    with pytest.raises(RunError) as raised:
        run(tmp_path, "r", accumulation=2)
    said = str(raised.value)
    assert said.startswith("out of memory in step 1 (micro-batch 1 of 2: ")
    assert "with the samples t/" in said
    assert "lower train.batch_images or raise train.accumulation" in said


def test_memory_that_ends_in_the_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first update makes AdamW's moments."""

    def step(*_: Any, **named: Any) -> Any:
        raise torch.OutOfMemoryError("9 GiB")

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with pytest.raises(RunError, match=r"out of memory in step 1 .*lower train\.batch_images"):
        run(tmp_path, "r")


def test_another_error_of_the_model_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(self: Any, batch: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(AestheticModel, "forward", forward)
    with pytest.raises(RuntimeError, match=r"^mat1 and mat2") as raised:
        run(tmp_path, "r")
    assert not isinstance(raised.value, RunError)


@pytest.mark.parametrize("workers", [0, 1])
def test_memory_that_ends_while_images_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    real = StepDataset.__getitem__

    def read(self: StepDataset, step: int) -> Any:
        if step == 2:
            raise MemoryError
        return real(self, step)

    monkeypatch.setattr(StepDataset, "__getitem__", read)
    with pytest.raises(RunError, match="out of memory in step 3, while its images were read") as e:
        run(tmp_path, "r", workers=workers)
    assert "with the samples t/" in str(e.value)
    assert "lower data.workers" in str(e.value)


def test_a_data_worker_that_is_killed(tmp_path: Path) -> None:
    """As the system does where memory is out. The run ends, and goes on as if nothing had been.

    In a process of its own: torch leaves open what it had of the worker.
    """
    through, rows, _ = run(tmp_path, "through")
    assert finish(start(tmp_path, "r", workers=1, fault="data_worker_killed_at_step_4")) == [1]
    # By the time that it takes: torch misses the worker, or the worker's socket ends while a step is read.
    message = r"a data worker ended: (DataLoader worker .pid|Conn|EOF).*lower data\.workers"
    assert re.search(message, said(tmp_path, "r", 0))
    resumed, resumed_rows, done = run(tmp_path, "r", workers=1)
    assert done
    assert_equal(resumed, through)
    assert resumed_rows == rows


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset by peer"), EOFError()])
def test_a_data_worker_that_is_killed_while_it_hands_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def read(self: StepDataset, step: int) -> Any:
        raise error

    monkeypatch.setattr(StepDataset, "__getitem__", read)
    with pytest.raises(RunError, match=r"a data worker ended: .*Error.* before step 1 was handed"):
        run(tmp_path, "r")


def test_a_loader_worker_leaves_signals_to_the_trainer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal and a scheduler signal it too; a worker that ended would take the step with it."""
    real = StepDataset.__getitem__

    def read(self: StepDataset, step: int) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        return real(self, step)

    monkeypatch.setattr(StepDataset, "__getitem__", read)
    _, rows, done = run(tmp_path, "r", workers=1)
    assert done
    assert len(rows) == 6


def test_a_process_that_dies_takes_the_others_with_it(tmp_path: Path) -> None:
    """Within a minute, with a message; the checkpoint of step 2 is there."""
    _, rows, _ = run(tmp_path, "through")
    started = start(tmp_path, "r", processes=2, fault="killed_before_step_3")
    started[1].join(600)
    first, second = finish(started, timeout_s=60)
    assert (first, second) == (1, -signal.SIGKILL)
    assert "another process of this run ended or cannot be reached" in said(tmp_path, "r", 0)
    assert finish(start(tmp_path, "r", processes=2)) == [0, 0]
    assert [row["step"] for row in result(tmp_path, "r")[1]] == [row["step"] for row in rows]
