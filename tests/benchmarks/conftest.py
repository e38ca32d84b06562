"""A measurement in this process, and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from accelerate.state import AcceleratorState, GradientState, PartialState

from artimuse.benchmarks.job import Job, Told
from artimuse.benchmarks.presets import PRESETS, Shape
from artimuse.benchmarks.training import make_job

TINY = PRESETS["tiny"]


class Heard:
    """A Link that keeps what is told, and never waits."""

    def __init__(self) -> None:
        self.facts: list[dict[str, Any]] = []

    def tell(self, **facts: Any) -> None:
        self.facts.append(facts)

    def wait(self) -> None:
        return


@pytest.fixture(autouse=True)
def _fresh_accelerate() -> Iterator[None]:
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


@pytest.fixture
def tiny_job(tmp_path: Path) -> Callable[..., Job]:
    """A job of a tiny model by name, with changes."""

    def make(name: str, **changes: Any) -> Job:
        shape = shape_of(name)
        job = make_job(shape, TINY, tmp_path, device="cpu", threads=1, seed=0, repeats=1)
        return replace(job, **changes)

    return make


def shape_of(name: str) -> Shape:
    return TINY.chosen("all", [name])[0]


def heard(run: Callable[[Job, Told], None], job: Job) -> list[dict[str, Any]]:
    """What a measurement tells, measured in this process."""
    link = Heard()
    run(job, link)
    return link.facts
