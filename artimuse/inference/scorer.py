"""Images -> scores, choices and texts, through the same trees as training.

model = load_model("runs/quickstart/model")
Scorer(model).score_images([Path("a.jpg"), Path("b.jpg")])        # [{"overall": 61.3}, ...]
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from artimuse.batch import Batch, Outputs
from artimuse.data.collate import Item
from artimuse.data.images import ImageSource, name_of
from artimuse.data.views import collator
from artimuse.inference.choices import branches, chances
from artimuse.inference.device import pick_device
from artimuse.inference.writing import Answer, Growing, Tip, answers, tips_of
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.cpu_linear import use_onednn
from artimuse.prompts import protocol
from artimuse.records import Pair, Question, Sample


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model says of one item.

    scores: per score question of the item, 0-100. spreads: the standard deviation of each in the same
    points, None where the read-out has none. choices: per choice question the most likely of its options.
    chances: per choice question P of each of its options. texts: per text question what was written, where the
    scorer writes.
    """

    item: Item
    scores: tuple[float, ...]
    spreads: tuple[float | None, ...]
    choices: tuple[str, ...]
    chances: tuple[tuple[float, ...], ...] = ()
    texts: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """Items and their batch: read, decoded and preprocessed, not yet seen by the model.

    tips: where the answers to text questions grow, in their order.
    """

    items: tuple[Item, ...]
    batch: Batch
    tips: tuple[Tip, ...] = ()


class Scorer:
    """Asks a model its score and choice questions, in batches, and its text questions where it is to write.

    Args:
        model: put into evaluation mode and moved to the device.
        device: None is CUDA where there is one.
        batch_images: images of one forward pass; None is `usual_batch`.
        max_new_tokens: of each text; None leaves text questions out.
    """

    def __init__(
        self,
        model: AestheticModel,
        *,
        device: torch.device | str | None = None,
        batch_images: int | None = None,
        max_new_tokens: int | None = None,
    ) -> None:
        self.device = pick_device(device)
        self.model = model.to(self.device).eval()
        use_onednn(self.model)
        self.batch_images = batch_images or usual_batch(self.device)
        self.max_new_tokens = max_new_tokens
        info = model.info
        self.collate = collator(
            model.family,
            protocol=protocol(info.prompt),
            aspects=info.aspects,
            datasets=info.datasets,
            unanswered=True,
        )

    def score_images(self, images: Sequence[Path]) -> list[dict[str, float]]:
        """The scores of image files, 0-100 by aspect, in the order of the files.

        Raises:
            ImageError: for an image that cannot be read.
        """
        aspects = self.model.info.aspects
        answered = self.answer([self.score_item(image) for image in images])
        return [dict(zip(aspects, one.scores, strict=True)) for one in answered]

    def score_item(self, image: ImageSource) -> Item:
        """One image, asked for its score in every aspect of the model."""
        questions = tuple(Question("score", aspect=a) for a in self.model.info.aspects)
        # The collator hands an image on to `read_image`, which takes more than paths.
        images: tuple[Any, ...] = (image,)
        return Item(Sample(name_of(image), images, questions, dataset=""), questions)

    def answer(self, items: Sequence[Item]) -> Iterator[Answered]:
        """Yield the answers of items in their order, a batch at a time."""
        for start in range(0, len(items), self.batch_images):
            yield from self.answer_ready(self.ready(items[start : start + self.batch_images]))

    def ready(self, items: Sequence[Item]) -> Ready:
        """Everything that happens before the model: for a thread that works ahead of it.

        Raises:
            ImageError: for an image that cannot be read.
        """
        asked = [self._askable(item) for item in items]
        tips = tips_of(asked, self.model.family)
        return Ready(tuple(items), self.collate(asked), tips)

    @property
    def compares(self) -> bool:
        """Whether the model scores an image as seen beside a partner (FGAesQ's DiffToken)."""
        return compares(self.model)

    def score_pairs(
        self, samples: Sequence[Sample], pairs: Sequence[Pair]
    ) -> list[tuple[float, float]]:
        """S(x|y) and S(y|x) of pairs among samples, 0-100, in the order of the pairs.

        Raises:
            ImageError: for an image that cannot be read.
        """
        overall = (Question("score", aspect=self.model.info.aspects[0]),)
        items = {sample.id: Item(sample, overall) for sample in samples}
        found: list[tuple[float, float]] = []
        size = max(1, self.batch_images // 2)
        for start in range(0, len(pairs), size):
            part = pairs[start : start + size]
            ends = dict.fromkeys(name for pair in part for name in (pair.first, pair.second))
            batch = self.collate([items[name] for name in ends], part)
            with torch.inference_mode():
                outputs = self.model(batch.to(self.device))
            scores = outputs.pair_scores
            if scores is None:
                scores = outputs.scores[batch.pairs.to(self.device)]
            found += [(first, second) for first, second in scores.float().cpu().tolist()]
        return found

    def answer_ready(self, ready: Ready) -> Iterator[Answered]:
        """Yield the answers of one batch, in the order of its items."""
        batch = ready.batch.to(self.device)
        texts: list[Answer] = []
        if ready.tips:
            assert self.max_new_tokens is not None
            limit = self.max_new_tokens
            growing = Growing(self.model, batch, ready.tips, limit=limit)
            for _ in growing:
                pass
            outputs = growing.outputs
            texts = answers(growing.written, self.model.family, limit=limit)
        else:
            with torch.inference_mode():
                outputs = self.model(batch, last_layer="read")
        yield from self._read(ready.items, outputs, iter(texts))

    def _read(
        self, items: Sequence[Item], outputs: Outputs, texts: Iterator[Answer]
    ) -> Iterator[Answered]:
        """Answers per item; one tree a row keeps scores and choices in the order of the items."""
        scores = outputs.scores.float().cpu().tolist()
        spreads = _spreads(outputs)
        logits = outputs.text_logits.float().cpu()
        family = self.model.family
        read, target = 0, 0
        for item in items:
            until = read + sum(question.kind == "score" for question in item.questions)
            chosen: list[str] = []
            odds: list[tuple[float, ...]] = []
            written: list[Answer] = []
            for question in item.questions:
                if question.kind == "choice":
                    lengths = [
                        len(family.answer_ids(branch.answer))
                        for branch in branches(question, family)
                    ]
                    own = logits[target : target + sum(lengths)].split(lengths)
                    odds.append(tuple(chances(question, own, family)))
                    chosen.append(question.options[odds[-1].index(max(odds[-1]))])
                    target += sum(lengths)
                elif question.kind == "text" and self.max_new_tokens is not None:
                    written.append(next(texts))
                    target += 1
            yield Answered(
                item,
                tuple(scores[read:until]),
                tuple(spreads[read:until]),
                tuple(chosen),
                tuple(odds),
                tuple(written),
            )
            read = until

    def _askable(self, item: Item) -> Item:
        """The item with its score questions, the branches of its choice questions, and its text questions
        without their answers."""
        questions: list[Question] = []
        for question in item.questions:
            if question.kind == "score":
                questions.append(question)
            elif question.kind == "choice":
                questions += branches(question, self.model.family)
            elif question.kind == "text" and self.max_new_tokens is not None:
                questions.append(replace(question, answer=None))
        return Item(item.sample, tuple(questions))


def usual_batch(device: torch.device) -> int:
    """Images of one forward pass, where nobody says: on a CPU few, as what many take goes beyond its caches and
    is fetched from the system anew in every pass (twice the time for 32 of 448 pixels)."""
    return 4 if device.type == "cpu" else 32


def compares(model: AestheticModel) -> bool:
    """Whether a model scores an image as seen beside a partner (FGAesQ's DiffToken)."""
    return not model.family.language and model.family.compares


def _spreads(outputs: Outputs) -> list[float | None]:
    """(Q) standard deviations; NaN is a read-out's word for none."""
    if outputs.spreads is None:
        return [None] * len(outputs.scores)
    return [None if math.isnan(one) else one for one in outputs.spreads.float().cpu().tolist()]
