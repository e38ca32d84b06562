"""Any number of images -> their scores, as they are done; reading runs ahead of the model in threads.

    for one in score_stream(Scorer(model), paths):
        match one:
            case Scored(image, scores, spreads): ...
            case Broken(image, reason): ...

An image that cannot be read is set aside with its reason, and the others of its batch are scored.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from artimuse.data.collate import Item
from artimuse.data.images import ImageSource, name_of
from artimuse.inference.scorer import Answered, Ready, Scorer
from artimuse.records import DataError

MOST_READERS = 8
"""Threads that read. Each holds one decoded image, and each batch that is ready its pixels."""


@dataclass(frozen=True, slots=True)
class Scored:
    """scores: 0-100 by aspect. spreads: standard deviations in the same points, None where there is none."""

    image: ImageSource
    scores: dict[str, float]
    spreads: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Broken:
    """An image that cannot be read, and why; the reason names it."""

    image: ImageSource
    reason: str


def score_stream(
    scorer: Scorer, images: Sequence[ImageSource]
) -> Generator[Scored | Broken, None, None]:
    """Scores of images in their order; see `answer_stream`."""
    items = [scorer.score_item(image) for image in images]
    for image, one in zip(images, answer_stream(scorer, items), strict=True):
        yield one if isinstance(one, Broken) else _scored(image, one, scorer.model.info.aspects)


def answer_stream(
    scorer: Scorer, items: Sequence[Item]
) -> Generator[Answered | Broken, None, None]:
    """As `Scorer.answer`, reading ahead; of an item whose images cannot be read the reason.

    Raises:
        ValueError: for a score that is no number: the model itself is broken.
    """
    size = scorer.batch_images
    batches = [items[start : start + size] for start in range(0, len(items), size)]
    for batch, ready, broken in _read_ahead(scorer, batches):
        answered = iter(scorer.answer_ready(ready)) if ready is not None else iter(())
        for number, item in enumerate(batch):
            if number in broken:
                yield Broken(item.sample.images[0], broken[number])
            else:
                yield _finite(next(answered))


def reason_of(image: ImageSource, error: DataError) -> str:
    """What is wrong with an image, named with it."""
    name, text = name_of(image), str(error)
    return text if text.startswith(name) else f"{name}: {text}"


def _scored(image: ImageSource, answered: Answered, aspects: Sequence[str]) -> Scored:
    scores = dict(zip(aspects, answered.scores, strict=True))
    return Scored(image, scores, dict(zip(aspects, answered.spreads, strict=True)))


def _finite(answered: Answered) -> Answered:
    """The answer, if its scores are numbers."""
    sample, questions = answered.item.sample, answered.item.questions
    asked = [question.aspect for question in questions if question.kind == "score"]
    for aspect, score in zip(asked, answered.scores, strict=True):
        if not math.isfinite(score):
            raise ValueError(
                f"{name_of(sample.images[0])}: expected a finite {aspect!r} score, found {score}: the model's "
                "weights are damaged, or its numbers overflow (load it as float32)"
            )
    return answered


_Batch = tuple[Sequence[Item], Ready | None, dict[int, str]]


def _read_ahead(scorer: Scorer, batches: Sequence[Sequence[Item]]) -> Iterator[_Batch]:
    """Batches in their order, the next ones being read meanwhile."""
    readers = min(MOST_READERS, os.cpu_count() or 1, len(batches))
    if not batches:
        return
    pool = ThreadPoolExecutor(readers, thread_name_prefix="read-image")
    waiting: deque[Future[_Batch]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(_read, scorer, batch))
            if len(waiting) > readers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # also when the caller stops halfway
        pool.shutdown(wait=True, cancel_futures=True)


def _read(scorer: Scorer, batch: Sequence[Item]) -> _Batch:
    """One batch, ready for the model, without the items that cannot be read (index -> reason)."""
    try:
        return batch, scorer.ready(batch), {}
    except DataError:
        broken: dict[int, str] = {}
    # Which of them? Each is read alone; this happens to few batches.
    for number, item in enumerate(batch):
        try:
            scorer.ready([item])
        except DataError as error:
            broken[number] = reason_of(item.sample.images[0], error)
    whole = [item for number, item in enumerate(batch) if number not in broken]
    return batch, scorer.ready(whole) if whole else None, broken
