"""Everything that is asked of an image -> its row: scores in batches, texts image by image.

for one in assess(model, paths, Asked(describe=True), device="cpu"):
    match one:
        case Assessed(image, row, cut): ...       # row: {"image": ..., "score": 61.3, ...}
        case Broken(image, reason): ...
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from artimuse.inference.asked import Asked
from artimuse.inference.critic import Critic
from artimuse.inference.scorer import Scorer
from artimuse.inference.stream import Broken, Scored, reason_of, score_stream
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.info import ModelInfo
from artimuse.prompts import protocol
from artimuse.records import DataError


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
    batch_images: int = 32,
) -> Generator[Assessed | Broken, None, None]:
    """Rows of images in their order, each as soon as it is complete.

    Args:
        device: None is CUDA where there is one.
        batch_images: images that are scored in one forward pass.
    """
    scorer = Scorer(model, device=device, batch_images=batch_images)
    critic = Critic(model, device=device)
    for one in _scores(scorer, images):
        if isinstance(one, Broken):
            yield one
            continue
        assert isinstance(one.image, Path)
        try:
            texts, cut = _texts(critic, one.image, asked)
        except DataError as error:
            yield Broken(one.image, reason_of(one.image, error))
            continue
        yield Assessed(one.image, score_fields(one) | texts, cut)


def _scores(scorer: Scorer, images: Sequence[Path]) -> Iterator[Scored | Broken]:
    if scorer.model.info.readout is not None:
        return score_stream(scorer, images)
    return (Scored(image, {}, {}) for image in images)


def score_fields(one: Scored) -> dict[str, Any]:
    """What a row says of an image's scores; the first aspect's is `score`."""
    row: dict[str, Any] = {
        "image": str(one.image),
        "score": next(iter(one.scores.values()), None),
        "spread": next(iter(one.spreads.values()), None),
    }
    return row | ({"scores": one.scores, "spreads": one.spreads} if one.scores else {})


def _texts(critic: Critic, image: Path, asked: Asked) -> tuple[dict[str, dict[str, str]], int]:
    """Critiques and answers of one image, from one encoding of it; and how many were cut off."""
    wording = protocol(critic.model.info.prompt)
    questions = [wording.attribute(attribute) for attribute in asked.attributes]
    written = critic.write(
        image, [*questions, *asked.questions], max_new_tokens=asked.max_new_tokens
    )
    answers = [answer.text for answer in written]
    texts: dict[str, dict[str, str]] = {}
    if asked.describe:
        texts["critiques"] = dict(zip(asked.attributes, answers, strict=False))
    if asked.questions:
        texts["answers"] = dict(zip(asked.questions, answers[len(questions) :], strict=True))
    return texts, sum(answer.cut for answer in written)
