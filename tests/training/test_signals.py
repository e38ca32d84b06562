"""SIGTERM and SIGINT: stop after a step, in all processes the same, save, and say so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from accelerate import Accelerator

from artimuse.training import loop, signals
from artimuse.training.signals import StopSignal

sys.path.insert(0, str(Path(__file__).parent))
import toy
from resuming import assert_equal, before_step, finish, result, run, start


@pytest.fixture(autouse=True)
def _fresh_accelerate():
    toy.reset_accelerate()
    yield
    toy.reset_accelerate()


@pytest.fixture(autouse=True)
def _interrupts() -> Iterator[None]:
    """A shell's background job, as tests may be, ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_after_the_step_and_saves_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    through, rows, _ = run(tmp_path, "through", checkpoint_every=100)
    handler = signal.getsignal(number)
    monkeypatch.setattr(loop, "train_step", loop.train_step)  # put back at the end
    before_step(3, lambda: os.kill(os.getpid(), number))
    _, stopped, done = run(tmp_path, "r", checkpoint_every=100)
    assert not done
    assert [row["step"] for row in stopped] == [1, 2, 3]
    assert f"stopped by {number.name} after step 3 of 6, which is saved" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "r" / "checkpoints").iterdir()] == ["step-000003"]
    assert signal.getsignal(number) == handler
    monkeypatch.undo()
    resumed, resumed_rows, done = run(tmp_path, "r", checkpoint_every=100)
    assert done
    assert_equal(resumed, through)
    assert resumed_rows == rows


def test_a_signal_in_the_last_step_is_heeded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after training, an evaluation or another stage, is not what was asked for."""
    monkeypatch.setattr(loop, "train_step", loop.train_step)
    before_step(6, lambda: os.kill(os.getpid(), signal.SIGTERM))
    weights, rows, done = run(tmp_path, "r")
    assert not done
    monkeypatch.undo()
    resumed, resumed_rows, done = run(tmp_path, "r")
    assert done
    assert_equal(resumed, weights)
    assert resumed_rows == rows


def test_all_processes_stop_after_the_same_step(tmp_path: Path) -> None:
    """One of two is told; both save and end with the status that means: resume me."""
    assert finish(start(tmp_path, "through", processes=2)) == [0, 0]
    fault = "terminated_before_step_3"
    started = start(tmp_path, "r", processes=2, fault=fault, checkpoint_every=100)
    assert finish(started, timeout_s=120) == [75, 75]
    assert [path.name for path in (tmp_path / "r" / "checkpoints").iterdir()] == ["step-000003"]
    assert finish(start(tmp_path, "r", processes=2, checkpoint_every=100)) == [0, 0]
    (weights, rows), (through, expected) = result(tmp_path, "r"), result(tmp_path, "through")
    assert_equal(weights, through)
    assert rows == expected


def test_a_second_signal_at_once_is_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A launcher passes on what the terminal has sent to every process already."""
    accelerator = Accelerator(cpu=True)
    with StopSignal() as stop:
        assert not stop.agreed(accelerator)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.agreed(accelerator)
        assert stop.name == "SIGINT"


LATE = """
import os, signal, sys
from artimuse.training import signals
signals.PATIENCE_S = float(sys.argv[1])
with signals.StopSignal() as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    if sys.argv[1] == "-1":
        os.kill(os.getpid(), signal.SIGTERM)
        sys.exit("the second one was not taken")
sys.exit("it was forgotten")
"""


@pytest.mark.parametrize("patience", [-1, 60])
def test_a_later_signal_and_one_that_came_too_late_end_the_process(patience: int) -> None:
    assert signals.PATIENCE_S > 0
    ended = subprocess.run(
        [sys.executable, "-c", LATE, str(patience)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGTERM, ended.stderr


def test_an_error_is_told_whatever_was_signalled() -> None:
    """torchrun sends SIGTERM to the processes that lost another one: what they say is why they end."""

    def fail() -> None:
        with StopSignal() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.received == signal.SIGTERM
            raise ValueError("the other one is gone")

    with pytest.raises(ValueError, match="the other one is gone"):
        fail()


def test_an_ignored_signal_stays_ignored() -> None:
    """A shell's background job ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSignal() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.received is None
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
