"""A text that compares two images, written by a model of this project that is told which is better."""

from __future__ import annotations

from pathlib import Path

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
    verdict = (
        "as good as" if probability == 0.5 else "better than" if probability > 0.5 else "worse than"
    )
    question = COMPARISON_TEXT.format(verdict=verdict)
    (answer,) = critic.write_about(images, [question], max_new_tokens=max_new_tokens)
    return answer
