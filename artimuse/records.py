"""The one data model: what every data set becomes before anything is tokenized or drawn.

A worked example, the supervision of one ArtiMuse-10K image:

    Sample(
        id="artimuse/0_263.jpg",
        images=(Path("images/0_263.jpg"),),
        questions=(
            Question(kind="text", text="Please evaluate ... of Theme & Communication.",
                     answer="The harbour ...", aspect="Theme & Communication"),
            Question(kind="score", aspect="overall", label=ScoreLabel(mean=4.08, low=0, high=10)),
        ),
        series=None, dataset="artimuse", category="AIGC",
    )

Plain Python: no torch, no numpy. A loader knows nothing of models; labels keep their native value and scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

QuestionKind = Literal["text", "choice", "score"]
OVERALL = "overall"


class DataError(ValueError):
    """Data that cannot be used at all: an unreadable file, or too much that is bad.

    The message says what was expected, what was found, in which file, and what to do. A single bad
    row is no DataError but a `BadItem`: the rest of its file is still read.
    """


@dataclass(frozen=True, slots=True)
class ScoreLabel:
    """A score on its data set's own scale.

    mean: the label, in native units. low, high: the stated ends of the native scale.
    std: spread of the raters' scores in native units; raters: their number.
    histogram: votes per grade, lowest grade first, any positive total.
    Raises ValueError for a mean that is not finite or lies off the stated scale.
    """

    mean: float
    low: float
    high: float
    std: float | None = None
    raters: int | None = None
    histogram: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"score scale: expected low < high, found {self.low}..{self.high}")
        if not math.isfinite(self.mean) or not self.low <= self.mean <= self.high:
            raise ValueError(
                f"score {self.mean!r} is not on its stated scale {self.low}..{self.high}"
            )

    @property
    def score_0_100(self) -> float:
        """The mean on 0-100, linear from the stated ends of the scale."""
        return 100.0 * (self.mean - self.low) / (self.high - self.low)

    @property
    def std_0_100(self) -> float | None:
        """The raters' spread on 0-100, or None where it is not known."""
        return None if self.std is None else 100.0 * self.std / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Question:
    """One branch of a tree: something asked about the sample's image(s).

    kind "text": `text` asked, `answer` supervised.
    kind "choice": the same, with `options` = the possible answers as they would be written ("A)", "B)").
    kind "score": a read-out; the wording comes from the prompt protocol and `aspect` unless `text` is
    given; `label` None is legal (an image of a series that is only ranked).
    origin: the data set's own word for where a question comes from (AesMMIT's `type`: `human_q1`, `gpt_q2`).
    """

    kind: QuestionKind
    text: str = ""
    answer: str | None = None
    aspect: str | None = None
    label: ScoreLabel | None = None
    options: tuple[str, ...] = ()
    origin: str | None = None

    def __post_init__(self) -> None:
        if self.kind == "score" and self.aspect is None:
            raise ValueError("a score question needs an aspect ('overall' where none is named)")
        if self.kind == "choice" and self.answer is not None and self.answer not in self.options:
            raise ValueError(f"choice answer {self.answer!r} is none of its options {self.options}")


@dataclass(frozen=True, slots=True)
class Sample:
    """One image (a few, for comparisons) with all its supervision. `id` is unique in a data set."""

    id: str
    images: tuple[Path, ...]
    questions: tuple[Question, ...]
    dataset: str
    series: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images of one series: sample ids, P(first better), .5 for a tie, and where there is one a text that
    says how the first compares with the second."""

    first: str
    second: str
    probability: float
    text: str | None = None

    def __post_init__(self) -> None:
        if self.first == self.second:
            raise ValueError(f"a pair needs two images, found {self.first!r} twice")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"pair probability {self.probability!r} is not in [0, 1]")


@dataclass(frozen=True, slots=True)
class BadItem:
    """Something in the data that cannot be used: where it is, and why."""

    file: str
    item: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.item}: {self.reason}"


@dataclass(slots=True)
class Source:
    """What a loader returns: the samples and pairs of one data set, and everything it could not use.

    `items` counts the annotation rows that were read, good and bad; `notes` are findings for a person
    (ties, duplicates, the verified direction of a probability column).
    """

    name: str
    samples: Sequence[Sample]
    pairs: list[Pair] = field(default_factory=list)
    bad: list[BadItem] = field(default_factory=list)
    items: int = 0
    notes: list[str] = field(default_factory=list)
