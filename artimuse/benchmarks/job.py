"""One variant of the training benchmark in a process of its own: what it is told, and what it tells.

    with Running(job) as variant:
        variant.ready()                  # after its first steps: nothing, or that memory was out
        times = [variant.repeat() for _ in range(job.repeats)]
        facts = variant.repeat()         # one more step: FLOPs

Between two repetitions the process waits, so that variants can take turns on one CPU; its loader processes
fill their queues meanwhile and then wait too. Its peak memory is its own.
"""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import torch

from artimuse.benchmarks.presets import Preset
from artimuse.records import Sample

Variant = Literal["tree", "tree_uncheckpointed", "tree_blas", "rows", "multiturn"]
Row = dict[str, Any]
WORKERS = 2
"""Loader processes of every variant."""


@dataclass(frozen=True)
class Job:
    """What a process is to measure.

    family, architecture: of the model. samples: the pool that steps are drawn from. batch: rows of a
    micro-batch (of Trainer's). steps: optimizer steps of a repetition. micro_batches: of a step; None is a
    whole step. counts: count FLOPs at the end. gradient: where to write the first step's gradient. folder:
    for what Trainer wants to write.
    """

    variant: Variant
    preset: Preset
    family: Any
    architecture: Any
    samples: tuple[Sample, ...]
    device: str
    threads: int
    seed: int
    folder: Path
    batch: int = 1
    steps: int = 1
    repeats: int = 0
    rows: int | None = None
    gradient: Path | None = None
    counts: bool = True

    @property
    def warm_up(self) -> int:
        """Steps before the first repetition; in the first, the gradient is kept."""
        return 1 if self.device == "cpu" else 2

    @property
    def total_steps(self) -> int:
        return self.warm_up + self.repeats * self.steps + self.counted

    @property
    def counted(self) -> int:
        """The last step, in which FLOPs are counted: to look at every operation takes memory of its own."""
        return 1 if self.counts else 0

    @property
    def autocast(self) -> bool:
        return self.preset.precision == "bf16"

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.autocast else torch.float32


class Told(Protocol):
    """What a measurement tells its facts."""

    def tell(self, **facts: Any) -> None: ...

    def wait(self) -> None:
        """Until the next repetition is wanted."""


class Link:
    """The process's end: it tells facts, and is told when to go on."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def tell(self, **facts: Any) -> None:
        self._pipe.send(facts)

    def wait(self) -> None:
        """Until the next repetition is wanted."""
        self._pipe.recv()


class Running:
    """The other end: starts the process, and ends it.

    Args:
        run: measures; a function of a module, called in the process with the job and a Link.
    """

    def __init__(self, job: Job, run: Callable[[Job, Told], None]) -> None:
        self.job = job
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        # Not a daemon: those may not have loader processes.
        self._process = context.Process(target=_begin, args=(theirs, run, job))
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def ready(self) -> Row:
        """What the process tells once its first steps are done, or `out_of_memory`."""
        return self._told()

    def repeat(self) -> Row:
        """Let it measure once."""
        self._pipe.send("go")
        return self._told()

    def _told(self) -> Row:
        try:
            facts = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(
                f"benchmark {self.job.variant}: its process ended early, with status "
                f"{self._process.exitcode} (-9: the system was out of memory); see above"
            ) from None
        if "error" in facts:
            raise RuntimeError(f"benchmark {self.job.variant}: {facts['error']}")
        return facts


def _begin(pipe: Connection, run: Callable[[Job, Told], None], job: Job) -> None:
    if job.device == "cpu":
        # accelerate and Trainer take a GPU where they see one.
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(job.threads)
    link = Link(pipe)
    try:
        run(job, link)
    except (EOFError, BrokenPipeError):
        pass  # nobody wants another repetition
    except Exception as error:
        # This project's step names the samples in an error of its own.
        if any(isinstance(e, torch.OutOfMemoryError) for e in (error, error.__cause__)):
            link.tell(out_of_memory=str(error).splitlines()[0])
        else:
            link.tell(error=traceback.format_exc())
