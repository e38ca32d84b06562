"""Series whose order is known: every two images become a pair.

pair_ranked(source, {"mine/a.jpg": 1, "mine/b.jpg": 2}, path)       # P(a better) = 1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from artimuse.records import OVERALL, DataError, Pair, Question, Sample, Source

MOST = 32
"""Images of a series: its pairs grow with their square, and training never divides a series."""

UNLABELED = Question(kind="score", aspect=OVERALL)
"""Asked of an image that has no score of its own, so that it can be ranked."""


def pair_ranked(source: Source, ranks: Mapping[str, int], path: Path) -> None:
    """Make the pairs of a source: every two ranked images of a series, the better one first.

    P is 1, and .5 for equal ranks. Ties, and series of one image, are counted in the notes.

    Args:
        source: its samples are complete; each that is ranked has a series.
        ranks: sample id -> rank, 1 the best.
        path: where the ranks stand.

    Raises:
        DataError: for a series of more than MOST images, and where the images' scores prefer the
            larger rank in most pairs: read the wrong way round, a model would learn the reverse.
    """
    series: dict[str, list[Sample]] = {}
    for sample in source.samples:
        if sample.id in ranks:
            assert sample.series is not None
            series.setdefault(sample.series, []).append(sample)
    told: list[bool] = []
    for name, samples in series.items():
        check_size(name, len(samples), path)
        for one, other in combinations(samples, 2):
            better, worse = (one, other) if ranks[one.id] <= ranks[other.id] else (other, one)
            tie = ranks[one.id] == ranks[other.id]
            source.pairs.append(Pair(better.id, worse.id, 0.5 if tie else 1.0))
            scores = _score(better), _score(worse)
            if not tie and scores[0] is not None and scores[1] is not None:
                told += [scores[0] > scores[1]] if scores[0] != scores[1] else []
    _note(source, path, [len(samples) for samples in series.values()])
    _check_direction(source, path, told)


def check_size(series: str, images: int, path: Path) -> None:
    """Raise DataError for a series of more than MOST images."""
    if images > MOST:
        raise DataError(
            f"{path}: expected at most {MOST} images in a series, found {images} in {series!r}; its "
            f"{images * (images - 1) // 2} pairs would all be in one step of training: divide it "
            "into several series"
        )


def _score(sample: Sample) -> float | None:
    labels = (q.label for q in sample.questions if q.kind == "score" and q.aspect == OVERALL)
    label = next(labels, None)
    return None if label is None else label.mean


def _note(source: Source, path: Path, sizes: Sequence[int]) -> None:
    ties = sum(pair.probability == 0.5 for pair in source.pairs)
    if ties:
        source.notes.append(f"{path.name}: {ties} ties (P = .5)")
    single = sizes.count(1)
    if single:
        source.notes.append(
            f"{path.name}: {single} series of one ranked image, thus without a pair"
        )


def _check_direction(source: Source, path: Path, told: Sequence[bool]) -> None:
    """`told`: of each pair with two different scores, whether the better rank has the higher."""
    if not told:
        return
    agree = sum(told)
    if 2 * agree < len(told):
        raise DataError(
            f"{path}: expected rank 1 to be the best, found that the scores prefer the larger rank "
            f"in {len(told) - agree} of {len(told)} pairs; turn the ranks of each series round, or "
            "leave out the column that is wrong"
        )
    source.notes.append(f"{path.name}: ranks and scores agree in {agree} of {len(told)} pairs")
