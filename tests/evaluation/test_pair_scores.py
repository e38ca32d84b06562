"""A model that scores pairs: its numbers reach the rows of the right pairs, on one process and on two."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from artimuse.evaluation.held_out import predict
from artimuse.evaluation.validation import Sharing, _Shared
from artimuse.records import Pair, Question, Sample, Source

NAMES = ("t/a", "t/b", "t/c")
# S(x|y) is a function of both, and no image's scores are alike.
SCORES = {(x, y): 10.0 * i + j for i, x in enumerate(NAMES) for j, y in enumerate(NAMES)}


class Stub:
    """Scores pairs alone."""

    batch_images = 4
    compares = True

    def answer(self, items: Sequence[Any]) -> list[Any]:
        assert not items, "what is only ranked is not scored alone"
        return []

    def score_pairs(
        self, samples: Sequence[Sample], pairs: Sequence[Pair]
    ) -> list[tuple[float, float]]:
        assert {name for pair in pairs for name in (pair.first, pair.second)} <= {
            s.id for s in samples
        }
        return [(SCORES[p.first, p.second], SCORES[p.second, p.first]) for p in pairs]


@pytest.fixture
def source() -> Source:
    """A series of three, of which one pair was not annotated."""
    asked = (Question("score", aspect="overall"),)
    samples = [Sample(name, (Path(name),), asked, "t", series="s") for name in NAMES]
    return Source("t", samples, pairs=[Pair("t/c", "t/a", 0.8), Pair("t/a", "t/b", 0.3)])


def rows_of(answers: Any, source: Source) -> list[Any]:
    return predict(answers, [source], tau=10.0)


def test_a_pairs_rows_hold_its_own_scores(source: Source) -> None:
    first, second = rows_of(Stub(), source)
    assert first["id"] == "t/c|t/a"
    assert first["scores"] == [SCORES["t/c", "t/a"], SCORES["t/a", "t/c"]]
    assert second["scores"] == [SCORES["t/a", "t/b"], SCORES["t/b", "t/a"]]
    # Over all pairs of the series: b and c were not compared by anybody.
    mean = {x: sum(SCORES[x, y] for y in NAMES if y != x) / 2 for x in NAMES}
    assert first["image_scores"] == [mean["t/c"], mean["t/a"]]
    assert second["image_scores"] == [mean["t/a"], mean["t/b"]]
    assert first["prediction"] > 0.5 > second["prediction"]


def test_two_processes_share_the_pairs_out(source: Source) -> None:
    gathered: list[Any] = []
    for process in (0, 1):  # what each would send
        sharing = Sharing(process, 2, lambda found: gathered.extend(found) or found)
        with pytest.raises(KeyError):  # a part is missing while only one was asked
            rows_of(_Shared(Stub(), sharing), source)  # type: ignore[arg-type]
    assert len(gathered) == 3
    whole = _Shared(Stub(), Sharing(0, 2, lambda _: gathered))  # type: ignore[arg-type]
    assert rows_of(whole, source) == rows_of(Stub(), source)
