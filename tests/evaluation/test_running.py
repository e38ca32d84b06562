"""Phases over units: what is done is not asked again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from artimuse.data.units import Unit
from artimuse.evaluation.predictions import Key, Prediction
from artimuse.evaluation.running import run
from artimuse.evaluation.sharing import Sharing
from artimuse.records import Sample
from evaluation.making import score

UNITS = [Unit((Sample(f"s/{n}", (Path(f"{n}.jpg"),), (), "s"),)) for n in range(5)]
MADE: dict[str, Any] = {"same": {}, "versions": {}}


class Counted:
    """Scores every unit, until it is stopped, and remembers which."""

    def __init__(self, stop: int = 99) -> None:
        self.asked: list[str] = []
        self.stop = stop

    def expected(self, unit: Unit) -> list[Key]:
        return [("score", unit.samples[0].id, "overall")]

    def answer(
        self, units: Sequence[Unit], rows: Mapping[Key, Prediction]
    ) -> Iterator[list[Prediction]]:
        del rows
        for unit in units:
            if len(self.asked) == self.stop:
                raise KeyboardInterrupt
            self.asked.append(unit.samples[0].id)
            yield [score(unit.samples[0].id, 1.0, 2.0)]


def test_what_is_done_is_not_asked_again(tmp_path: Path) -> None:
    first, second = Counted(stop=2), Counted()
    try:
        run([first], UNITS, tmp_path, made=MADE, sharing=Sharing())
    except KeyboardInterrupt:
        stopped = True
    else:
        stopped = False
    assert stopped
    outcome = run([second], UNITS, tmp_path, made=MADE, sharing=Sharing())
    assert (first.asked, second.asked) == (["s/0", "s/1"], ["s/2", "s/3", "s/4"])
    assert [row["id"] for row in outcome.rows] == [f"s/{n}" for n in range(5)]
    assert outcome.n_expected == {"score": 5}
