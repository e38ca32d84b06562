"""Processes that wait for what the first one alone does."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from datetime import timedelta
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import _set_pg_timeout

from artimuse.config import TrainConfig
from artimuse.training import accelerator as module
from artimuse.training.accelerator import build_accelerator, wait_for_all

PATIENCE_S, TAKES_S = 1, 3


def _meet(rank: int, port: int, how: str) -> None:
    """Exit status 0 where the processes met, 1 where this one gave up."""
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    accelerator = build_accelerator(TrainConfig(steps=1))
    wait_for_all(accelerator)
    _set_pg_timeout(timedelta(seconds=PATIENCE_S), dist.group.WORLD)
    if accelerator.is_main_process:
        time.sleep(TAKES_S)
    try:
        if how == "patient":
            wait_for_all(accelerator)
        else:
            accelerator.wait_for_everyone()
    except RuntimeError:
        os._exit(1)
    os._exit(0)


@pytest.mark.parametrize(("how", "status"), [("patient", 0), ("plain", 1)])
def test_the_others_wait_however_long_the_first_takes(how: str, status: int) -> None:
    """Longer than an exchange may; where they wait by an exchange they give up."""
    context = multiprocessing.get_context("forkserver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [context.Process(target=_meet, args=(rank, port, how)) for rank in range(2)]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    assert started[1].exitcode == status
    if how == "patient":
        assert started[0].exitcode == 0


def test_memory_that_is_not_written_is_filled_in_tests_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deterministic: Any = torch.utils.deterministic
    build_accelerator(TrainConfig(steps=1))
    assert torch.empty(1000).isnan().all()
    monkeypatch.setattr(module, "FILL_MEMORY", False)
    build_accelerator(TrainConfig(steps=1))
    assert torch.are_deterministic_algorithms_enabled()
    assert not deterministic.fill_uninitialized_memory
