"""Are the pairs of a split consistent with each other, and with the scores where both exist?

    consistency(split.source)["series_with_cycle"]

In a series, the majority relation says "a is better than b" where P(a better) > .5. People's votes may
contradict each other: a over b, b over c, c over a. No score per image can then order all three; a few such
cycles are usual, many say that the pairs are noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from artimuse.data.checks.report.statistics import spread, srcc
from artimuse.data.store import identities
from artimuse.records import OVERALL, Pair, Source


def consistency(source: Source) -> dict[str, Any] | None:
    """The numbers about a source's pairs; None where it has none. `schema` says what each means."""
    if not source.pairs:
        return None
    series = _by_series(source)
    looked = [cycles(pairs) for pairs in series]
    probabilities = np.array([pair.probability for pair in source.pairs])
    return {
        "n": len(source.pairs),
        "ties": int((probabilities == 0.5).sum()),
        "certain": int(((probabilities == 0) | (probabilities == 1)).sum()),
        "series": len(series),
        "per_series": spread([len(pairs) for pairs in series]),
        "strength": _strength(probabilities),
        "series_with_cycle": sum(cyclic for cyclic, _, _ in looked),
        "cycles_of_3": sum(threes for _, threes, _ in looked),
        "triples": sum(triples for _, _, triples in looked),
        "against_scores": against_scores(source),
    }


def cycles(pairs: list[Pair]) -> tuple[bool, int, int]:
    """Of one series: whether its majority relation has a cycle, its cycles of three images, and its triples.

    A triple is three images of which every two are a pair without a tie; each has at most one cycle.
    """
    places: dict[str, int] = {}
    for pair in pairs:
        places.setdefault(pair.first, len(places))
        places.setdefault(pair.second, len(places))
    better = np.zeros((len(places), len(places)), dtype=np.int64)
    for pair in pairs:
        if pair.probability != 0.5:
            ends = places[pair.first], places[pair.second]
            better[ends if pair.probability > 0.5 else ends[::-1]] = 1
    known = np.maximum(better, better.T)
    # A closed walk of three steps is a cycle, found once from each of its images (and, where the
    # direction does not count, once in each direction).
    threes = int(np.trace(better @ better @ better)) // 3
    triples = int(np.trace(known @ known @ known)) // 6
    return _cyclic(better), threes, triples


def _cyclic(better: np.ndarray) -> bool:
    """Whether a relation has a cycle of any length: take away what nothing beats until nothing is left."""
    left = np.arange(len(better))
    while len(left):
        beaten = better[np.ix_(left, left)].any(axis=0)
        if beaten.all():
            return True
        left = left[beaten]
    return False


def against_scores(source: Source) -> dict[str, Any] | None:
    """Do the pairs prefer the image with the higher overall score? None where no pair has both scores.

    Ties of either side count in `n` and `srcc`, and not among the `decided`.
    """
    wanted = {image for pair in source.pairs for image in (pair.first, pair.second)}
    scores = dict(_overall(source, wanted))
    both = [pair for pair in source.pairs if pair.first in scores and pair.second in scores]
    if not both:
        return None
    lead = np.array([scores[pair.first] - scores[pair.second] for pair in both])
    odds = np.array([pair.probability for pair in both]) - 0.5
    decided = (lead != 0) & (odds != 0)
    agree = int((np.sign(lead) == np.sign(odds))[decided].sum())
    return {
        "n": len(both),
        "decided": int(decided.sum()),
        "agree": agree,
        "srcc": srcc(odds, lead),
    }


def _overall(source: Source, wanted: set[str]) -> Iterator[tuple[str, float]]:
    """Overall scores on 0-100 of the wanted samples that have one."""
    if not wanted:
        return
    for sample in source.samples:
        if sample.id in wanted:
            for question in sample.questions:
                if question.label is not None and question.aspect == OVERALL:
                    yield sample.id, question.label.score_0_100


def _by_series(source: Source) -> list[list[Pair]]:
    """The pairs of each series; of pairs whose first image has none, those that share that image."""
    series = {sample.id: sample.series or sample.id for sample in identities(source.samples)}
    found: dict[str, list[Pair]] = {}
    for pair in source.pairs:
        found.setdefault(series.get(pair.first, pair.first), []).append(pair)
    return list(found.values())


def _strength(probabilities: np.ndarray) -> dict[str, Any]:
    """How clear the pairs are: the probability of the better image, from .5 (a tie) to 1."""
    clear = np.maximum(probabilities, 1 - probabilities)
    counts, _ = np.histogram(clear, bins=10, range=(0.5, 1.0))
    return {"low": 0.5, "high": 1.0, "counts": counts.tolist(), "median": float(np.median(clear))}
