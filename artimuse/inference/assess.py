"""Everything that is asked of an image -> its row: scores and texts from one reading of the image, in batches.

for one in assess(model, paths, Asked(describe=True), device="cpu"):
    match one:
        case Assessed(image, row, cut): ...       # row: {"image": ..., "score": 61.3, ...}
        case Broken(image, reason): ...
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from artimuse.data.collate import Item
from artimuse.data.images import ImageSource
from artimuse.inference.asked import Asked
from artimuse.inference.scorer import Answered, Scorer
from artimuse.inference.stream import Broken, Scored, answer_stream
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.info import ModelInfo
from artimuse.prompts import protocol
from artimuse.records import Question

MOST_TEXTS = 64
"""Texts that are written at the same time: their keys and values are held until the last is done."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """The row of an image, and how many of its texts were cut off by the limit of new tokens."""

    image: Path
    row: dict[str, Any]
    cut: int


def row_fields(info: ModelInfo, asked: Asked) -> list[str]:
    """The fields of a row in their order, nested ones as `scores.overall`."""
    fields = ["image", "score", "spread"]
    for name in ("scores", "spreads"):
        fields += [f"{name}.{aspect}" for aspect in info.aspects]
    fields += [f"critiques.{attribute}" for attribute in asked.attributes]
    return fields + [f"answers.{question}" for question in asked.questions]


def check_asked(info: ModelInfo, asked: Asked) -> None:
    """Raise ValueError for a model without a read-out that is asked for no text: there is nothing to say."""
    if info.readout is None and not asked.texts:
        raise ValueError(
            "this model has no score read-out, so there is nothing to write of an image: ask it for texts "
            "(--describe, --questions FILE)"
        )


def assess(
    model: AestheticModel,
    images: Sequence[Path],
    asked: Asked,
    *,
    device: torch.device | str | None = None,
    batch_images: int | None = None,
) -> Generator[Assessed | Broken, None, None]:
    """Rows of images in their order, each as soon as it is complete.

    Args:
        device: None is CUDA where there is one.
        batch_images: images in one forward pass, at most; fewer where many texts are written of each. None is
            `usual_batch`, with texts as many as 64 texts are of.
    """
    scorer = scorer_for(model, asked, device=device, batch_images=batch_images)
    items = [item_for(scorer, image, asked) for image in images]
    for image, one in zip(images, answer_stream(scorer, items), strict=True):
        yield one if isinstance(one, Broken) else _assessed(image, one, model.info.aspects, asked)


def scorer_for(
    model: AestheticModel,
    asked: Asked,
    *,
    device: torch.device | str | None = None,
    batch_images: int | None = None,
) -> Scorer:
    """A scorer that answers what is asked; where several texts are, of fewer images at a time."""
    texts = len(asked.attributes) + len(asked.questions)
    return Scorer(
        model,
        device=device,
        batch_images=min(batch_images or MOST_TEXTS, max(1, MOST_TEXTS // texts))
        if texts
        else batch_images,
        max_new_tokens=asked.max_new_tokens if texts else None,
    )


def item_for(scorer: Scorer, image: ImageSource, asked: Asked) -> Item:
    """An image with all that is asked of it, the scores first."""
    item = scorer.score_item(image)
    wording = protocol(scorer.model.info.prompt)
    texts = [*(wording.attribute(a) for a in asked.attributes), *asked.questions]
    return Item(item.sample, (*item.questions, *(Question("text", text) for text in texts)))


def score_fields(one: Scored) -> dict[str, Any]:
    """What a row says of an image's scores; the first aspect's is `score`."""
    row: dict[str, Any] = {
        "image": str(one.image),
        "score": next(iter(one.scores.values()), None),
        "spread": next(iter(one.spreads.values()), None),
    }
    return row | ({"scores": one.scores, "spreads": one.spreads} if one.scores else {})


def _assessed(image: Path, one: Answered, aspects: Sequence[str], asked: Asked) -> Assessed:
    named = aspects if one.scores else ()
    scored = Scored(
        image,
        dict(zip(named, one.scores, strict=True)),
        dict(zip(named, one.spreads, strict=True)),
    )
    row = score_fields(scored)
    texts = [answer.text for answer in one.texts]
    critiques = len(asked.attributes)
    if asked.describe:
        row["critiques"] = dict(zip(asked.attributes, texts[:critiques], strict=True))
    if asked.questions:
        row["answers"] = dict(zip(asked.questions, texts[critiques:], strict=True))
    return Assessed(image, row, sum(answer.cut for answer in one.texts))
