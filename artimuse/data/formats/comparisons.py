"""Pairs as questions in words: two images in one prompt, which is better?

The rank loss compares scores; this teaches the model that answers. Which pairs are asked about, and which
image stands first, is a function of the pair alone, so that it is the same in every pass and run.
"""

from __future__ import annotations

import hashlib

from artimuse.prompts import COMPARISON
from artimuse.records import Pair, Question, Sample, Source

OPTIONS = ("A)", "B)")


def add_comparisons(source: Source, frac: float) -> None:
    """Add a sample for a share of the pairs of a source; ties are left out, and counted in the notes.

    A comparison belongs to the series of its pair, so a validation cut keeps it beside its images.

    Args:
        frac: share of the pairs, 0 < frac <= 1.
    """
    samples = {sample.id: sample for sample in source.samples}
    ties = sum(pair.probability == 0.5 for pair in source.pairs)
    made = [
        _comparison(source.name, pair, samples)
        for pair in source.pairs
        if pair.probability != 0.5 and _draw(pair, "asked") < frac
    ]
    source.samples = [*source.samples, *made]
    left = f"; {ties} ties are not asked about" if ties else ""
    source.notes.append(f"{len(made)} of {len(source.pairs)} pairs are asked about in words{left}")


def _comparison(name: str, pair: Pair, samples: dict[str, Sample]) -> Sample:
    ends = sorted((pair.first, pair.second))
    if _draw(pair, "turned") < 0.5:  # else the better image of an ordered list would always be A)
        ends.reverse()
    first, second = (samples[end] for end in ends)
    better = pair.first if pair.probability > 0.5 else pair.second
    question = Question("choice", COMPARISON, answer=OPTIONS[ends.index(better)], options=OPTIONS)
    return Sample(
        id=f"{first.id}|{second.id.removeprefix(f'{name}/')}",
        images=(*first.images, *second.images),
        questions=(question,),
        dataset=name,
        series=first.series,
        category=first.category,
    )


def _draw(pair: Pair, purpose: str) -> float:
    """A number in [0, 1) that is the pair's own, whichever way round it is written."""
    key = "|".join([purpose, *sorted((pair.first, pair.second))])
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
