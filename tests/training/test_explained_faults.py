"""What the system says of a fault, in words of the run."""

from __future__ import annotations

import errno

import pytest

from artimuse.training.faults import RunError, explained

GLOO = "[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:28573"
NCCL = "NCCL communicator was aborted on rank 0."
STORE = "Failed to recv, got 0 bytes. Connection was likely closed."
WORKER = "DataLoader worker (pid 12) is killed by signal: Killed. "


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "a/metrics.jsonl"),
            "No space left.*Free",
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "quota exceeded.*--resume"),
        (RuntimeError(GLOO), r"another process of this run ended .*Connection closed by peer"),
        (RuntimeError(NCCL), r"another process of this run ended .*NCCL"),
        (RuntimeError(STORE), r"another process of this run ended .*Failed to recv"),
        (RuntimeError(WORKER), r"a data worker ended: .*pid 12.*lower data\.workers"),
    ],
)
def test_a_known_fault_says_what_to_do(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunError, match=message), explained():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        RunError("already said: gloo"),
        FileNotFoundError(errno.ENOENT, "No such file"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback ..."),
        ValueError("gloo"),
    ],
)
def test_everything_else_is_passed_on(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(type(error)) as raised, explained():
        raise error
    assert raised.value is error


def test_one_process_alone_has_lost_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(RuntimeError) as raised, explained():
        raise RuntimeError(GLOO)
    assert not isinstance(raised.value, RunError)
