"""Which of several processes this one is, and how they exchange what each has found."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Gather = Callable[[list[Any]], list[Any]]
"""The lists of all processes in one, in every process."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """Which process this is, of how many, and how they exchange what each has found."""

    process: int = 0
    processes: int = 1
    gather: Gather = list

    def own(self, number: int) -> range:
        """This process's part of `number` batches."""
        return range(self.process, number, self.processes)


@contextmanager
def launched() -> Iterator[Sharing]:
    """The processes that torchrun (or accelerate launch) started; one where neither did.

    Only Python objects are exchanged, so the processes are joined by gloo, with or without GPUs.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        yield Sharing()
        return
    import torch.distributed as dist

    dist.init_process_group("gloo")
    try:
        yield Sharing(dist.get_rank(), processes, _gather)
    finally:
        dist.destroy_process_group()


def local_device(name: str | None) -> str | None:
    """A GPU of its own for every process of this machine, where none is named; None leaves the choice open."""
    import torch

    if name is None and torch.cuda.is_available() and "LOCAL_RANK" in os.environ:
        return f"cuda:{os.environ['LOCAL_RANK']}"
    return name


def _gather(own: list[Any]) -> list[Any]:
    import torch.distributed as dist

    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, own)
    return [one for part in found for one in part]
