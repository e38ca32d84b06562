"""What the page asks of a model: the scores and texts of `artimuse.load`, as they come, one call at a time.

judge = Judge(model, Turns())
judge.score(path)               # a row as scripts/score.py writes it
for found in judge.look(path):
    ...                         # Waiting, Pictures, a Score, then Texts again and again
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from artimuse.data.images import ImageSource, read_image
from artimuse.data.pages.thumbnails import data_uri
from artimuse.inference.api import Model, Ranking, Score
from artimuse.inference.asked import MAX_NEW_TOKENS
from artimuse.inference.compare import comparison
from artimuse.inference.critic import Answer
from artimuse.inference.page.turns import Turns, Waiting
from artimuse.prompts import ATTRIBUTES, protocol
from artimuse.records import DataError

MOST_IMAGES = 20
"""Of a series. A model that compares sees every image beside every other one."""
LONGEST_QUESTION = 1000
EVALUATION = ATTRIBUTES[-1]
"""The critique that is asked for of each image of a series."""
LARGE, SMALL = 640, 320
"""Pixels of the longer side of a picture on the page: of one image, and of each of a series."""


class Refused(ValueError):
    """What was sent cannot be answered; the text says to whoever sent it what to do."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What was sent, small enough for a page. width, height: of the whole image, upright."""

    name: str
    width: int
    height: int
    data_uri: str


@dataclass(frozen=True, slots=True)
class Pictures:
    """Of all images, in the order in which they were sent."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """Critiques by attribute, or an answer by its question, as far as they are written."""

    by_name: dict[str, Answer]


@dataclass(frozen=True, slots=True)
class Of:
    """What the model says of the image at a place of the ranking."""

    place: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Why:
    """What the model says of the image at a place of the ranking against the next one."""

    place: int
    answer: Answer


Found: TypeAlias = Pictures | Score | Ranking | Texts | Of | Why | Waiting


class Judge:
    """Args: model: asked through turns alone. max_new_tokens: of a text."""

    def __init__(self, model: Model, turns: Turns, *, max_new_tokens: int = MAX_NEW_TOKENS) -> None:
        self.model, self.turns = model, turns
        self.max_new_tokens = max_new_tokens

    @property
    def scores(self) -> bool:
        """Whether the model has a score read-out."""
        return self.model.info.readout is not None

    @property
    def writes(self) -> bool:
        """Whether the model has language."""
        return self.model.critic.family.language

    def look(self, image: Path) -> Iterator[Found]:
        """Of one image its score, then the eight critiques as they are written.

        Raises:
            Refused: for a file that is no image that can be read.
            Busy: where too many wait.
        """
        return self._stream([image], lambda: self._look(image))

    def rank(self, images: Sequence[Path], *, compare: bool = True) -> Iterator[Found]:
        """Of a series its ranking, then what the model says of each image, and of each against the next.

        Args:
            compare: whether to ask about two images at a time too.

        Errors as of `look`.
        """
        self._check_series(images)
        return self._stream(images, lambda: self._rank(images, compare))

    def ask(self, image: Path, question: str) -> Iterator[Found]:
        """The answer to a question, as it is written; errors as of `look`."""
        asked = self._check_question(question)
        return self._stream([image], lambda: self._texts(image, {asked: asked}))

    def score_row(self, image: Path) -> dict[str, Any]:
        """The row that scripts/score.py writes of an image; errors as of `look`."""
        self._check_scores()
        with _told([image]):
            score = self.turns.run(lambda: self.model.score(image))
        return {"image": image.name, "score": score.value, "spread": score.spread,
                "scores": score.scores, "spreads": score.spreads}  # fmt: skip

    def rank_row(self, images: Sequence[Path]) -> dict[str, Any]:
        """{images, order, scores, ahead, scored}: as `Ranking`, with names and plain numbers."""
        self._check_series(images)
        with _told(images):
            ranking = self.turns.run(lambda: self.model.rank(images))
        return {"images": [image.name for image in images]} | asdict(ranking) | {
            "scores": [score.value for score in ranking.scores]
        }  # fmt: skip

    def answer(self, image: Path, question: str) -> str:
        """The whole answer to a question; errors as of `look`."""
        asked = self._check_question(question)
        with _told([image]):
            return self.turns.run(
                lambda: self.model.ask(image, asked, max_new_tokens=self.max_new_tokens)
            )

    def describe(self, image: Path) -> dict[str, str]:
        """The eight critiques by attribute; errors as of `look`."""
        self._check_writes()
        with _told([image]):
            return self.turns.run(
                lambda: self.model.describe(image, max_new_tokens=self.max_new_tokens)
            )

    def _look(self, image: Path) -> Generator[Found, None, None]:
        whole = read_image(image)
        width, height = whole.size
        yield Pictures((Picture(image.name, width, height, data_uri(whole.copy(), LARGE)),))
        if self.scores:
            yield self.model.score(whole)
        if self.writes:
            wording = protocol(self.model.info.prompt)
            yield from self._texts(whole, {one: wording.attribute(one) for one in ATTRIBUTES})

    def _rank(self, images: Sequence[Path], compare: bool) -> Generator[Found, None, None]:
        pictures: list[Picture] = []
        for image in images:
            whole = read_image(image)
            width, height = whole.size
            pictures.append(Picture(image.name, width, height, data_uri(whole, SMALL)))
        yield Pictures(tuple(pictures))
        ranking = self.model.rank(images)
        yield ranking
        if not self.writes:
            return
        critic, limit = self.model.critic, self.max_new_tokens
        question = protocol(self.model.info.prompt).attribute(EVALUATION)
        for place, number in enumerate(ranking.order):
            (of_itself,) = critic.write(images[number], [question], max_new_tokens=limit)
            yield Of(place, of_itself)
        for place, (first, second) in enumerate(pairwise(ranking.order)):
            if compare:
                pair, ahead = (images[first], images[second]), ranking.ahead[place]
                yield Why(place, comparison(critic, pair, ahead, max_new_tokens=limit))

    def _texts(self, image: ImageSource, asked: dict[str, str]) -> Generator[Found, None, None]:
        """asked: questions by the name that their answers have."""
        critic, limit = self.model.critic, self.max_new_tokens
        for answers in critic.stream(image, list(asked.values()), max_new_tokens=limit):
            yield Texts(dict(zip(asked, answers, strict=True)))

    def _stream(self, images: Sequence[Path], work: Any) -> Iterator[Found]:
        with _told(images):
            yield from self.turns.stream(work)

    def _check_scores(self) -> None:
        if not self.scores:
            raise Refused(
                "this model has no score read-out: it answers questions, and scores nothing"
            )

    def _check_writes(self) -> None:
        if not self.writes:
            raise Refused("this model has no language: it scores and ranks, and answers nothing")

    def _check_series(self, images: Sequence[Path]) -> None:
        self._check_scores()
        if not 2 <= len(images) <= MOST_IMAGES:
            raise Refused(
                f"a series: expected 2 to {MOST_IMAGES} images, found {len(images)}; send fewer, or more"
            )

    def _check_question(self, question: str) -> str:
        self._check_writes()
        asked = question.strip()
        if not 1 <= len(asked) <= LONGEST_QUESTION:
            raise Refused(
                f"a question: expected 1 to {LONGEST_QUESTION} characters, found {len(asked)}"
            )
        return asked


@contextmanager
def _told(images: Sequence[Path]) -> Iterator[None]:
    """What is wrong with an image, by the name that it was sent under."""
    try:
        yield
    except DataError as error:
        text = str(error)
        for image in images:
            text = text.replace(str(image), image.name)
        raise Refused(text) from error
