"""Image and questions -> text, greedily. The image is encoded once for all its questions.

Critic(model).answer(Path("a.jpg"), ["Please evaluate ... of Theme & Communication."])
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from artimuse.data.collate import Item
from artimuse.data.images import ImageSource, name_of
from artimuse.inference.device import pick_device
from artimuse.inference.scorer import Scorer
from artimuse.inference.writing import Answer, Growing, answers
from artimuse.models.aesthetic import AestheticModel
from artimuse.records import Question, Sample


class Critic:
    """Writes answers. The model is put into evaluation mode and moved to the device."""

    def __init__(self, model: AestheticModel, *, device: torch.device | str | None = None) -> None:
        self.device = pick_device(device)
        self.model = model.to(self.device).eval()
        self.family = model.family

    def answer(
        self, image: ImageSource, questions: Sequence[str], *, max_new_tokens: int = 128
    ) -> list[str]:
        """One answer per question; an answer that reaches `max_new_tokens` ends there.

        Raises:
            ImageError: for an image that cannot be read.
        """
        written = self.write(image, questions, max_new_tokens=max_new_tokens)
        return [answer.text for answer in written]

    def write(
        self, image: ImageSource, questions: Sequence[str], *, max_new_tokens: int = 128
    ) -> list[Answer]:
        """As `answer`, and says of each answer whether it was cut off."""
        return self.write_about((image,), questions, max_new_tokens=max_new_tokens)

    def write_about(
        self, images: Sequence[ImageSource], questions: Sequence[str], *, max_new_tokens: int
    ) -> list[Answer]:
        """As `write`, of questions about several images together.

        Raises:
            ImageError: for an image that cannot be read.
            ValueError: for a model without language.
        """
        if not questions:
            return []
        item = self._item(images, questions)
        scorer = Scorer(self.model, device=self.device, max_new_tokens=max_new_tokens)
        (answered,) = scorer.answer([item])
        return list(answered.texts)

    def stream(
        self,
        image: ImageSource,
        questions: Sequence[str],
        *,
        max_new_tokens: int = 128,
        every: int = 4,
    ) -> Iterator[list[Answer]]:
        """The answers as far as they are written, every few tokens; the last yield is what `write` gives.

        Raises:
            As `write_about`, with the first item.
        """
        if not questions:
            yield []
            return
        item, limit = self._item((image,), questions), max_new_tokens
        ready = Scorer(self.model, device=self.device, max_new_tokens=limit).ready([item])
        growing = Growing(self.model, ready.batch.to(self.device), ready.tips, limit=limit)
        steps = 0
        for steps, _ in enumerate(growing, start=1):
            if steps % every == 0:
                yield answers(growing.written, self.family, limit=limit)
        if steps % every or not steps:
            yield answers(growing.written, self.family, limit=limit)

    def _item(self, images: Sequence[ImageSource], questions: Sequence[str]) -> Item:
        """The questions about the images."""
        if not self.family.language:
            raise ValueError(
                f"a {self.family.name} model has no language: it scores and ranks, and answers nothing"
            )
        asked = tuple(Question("text", question) for question in questions)
        # The collator hands images on to `read_image`, which takes more than paths.
        given: tuple[Any, ...] = tuple(images)
        return Item(Sample(name_of(images[0]), given, asked, dataset=""), asked)
