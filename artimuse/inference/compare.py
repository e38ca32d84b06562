"""A text that compares two images, written by a model of this project that is told which is better."""

from __future__ import annotations

from pathlib import Path

import torch

from artimuse.data.images import read_image
from artimuse.inference.critic import Answer, Critic
from artimuse.prompts import COMPARISON_TEXT


def written_comparison(
    critic: Critic, images: tuple[Path, Path], probability: float, *, max_new_tokens: int
) -> Answer:
    """As `comparison`, of a model that has something to say.

    Raises:
        ImageError: for an image that cannot be read.
        ValueError: for a model without language, or one that wrote nothing.
    """
    answer = comparison(critic, images, probability, max_new_tokens=max_new_tokens)
    if not answer.text:
        raise ValueError(
            f"{images[0].name} and {images[1].name}: expected a text, found that the model wrote none"
        )
    return answer


def comparison(
    critic: Critic, images: tuple[Path, Path], probability: float, *, max_new_tokens: int
) -> Answer:
    """What the model says of the first against the second, and whether `max_new_tokens` cut it off.

    Args:
        probability: P(first better); a tie is asked about as such.

    Raises:
        ImageError: for an image that cannot be read.
        ValueError: for a model without language.
    """
    family = critic.family
    if not family.language:
        raise ValueError(f"a {family.name} model has no language: expected one that writes texts")
    pictures = [read_image(image) for image in images]
    verdict = (
        "as good as" if probability == 0.5 else "better than" if probability > 0.5 else "worse than"
    )
    question = COMPARISON_TEXT.format(verdict=verdict)
    prompt = family.prompt_ids(question, [family.image_tokens(p.size) for p in pictures])
    with torch.inference_mode():
        (row,) = critic.generate([prompt], pictures, max_new_tokens)
    return Answer(family.answer_text(row), len(row) >= max_new_tokens)
