"""Scores of a series: of each image alone, or of every pair as each image is seen beside the other.

    scored = score_series(scorer, samples)
    scored.images["000009-01.jpg"], scored.pairs["000009-01.jpg", "000009-02.jpg"]

By pairs, n images take n (n - 1) views in place of n; FGAesQ (arXiv 2603.03907) reports both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, Protocol

from artimuse.records import Pair, Sample

SeriesScoring = Literal["pairs", "single"]


class ScoresPairs(Protocol):
    """What a `Scorer` of a model that compares does."""

    @property
    def compares(self) -> bool: ...
    def score_pairs(
        self, samples: Sequence[Sample], pairs: Sequence[Pair]
    ) -> list[tuple[float, float]]: ...


@dataclass(frozen=True, slots=True)
class SeriesScores:
    """images: the mean of an image's scores over all other images of its series. pairs: S(x|y) and S(y|x), both
    ways round. On 0-100, by sample ids."""

    images: dict[str, float]
    pairs: dict[tuple[str, str], tuple[float, float]]


def score_series(scorer: ScoresPairs, samples: Sequence[Sample]) -> SeriesScores:
    """Score every pair of every series among samples; an image alone in its series has no score here.

    Raises:
        ImageError: for an image that cannot be read.
    """
    series: dict[str | None, list[Sample]] = {}
    for sample in samples:
        series.setdefault(sample.series, []).append(sample)
    pairs = [
        Pair(first.id, second.id, 0.5)
        for members in series.values()
        for first, second in combinations(members, 2)
    ]
    found: dict[str, list[float]] = {}
    both: dict[tuple[str, str], tuple[float, float]] = {}
    for pair, scores in zip(pairs, scorer.score_pairs(samples, pairs), strict=True):
        both[pair.first, pair.second] = scores
        both[pair.second, pair.first] = scores[1], scores[0]
        found.setdefault(pair.first, []).append(scores[0])
        found.setdefault(pair.second, []).append(scores[1])
    return SeriesScores({name: sum(s) / len(s) for name, s in found.items()}, both)
