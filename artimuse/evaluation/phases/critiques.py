"""Experts' critiques by likelihood, and the sentiment of what the model itself wrote.

Likelihood: of an image, per attribute, ln P of the expert's text and of the text that another image has under
the same attribute. The other image is the next one in the order of hashed ids that has another text: a
function of the data alone, and where all texts differ, every text is once the other. So a row tells two things:
which of two texts belongs to this image, and (by the row of the other image) with which of two images a text is
likelier.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from artimuse.data.collate import Item
from artimuse.data.units import Unit
from artimuse.evaluation.phases.phase import NotScored
from artimuse.evaluation.phases.scored import Answers
from artimuse.evaluation.predictions import Key, Prediction
from artimuse.evaluation.rows import shown
from artimuse.inference.likelihood import TextLikelihood
from artimuse.inference.scorer import Answered
from artimuse.inference.stream import Broken
from artimuse.prompts import LEVELS, SENTIMENT
from artimuse.records import Question, Sample

GREY = np.full((448, 448, 3), 128, np.uint8)
"""What a critique's sentiment is read beside: a model may need an image, and this one says nothing."""


@dataclass(frozen=True, slots=True)
class Other:
    """Another image's text of the same attribute."""

    id: str
    text: str


def partners(samples: Iterable[Sample]) -> dict[tuple[str, str], Other]:
    """(sample id, attribute) -> the next image's text that differs; without attributes of one text alone."""
    texts: dict[str, list[tuple[str, str]]] = {}
    for sample in samples:
        for attribute, question in critiques_of(sample).items():
            assert question.answer is not None
            texts.setdefault(attribute, []).append((sample.id, question.answer))
    found: dict[tuple[str, str], Other] = {}
    for attribute, entries in texts.items():
        entries.sort(key=lambda entry: hashlib.sha256(entry[0].encode()).hexdigest())
        if len({text for _, text in entries}) < 2:
            continue
        # Twice round, from the end: what stands behind an entry is known before it.
        following, another = entries[0], entries[0]
        for id_, text in reversed(entries * 2):
            if following[1] != text:
                another = following
            if another[1] != text:
                found[id_, attribute] = Other(*another)
            following = id_, text
    return found


def critiques_of(sample: Sample) -> dict[str, Question]:
    """Attribute -> the first question about it that has an expert's answer."""
    found: dict[str, Question] = {}
    for question in sample.questions:
        if question.kind == "text" and question.aspect and question.answer:
            found.setdefault(question.aspect, question)
    return found


@dataclass(frozen=True, slots=True)
class LikelihoodPhase:
    """critique rows: bits per character of both texts.

    Args:
        partners: of `partners`, over the whole benchmark.
        images: the folder that images' paths are relative to.
    """

    likelihood: TextLikelihood
    partners: Mapping[tuple[str, str], Other]
    images: Path

    def expected(self, unit: Unit) -> list[Key]:
        return [
            ("critique", f"{sample.id}#{attribute}", "")
            for sample in unit.samples
            for attribute in self._attributes(sample)
        ]

    def answer(
        self, units: Sequence[Unit], rows: Mapping[Key, Prediction]
    ) -> Iterator[list[Prediction] | NotScored]:
        del rows
        samples = [sample for unit in units for sample in unit.samples]
        found = self.likelihood.of([self._item(sample) for sample in samples])
        for unit in units:
            own: list[Prediction] = []
            broken: NotScored | None = None
            for sample in unit.samples:
                one = next(found)
                if isinstance(one, Broken):
                    broken = NotScored(sample.id, one.reason)
                else:
                    own += self._rows(sample, one)
            yield broken or own

    def _attributes(self, sample: Sample) -> list[str]:
        return [a for a in critiques_of(sample) if (sample.id, a) in self.partners]

    def _item(self, sample: Sample) -> Item:
        questions: list[Question] = []
        for attribute in self._attributes(sample):
            own = critiques_of(sample)[attribute]
            questions += [own, replace(own, answer=self.partners[sample.id, attribute].text)]
        return Item(sample, tuple(questions))

    def _rows(self, sample: Sample, found: Sequence[float]) -> Iterator[Prediction]:
        for place, attribute in enumerate(self._attributes(sample)):
            own, other = critiques_of(sample)[attribute], self.partners[sample.id, attribute]
            assert own.answer is not None
            yield {
                "kind": "critique",
                "id": f"{sample.id}#{attribute}",
                "label": bits(found[2 * place], own.answer),
                "prediction": bits(found[2 * place + 1], other.text),
                "aspect": attribute,
                "other": other.id,
                "series": sample.id,
                "dataset": sample.dataset,
                "category": sample.category,
                "image": shown(sample.images[0], self.images),
            }


@dataclass(frozen=True, slots=True)
class SentimentPhase:
    """sentiment rows: the model's score of an image beside how good its own critiques make it.

    The critiques that `WrittenPhase` wrote are read back by the model's own choice question (`SENTIMENT`), one
    by one beside a grey image, so that the picture cannot answer. Sentiment is 0 for the lowest of the five
    words and 100 for the highest, weighted by the probabilities of the options; the mean over the critiques.

    Args:
        answers: of a model, as in `ScoredPhase`. aspect: of the model, that is asked for.
    """

    answers: Answers
    aspect: str
    images: Path

    def expected(self, unit: Unit) -> list[Key]:
        return [("sentiment", sample.id, "") for sample in unit.samples if critiques_of(sample)]

    def answer(
        self, units: Sequence[Unit], rows: Mapping[Key, Prediction]
    ) -> Iterator[list[Prediction] | NotScored]:
        samples = [sample for unit in units for sample in unit.samples if critiques_of(sample)]
        written = [_written(sample, rows) for sample in samples]
        items = [
            item
            for sample, texts in zip(samples, written, strict=True)
            for item in (self._score(sample), _reading(sample, texts))
        ]
        answers = iter(self.answers(items))
        texts = iter(written)
        for unit in units:
            own: list[Prediction] = []
            broken: NotScored | None = None
            for sample in unit.samples:
                if not critiques_of(sample):
                    continue
                score, read = next(answers), next(answers)
                said = next(texts)
                if isinstance(score, Broken) or isinstance(read, Broken):
                    reason = score.reason if isinstance(score, Broken) else "no critique was read"
                    broken = NotScored(sample.id, reason)
                else:
                    own.append(self._row(sample, score, read, said))
            yield broken or own

    def _score(self, sample: Sample) -> Item:
        return Item(sample, (Question("score", aspect=self.aspect),))

    def _row(
        self, sample: Sample, score: Answered, read: Answered, texts: Sequence[str]
    ) -> Prediction:
        step = 100 / (len(LEVELS) - 1)
        levels = [sum(p * step * n for n, p in enumerate(odds)) for odds in read.chances]
        return {
            "kind": "sentiment",
            "id": sample.id,
            "label": score.scores[0],
            "prediction": sum(levels) / len(levels),
            "critique": "\n".join(texts),
            "dataset": sample.dataset,
            "category": sample.category,
            "image": shown(sample.images[0], self.images),
        }


def bits(log_likelihood: float, text: str) -> float:
    """Bits per character of a text of that ln P."""
    return -log_likelihood / math.log(2) / len(text)


def _written(sample: Sample, rows: Mapping[Key, Prediction]) -> list[str]:
    """What the model wrote of each attribute; an empty critique says nothing, and is read as such."""
    texts: list[str] = []
    for number, question in enumerate(sample.questions):
        row = rows.get(("text", f"{sample.id}#{number}", ""))
        if row is not None and question.aspect:
            texts.append(str(row["prediction"]))
    return texts


def _reading(sample: Sample, texts: Sequence[str]) -> Item:
    """The choice questions by which the texts are read, beside a grey image."""
    options = tuple(f"{'ABCDE'[n]})" for n in range(len(LEVELS)))
    shown_options = "\n".join(f"{m} {word}" for m, word in zip(options, LEVELS, strict=True))
    questions = tuple(
        Question("choice", SENTIMENT.format(critique=text, options=shown_options), options=options)
        for text in texts
    )
    grey = replace(sample, images=(GREY,), questions=questions)  # pyright: ignore[reportArgumentType]
    return Item(grey, questions)
