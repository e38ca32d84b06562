"""What every phase is, and what it says of a unit that it could not do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from artimuse.data.units import Unit
from artimuse.evaluation.predictions import Key, Prediction


@dataclass(frozen=True, slots=True)
class NotScored:
    """A unit without rows: the sample at fault, and why."""

    id: str
    reason: str


class Phase(Protocol):
    """A part of an evaluation; its rows are a function of one unit (and of the rows of phases before it)."""

    def expected(self, unit: Unit) -> list[Key]:
        """The keys of the rows that the unit gets, in their order; none where it has nothing to ask of it."""
        ...

    def answer(
        self, units: Sequence[Unit], rows: Mapping[Key, Prediction]
    ) -> Iterator[list[Prediction] | NotScored]:
        """The rows of each unit, in their order, as soon as they are there.

        Args:
            rows: what earlier phases wrote of these units.
        """
        ...
