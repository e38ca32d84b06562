"""How likely a model finds given texts as answers: ln P of each, the image encoded once for all of them.

    for found in TextLikelihood(model).of(items):
        ...                                   # (reason of an unreadable image, or) ln P per question

The probability is that of the whole answer, the token that ends the turn included, as in training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from artimuse.data.collate import Collator, Item
from artimuse.inference.device import pick_device
from artimuse.inference.stream import Broken, reason_of
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.cpu_linear import use_onednn
from artimuse.prompts import protocol
from artimuse.records import DataError

_POSITIONS = 256
"""Rows of logits that are normalised at a time: in float32 they are as wide as the vocabulary."""


class TextLikelihood:
    """Text questions with answers -> ln P of the answers.

    Args:
        model: put into evaluation mode and moved to the device.
        device: None is CUDA where there is one.
        batch_images: images of one forward pass; the logits of all their answers are held at once.
    """

    def __init__(
        self,
        model: AestheticModel,
        *,
        device: torch.device | str | None = None,
        batch_images: int = 2,
    ) -> None:
        if not model.family.language:
            raise ValueError(
                f"a {model.family.name} model has no language: it scores and ranks, and no text is likely to it"
            )
        self.device = pick_device(device)
        self.model = model.to(self.device).eval()
        use_onednn(self.model)
        self.batch_images = batch_images
        info = model.info
        self.collate = Collator(
            model.family,
            protocol=protocol(info.prompt),
            aspects=info.aspects,
            datasets=info.datasets,
        )

    def of(self, items: Sequence[Item]) -> Iterator[list[float] | Broken]:
        """Per item, in their order, ln P of each of its questions' answers; or why it cannot be read."""
        for start in range(0, len(items), self.batch_images):
            yield from self._batch(items[start : start + self.batch_images])

    def _batch(self, items: Sequence[Item]) -> Iterator[list[float] | Broken]:
        try:
            batch = self.collate(items)
        except DataError as error:
            if len(items) == 1:
                image = items[0].sample.images[0]
                yield Broken(image, reason_of(image, error))
                return
            for item in items:
                yield from self._batch([item])
            return
        batch = batch.to(self.device)
        with torch.inference_mode():
            logits = self.model(batch).text_logits
            tokens = _of_tokens(logits, batch.targets).cpu()
        place = 0
        for item in items:
            found: list[float] = []
            for question in item.questions:
                assert question.answer is not None
                length = len(self.model.family.answer_ids(question.answer))
                found.append(float(tokens[place : place + length].sum()))
                place += length
            yield found


def _of_tokens(logits: Tensor, targets: Tensor) -> Tensor:
    """(S) ln P of each target, in float64, from (S,V) logits."""
    found = [
        part.float().log_softmax(-1).gather(1, target[:, None])[:, 0].double()
        for part, target in zip(logits.split(_POSITIONS), targets.split(_POSITIONS), strict=True)
    ]
    return torch.cat(found)
