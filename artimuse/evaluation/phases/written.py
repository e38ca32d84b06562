"""Choice and open questions -> what a model writes, image by image through `Critic`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from artimuse.data.units import Unit
from artimuse.evaluation.parsing import parse_choice
from artimuse.evaluation.phases.phase import Key, NotScored
from artimuse.evaluation.predictions import Prediction
from artimuse.evaluation.rows import choice_row, option_texts, text_row
from artimuse.inference.critic import Answer, Critic
from artimuse.inference.stream import reason_of
from artimuse.records import DataError, Question, Sample


@dataclass(frozen=True, slots=True)
class WrittenPhase:
    """Asks in words, and reads the options of choice questions from the answers (`parsing`).

    Args:
        images: the folder that images' paths are relative to.
        kinds: of the questions that are asked, "choice" and "text".
    """

    critic: Critic
    max_new_tokens: int
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
                written = self.critic.write(
                    image, [q.text for _, q in asked], max_new_tokens=self.max_new_tokens
                )
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
