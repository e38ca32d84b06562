"""Images -> score, pair and rank rows, and choices by likelihood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from artimuse.data.collate import Item
from artimuse.data.units import Unit
from artimuse.evaluation.phases.phase import NotScored
from artimuse.evaluation.predictions import Key, Prediction
from artimuse.evaluation.rows import choice_row, pair_rows, rank_row, score_row
from artimuse.inference.ranking import TAU
from artimuse.inference.scorer import Answered
from artimuse.inference.stream import Broken
from artimuse.records import OVERALL, DataError, Question, Sample


class BesideScores(Protocol):
    """images: mean score of each sample over the others. pairs: S(x|y) and S(y|x), both ways round."""

    @property
    def images(self) -> Mapping[str, float]: ...
    @property
    def pairs(self) -> Mapping[tuple[str, str], tuple[float, float]]: ...


Answers = Callable[[Sequence[Item]], Iterable[Answered | Broken]]


@dataclass(frozen=True, slots=True)
class ScoredPhase:
    """Asks for scores, and the order of series that follows from them.

    An image's series score is its score. A model that scores an image beside a partner has two scores of its
    own for every pair, and as an image's series score the mean over its pairs (arXiv 2603.03907).

    Args:
        answers: items -> their answers in that order: `answer_stream` of a scorer, or what a file says.
        aspect: of the model, where the benchmark asks for the overall score.
        values: sample id -> the true value of an image of a series (higher is better), where the data set
            has one; other series take the mean of P(better) over an image's pairs.
        images: the folder that images' paths are relative to.
        beside: the samples of a series -> their scores beside each other; None scores each image alone.
        choices: choice questions are asked too, and answered by the likeliest option.
    """

    answers: Answers
    aspect: str
    values: Mapping[str, float]
    images: Path
    choices: bool = False
    beside: Callable[[Sequence[Sample]], BesideScores] | None = None

    def expected(self, unit: Unit) -> list[Key]:
        keys: list[Key] = []
        for sample in unit.samples:
            for number, question in self._asked(sample):
                if question.kind == "choice":
                    keys.append(("choice", f"{sample.id}#{number}", ""))
                elif question.label is not None:
                    keys.append(("score", sample.id, question.aspect or OVERALL))
        keys += [("pair", f"{pair.first}|{pair.second}", "") for pair in unit.pairs]
        return keys + [("rank", id_, "") for id_ in true_values(unit, self.values)]

    def answer(
        self, units: Sequence[Unit], rows: Mapping[Key, Prediction]
    ) -> Iterator[list[Prediction] | NotScored]:
        del rows
        items = [self._items(unit) for unit in units]
        answers = iter(self.answers([item for unit in items for item in unit]))
        for unit, asked in zip(units, items, strict=True):
            answered = [next(answers) for _ in asked]
            broken = next(
                (
                    NotScored(item.sample.id, one.reason)
                    for item, one in zip(asked, answered, strict=True)
                    if isinstance(one, Broken)
                ),
                None,
            )
            yield broken or self._whole(unit, [o for o in answered if isinstance(o, Answered)])

    def _whole(self, unit: Unit, answered: Sequence[Answered]) -> list[Prediction] | NotScored:
        try:
            return self._rows(unit, answered)
        except DataError as error:  # an image of a pair
            return NotScored(unit.samples[0].id, str(error))

    def _asked(self, sample: Sample) -> Iterator[tuple[int, Question]]:
        """The questions of a sample that this phase asks, with their numbers."""
        for number, question in enumerate(sample.questions):
            ranked = (
                self.beside is None and sample.series is not None and question.aspect == OVERALL
            )
            scored = question.kind == "score" and (question.label is not None or ranked)
            if scored or (self.choices and question.kind == "choice"):
                yield number, question

    def _items(self, unit: Unit) -> list[Item]:
        items = [
            Item(sample, tuple(self._for_model(q) for _, q in self._asked(sample)))
            for sample in unit.samples
        ]
        return [item for item in items if item.questions]

    def _for_model(self, question: Question) -> Question:
        if question.kind == "score" and question.aspect == OVERALL:
            return replace(question, aspect=self.aspect)
        return question

    def _rows(self, unit: Unit, answered: Sequence[Answered]) -> list[Prediction]:
        rows: list[Prediction] = []
        overall: dict[str, float] = {}
        for one in answered:
            sample = one.item.sample
            scores = zip(one.scores, one.spreads, strict=True)
            choices = iter(one.choices)
            for number, question in self._asked(sample):
                if question.kind == "choice":
                    choice = next(choices)
                    rows.append(choice_row(sample, number, question, choice, images=self.images))
                    continue
                score, spread = next(scores)
                if question.aspect == OVERALL:
                    overall[sample.id] = score
                if question.label is not None:
                    rows.append(score_row(sample, question, score, spread, images=self.images))
        samples = {sample.id: sample for sample in unit.samples}
        if self.beside is None:
            pairs = {(p.first, p.second): (overall[p.first], overall[p.second]) for p in unit.pairs}
        elif unit.pairs:
            found = self.beside(unit.samples)
            overall, pairs = dict(found.images), found.pairs
        else:
            pairs = {}
        rows += pair_rows(unit.pairs, samples, pairs, tau=TAU, images=self.images)
        for id_, value in true_values(unit, self.values).items():
            rows.append(rank_row(samples[id_], value, overall[id_], images=self.images))
        return rows


def true_values(unit: Unit, values: Mapping[str, float]) -> dict[str, float]:
    """The images of a series that are in a pair -> what they are worth, higher is better.

    The data set's own values where it has one of every image; otherwise the mean over an image's pairs of
    P(it is the better one). The mean needs every pair of the series to be just.
    """
    shares: dict[str, list[float]] = {}
    for pair in unit.pairs:
        shares.setdefault(pair.first, []).append(pair.probability)
        shares.setdefault(pair.second, []).append(1 - pair.probability)
    paired = [sample.id for sample in unit.samples if sample.id in shares]
    if paired and all(id_ in values for id_ in paired):
        return {id_: values[id_] for id_ in paired}
    # Rounded: .3 + .7 and .5 + .5 differ in the last bit.
    return {id_: round(sum(shares[id_]) / len(shares[id_]), 9) for id_ in paired}
