"""One run in a folder at a time, also where the one before was killed."""

from __future__ import annotations

import json
import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from artimuse.config import ConfigError
from artimuse.training import lock
from artimuse.training.lock import locked

_context = multiprocessing.get_context("fork")


def _hold(folder: Path, pipe: Connection) -> None:
    with locked(folder):
        child = os.fork()  # as a loader worker, which outlives a killed run for a moment
        if child == 0:
            pipe.recv()
            os._exit(0)
        pipe.send(child)
        pipe.recv()


def test_a_second_run_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "r"
    here, there = _context.Pipe()
    holder = _context.Process(target=_hold, args=(folder, there))
    holder.start()
    worker = here.recv()
    try:
        message = r"runs/r: another run is at work in it"
        with pytest.raises(ConfigError, match=message) as raised, locked(folder):
            pass
        assert f'"process": {holder.pid}' in str(raised.value)
        assert "run.name=NAME" in str(raised.value)
        assert not folder.exists()
        with locked(folder.with_name("other")):
            pass
        holder.kill()
        holder.join()
        os.kill(worker, 0)  # the killed run's worker is still there
        with locked(folder):
            held = json.loads((folder.parent / ".r.lock").read_text())
            assert held["process"] == os.getpid()
    finally:
        here.send("end")
    assert list(folder.parent.iterdir()) == []


def test_a_lock_that_its_holder_removed_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking it, the run before may have ended, and another one begun."""
    path, real, times = tmp_path / ".r.lock", lock.fcntl.lockf, [0]

    def slow(handle: int, how: int) -> None:
        times[0] += 1
        if times[0] == 1:
            path.unlink()
            path.write_text("another file of the same name")
        real(handle, how)

    monkeypatch.setattr(lock.fcntl, "lockf", slow)
    with locked(tmp_path / "r"):
        assert times == [2]
        assert json.loads(path.read_text())["process"] == os.getpid()


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(handle: int, how: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(lock.fcntl, "lockf", none)
    with locked(tmp_path / "r"):
        pass
    assert "this file system has no locks" in capsys.readouterr().out
