"""Choice and open questions -> what is written, and the option that it names, image by image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from artimuse.data.units import Unit
from artimuse.evaluation.parsing import parse_choice
from artimuse.evaluation.phases.phase import NotScored
from artimuse.evaluation.predictions import Key, Prediction
from artimuse.evaluation.rows import choice_row, option_texts, text_row
from artimuse.inference.critic import Answer
from artimuse.inference.stream import reason_of
from artimuse.records import DataError, Question, Sample

Write = Callable[[Sample, Sequence[Question]], Sequence[Answer]]


@dataclass(frozen=True, slots=True)
class WrittenPhase:
    """Asks in words, and reads the options of choice questions from the answers (`parsing`).

    Args:
        write: a sample and questions about it -> an answer each; a DataError where there is none.
        images: the folder that images' paths are relative to.
        kinds: of the questions that are asked, "choice" and "text".
    """

    write: Write
    images: Path
    kinds: tuple[str, ...] = ("choice", "text")

    def expected(self, unit: Unit) -> list[Key]:
        return [
            (question.kind, f"{sample.id}#{number}", "")
            for sample in unit.samples
            for number, question in self._asked(sample)
        ]

    def answer(
        self, units: Sequence[Unit], rows: Mapping[Key, Prediction]
    ) -> Iterator[list[Prediction] | NotScored]:
        del rows
        for unit in units:
            yield self._of_unit(unit)

    def _of_unit(self, unit: Unit) -> list[Prediction] | NotScored:
        rows: list[Prediction] = []
        for sample in unit.samples:
            asked = list(self._asked(sample))
            image = sample.images[0]
            try:
                written = self.write(sample, [question for _, question in asked])
            except DataError as error:
                return NotScored(sample.id, reason_of(image, error))
            for (number, question), answer in zip(asked, written, strict=True):
                rows.append(self._row(sample, number, question, answer))
        return rows

    def _row(self, sample: Sample, number: int, question: Question, answer: Answer) -> Prediction:
        if question.kind == "text":
            return text_row(
                sample, number, question, answer.text, cut=answer.cut, images=self.images
            )
        choice = parse_choice(answer.text, option_texts(question))
        return choice_row(
            sample, number, question, choice, response=answer.text, images=self.images
        )

    def _asked(self, sample: Sample) -> list[tuple[int, Question]]:
        return [(n, q) for n, q in enumerate(sample.questions) if q.kind in self.kinds]
