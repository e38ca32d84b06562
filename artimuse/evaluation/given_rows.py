"""Prediction rows of another system beside a benchmark: what is asked, and of what, is the benchmark's.

    phases = phases_of(benchmark, source, config, BLANK)      # its items and labels, answered by nobody
    given_rows(Path("predictions.jsonl"), phases, source)     # the same phases, answered by the file's rows

A row of the file counts for its answer alone; its label has to be the benchmark's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from artimuse.data.collate import Item
from artimuse.data.units import Unit, units
from artimuse.evaluation.asking import Answering
from artimuse.evaluation.phases.phase import NotScored, Phase
from artimuse.evaluation.prediction_file import read_predictions
from artimuse.evaluation.predictions import (
    OWN_LABELS,
    ROUNDING,
    Key,
    Prediction,
    answered,
    key_of,
)
from artimuse.inference.critic import Answer
from artimuse.inference.likelihood import TextLikelihood
from artimuse.inference.scorer import Answered
from artimuse.records import OVERALL, Question, Sample, Source


class _Blank:
    """Answers that say nothing, so that rows come out that hold an item and its label."""

    def of(self, items: Sequence[Item]) -> Iterator[list[float]]:
        return ([0.0] * len(item.questions) for item in items)

    @staticmethod
    def scores(items: Sequence[Item]) -> Iterator[Answered]:
        for item in items:
            scored = sum(question.kind == "score" for question in item.questions)
            chosen = len(item.questions) - scored
            yield Answered(
                item, (0.0,) * scored, (None,) * scored, ("",) * chosen, ((0.0,),) * chosen
            )

    @staticmethod
    def write(sample: Sample, questions: Sequence[Question]) -> Sequence[Answer]:
        del sample
        return [Answer("", cut=False) for _ in questions]


def blank(*, likelihood: bool) -> Answering:
    """Who answers everything with nothing; with `likelihood` also how likely given texts are."""
    texts = _Blank() if likelihood else None
    return Answering(OVERALL, _Blank.scores, _Blank.write, cast("TextLikelihood | None", texts))


def given_rows(path: Path, phases: Sequence[Phase], source: Source) -> list[Phase]:
    """The phases, answered by a file's rows.

    Args:
        phases: of `blank`. source: that they are of.

    Raises:
        ValueError: for bad rows, rows of items that the benchmark has not, and other labels than its own.
    """
    rows = {key_of(row): row for row in read_predictions(path)}
    every = units(source)
    known: dict[Key, Prediction] = {}
    for phase in phases:
        for one in phase.answer(every, known):
            assert not isinstance(one, NotScored)
            known |= {key_of(row): row for row in one}
    alone = [key for key in rows if key not in known]
    if alone:
        unread = (
            f" ({len(source.bad)} of its own cannot be read: {source.bad[0]})" if source.bad else ""
        )
        raise ValueError(
            f"{path}: expected rows of the benchmark's items, found {len(alone)} others, such as "
            f"{alone[0][0]} {alone[0][1]!r}{unread}: give the list that these predictions were made for"
        )
    for key, row in rows.items():
        if not _same_label(row, known[key]):
            raise ValueError(
                f"{path}: {row['kind']} {row['id']!r}: expected the benchmark's label, "
                f"{known[key]['label']!r}, found {row['label']!r}: was it made for another list or scale?"
            )
    return [_Given(path, phase, known, rows) for phase in phases]


@dataclass(frozen=True, slots=True)
class _Given:
    path: Path
    phase: Phase
    known: Mapping[Key, Prediction]
    rows: Mapping[Key, Prediction]

    def expected(self, unit: Unit) -> list[Key]:
        return self.phase.expected(unit)

    def answer(
        self, units: Sequence[Unit], rows: Mapping[Key, Prediction]
    ) -> Iterator[list[Prediction] | NotScored]:
        del rows
        for unit in units:
            keys = self.expected(unit)
            lacking = [key for key in keys if key not in self.rows]
            if lacking:
                yield NotScored(
                    lacking[0][1], f"{lacking[0][1]}: no {lacking[0][0]} row in {self.path}"
                )
            else:
                yield [answered(self.known[key], self.rows[key]) for key in keys]


def _same_label(row: Prediction, item: Prediction) -> bool:
    if row["kind"] in OWN_LABELS:
        return True
    label, known = row["label"], item["label"]
    if isinstance(label, int | float) and isinstance(known, int | float):
        return abs(label - known) <= ROUNDING
    return label == known
