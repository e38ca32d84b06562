"""Pairs drawn from scores: two images of one data set whose labels are further apart than a gap.

    units = with_drawn_pairs(order.step(k), PairsFromScores(gap=10, images=4), aspect="overall", seed=0, step=k)

The scored images of a step are drawn into groups of one data set each, and a group becomes a unit, which is
never cut. Which images a group holds is a function of (seed, step) and of the step's images alone, so it is
the same in every process and after any resume.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from artimuse.config import PairsFromScores
from artimuse.data.units import Unit
from artimuse.records import Pair, Sample, ScoreLabel


def with_drawn_pairs(
    units: Sequence[Unit], setting: PairsFromScores, *, aspect: str, seed: int, step: int
) -> list[Unit]:
    """The units of a step, with scored images merged into groups that hold pairs.

    A unit with annotated pairs stays as it is, and so do images that a step has too few of to form a group
    of two, and a group without a pair is taken apart again.

    Args:
        aspect: whose label is compared.
    """
    free: dict[str, list[int]] = {}
    for index, unit in enumerate(units):
        if not unit.pairs and len(unit.samples) == 1 and _label(unit.samples[0], aspect):
            free.setdefault(unit.samples[0].dataset, []).append(index)
    groups: dict[int, Unit] = {}
    taken: set[int] = set()
    for dataset, indices in free.items():
        rng = np.random.default_rng([seed, step, zlib.crc32(f"pairs of {dataset}".encode())])
        drawn = [indices[place] for place in rng.permutation(len(indices))]
        for start in range(0, len(drawn), setting.images):
            members = sorted(drawn[start : start + setting.images])
            samples = tuple(units[index].samples[0] for index in members)
            pairs = tuple(_pairs(samples, aspect, setting.gap))
            if pairs:
                groups[members[0]] = Unit(samples, pairs)
                taken.update(members)
    return [
        groups.get(index, unit)
        for index, unit in enumerate(units)
        if index in groups or index not in taken
    ]


def better_probability(first: ScoreLabel, second: ScoreLabel) -> float:
    """P(first better) of two labels of one data set.

        Phi( (m_1 - m_2) / sqrt(s_1^2 / n_1 + s_2^2 / n_2) )

    with m the means, s the spreads and n the numbers of raters: how sure the raters' *means* are to be in
    this order. 1, 0 or .5 where a spread or number is not known or no rater differs.

    Source: Thurstone's law of comparative judgment (1927), case III, on the standard error of the mean.
    """
    difference = first.score_0_100 - second.score_0_100
    variance = sum(_squared_error(label) for label in (first, second))
    if not variance or math.isnan(variance):
        return 0.5 + 0.5 * float(np.sign(difference))
    return 0.5 * math.erfc(-difference / math.sqrt(2 * variance))


def _squared_error(label: ScoreLabel) -> float:
    """The squared standard error of a mean, in points of 0-100; nan where it is not known."""
    if label.std_0_100 is None or not label.raters:
        return math.nan
    return label.std_0_100**2 / label.raters


def _pairs(samples: Sequence[Sample], aspect: str, gap: float) -> list[Pair]:
    labeled = [(sample.id, _label(sample, aspect)) for sample in samples]
    return [
        Pair(a, b, better_probability(first, second))
        for (a, first), (b, second) in combinations(labeled, 2)
        if first and second and abs(first.score_0_100 - second.score_0_100) > gap
    ]


def _label(sample: Sample, aspect: str) -> ScoreLabel | None:
    found = (q.label for q in sample.questions if q.kind == "score" and q.aspect == aspect)
    return next(found, None)
