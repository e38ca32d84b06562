"""The order of a series: from scores of each image alone, or from scores of every two beside each other.

placed([41.2, 60.3, 58.8])              # best first, with P(better) than the next one and than the best
beside(scorer, images)                  # scores and differences of a model that compares
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from artimuse.data.images import ImageSource
from artimuse.inference.scorer import Scorer
from artimuse.inference.series import score_series
from artimuse.records import Sample

TAU = 100 / 9
"""Points of 0-100 by which one image has to be ahead for odds of e to 1: FGAesQ's 1..10 (arXiv 2603.03907)."""


@dataclass(frozen=True, slots=True)
class Placed:
    """index: in the series that was given. over_next, over_best: P(better) than the image at the next place,
    None for the last one, and than the one at the first place, None for that one."""

    index: int
    over_next: float | None
    over_best: float | None


def chance(difference: float) -> float:
    """P(better) of an image that is so many points ahead: sigmoid(difference / TAU)."""
    return 1 / (1 + math.exp(-difference / TAU))


def placed(
    scores: Sequence[float], difference: Callable[[int, int], float] | None = None
) -> list[Placed]:
    """Best first; of equal scores the earlier image comes first.

    Args:
        scores: (N) on 0-100.
        difference: S(a|b) - S(b|a) by places in the series; None takes it from the scores.
    """
    ahead = difference or (lambda a, b: scores[a] - scores[b])
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    following: list[int | None] = [*order[1:], None]
    return [
        Placed(
            index,
            over_next=None if after is None else chance(ahead(index, after)),
            over_best=None if index == order[0] else chance(ahead(index, order[0])),
        )
        for index, after in zip(order, following, strict=False)
    ]


def beside(
    scorer: Scorer, images: Sequence[ImageSource]
) -> tuple[list[float], dict[tuple[int, int], float]]:
    """What a model that compares says of a series, in the overall aspect alone.

    Returns:
        The mean score of each image over the others, and S(a|b) - S(b|a) of every two places.

    Raises:
        ImageError: for an image that cannot be read.
        ValueError: for a score that is no number: the model itself is broken.
    """
    # An image may be there twice.
    seen: Counter[str] = Counter()
    samples: list[Sample] = []
    for image in images:
        sample = scorer.score_item(image).sample
        seen[sample.id] += 1
        samples.append(replace(sample, id=f"{sample.id}#{seen[sample.id]}", series=""))
    found = score_series(scorer, samples)
    values = [found.images[sample.id] for sample in samples]
    for sample, value in zip(samples, values, strict=True):
        if not math.isfinite(value):
            raise ValueError(
                f"{sample.id}: expected a finite score, found {value}: the model's weights are damaged, or its "
                "numbers overflow (load it as float32)"
            )
    place = {sample.id: number for number, sample in enumerate(samples)}
    differences = {
        (place[a], place[b]): scores[0] - scores[1] for (a, b), scores in found.pairs.items()
    }
    return values, differences
