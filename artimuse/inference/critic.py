"""Image and questions -> text, greedily. The image is encoded once for all its questions.

Critic(model).answer(Path("a.jpg"), ["Please evaluate ... of Theme & Communication."])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from artimuse.data.collate import Item
from artimuse.data.images import ImageSource, name_of
from artimuse.inference.device import pick_device
from artimuse.inference.scorer import Scorer
from artimuse.inference.writing import Answer
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
        if not self.family.language:
            raise ValueError(
                f"a {self.family.name} model has no language: it scores and ranks, and answers nothing"
            )
        asked = tuple(Question("text", question) for question in questions)
        # The collator hands images on to `read_image`, which takes more than paths.
        given: tuple[Any, ...] = tuple(images)
        item = Item(Sample(name_of(images[0]), given, asked, dataset=""), asked)
        scorer = Scorer(self.model, device=self.device, max_new_tokens=max_new_tokens)
        (answered,) = scorer.answer([item])
        return list(answered.texts)
