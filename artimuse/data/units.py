"""Units: what the order never cuts, a single image or a whole series with its pairs.

    for unit in units(source): ...

A source of a million samples is a million units, so they are kept as arrays of row numbers, and a `Unit` is
made when one is asked for. Arrays are shared between loader processes; objects would be copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from artimuse.data.store import identities
from artimuse.records import Pair, Sample, Source


@dataclass(frozen=True, slots=True)
class Unit:
    """A single image, or a whole series (samples of one series id with all its pairs).

    Within a step also a drawn group: scored images with the pairs among them (`drawn_pairs`).
    """

    samples: tuple[Sample, ...]
    pairs: tuple[Pair, ...] = ()

    @property
    def images(self) -> int:
        return sum(len(sample.images) for sample in self.samples)


class Units(Sequence[Unit]):
    """The units of a source, in the order in which its loader yields them.

    Args:
        samples: of the source, stored or not.
        images: (U) int64 images of each unit.
        members: rows of the samples of all units, one unit after the other.
        bounds: (U+1) int64 where a unit's members begin and end.
        pairs: (P, 2) int64 rows of the two samples of each pair, one unit after the other.
        probabilities: (P) float64. texts: (P) what compares the two images in words, "" for nothing.
        pair_bounds: (U+1) int64 where a unit's pairs begin and end.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        images: np.ndarray,
        members: np.ndarray,
        bounds: np.ndarray,
        pairs: np.ndarray,
        probabilities: np.ndarray,
        texts: np.ndarray,
        pair_bounds: np.ndarray,
    ) -> None:
        self.samples = samples
        self.images = images
        self._members, self._bounds = members, bounds
        self._pairs, self._probabilities, self._pair_bounds = pairs, probabilities, pair_bounds
        self._texts = texts

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> Unit: ...
    @overload
    def __getitem__(self, index: slice) -> list[Unit]: ...
    def __getitem__(self, index: int | slice) -> Unit | list[Unit]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        rows = self._members[self._bounds[number] : self._bounds[number + 1]].tolist()
        found = {row: self.samples[row] for row in rows}
        inside = slice(self._pair_bounds[number], self._pair_bounds[number + 1])
        ends, odds = self._pairs[inside].tolist(), self._probabilities[inside].tolist()
        pairs = (
            Pair(found[first].id, found[second].id, probability, text or None)
            for (first, second), probability, text in zip(
                ends, odds, self._texts[inside].tolist(), strict=True
            )
        )
        return Unit(tuple(found.values()), tuple(pairs))


def image_counts(units: Sequence[Unit]) -> np.ndarray:
    """(U) int64 images of each unit."""
    if isinstance(units, Units):
        return units.images
    return np.array([unit.images for unit in units], dtype=np.int64)


def units(source: Source) -> Units:
    """Group a source into units.

    A series is one unit where it has pairs. A series that nothing ranks is what the validation cut keeps
    together; in training nothing ties its images to one step.

    Raises:
        ValueError: for a pair whose images are not two samples of one series.
    """
    paired = {image for pair in source.pairs for image in (pair.first, pair.second)}
    series: dict[str, str] = {}  # of the paired samples
    row_of: dict[str, int] = {}
    for row, sample in enumerate(identities(source.samples)):
        if sample.id in paired:
            row_of[sample.id] = row
            if sample.series is not None:
                series[sample.id] = sample.series
    ranked = set(series.values())
    unit_of_series: dict[str, int] = {}
    unit_of: list[int] = []
    images: list[int] = []
    for sample in identities(source.samples):
        # A comparison asks about its own images: nothing ties it to the step of its series.
        compared = len(sample.images) > 1 and sample.id not in paired
        key = sample.series if sample.series in ranked and not compared else None
        number = len(images) if key is None else unit_of_series.setdefault(key, len(images))
        if number == len(images):
            images.append(0)
        images[number] += len(sample.images)
        unit_of.append(number)
    homes = np.array(unit_of, dtype=np.int64)
    ends = np.array(list(_ends(source, row_of)), dtype=np.int64).reshape(-1, 2)
    pair_homes = homes[ends[:, 0]]
    for place in np.flatnonzero(pair_homes != homes[ends[:, 1]])[:1]:
        raise _apart(source, source.pairs[place])
    # An array of text, and not of objects: those would be copied into every loader process.
    texts = np.array([pair.text or "" for pair in source.pairs], dtype=np.str_)
    order = np.argsort(pair_homes, kind="stable")
    probabilities = np.array([pair.probability for pair in source.pairs], dtype=np.float64)
    return Units(
        source.samples,
        images=np.array(images, dtype=np.int64),
        members=np.argsort(homes, kind="stable"),
        bounds=_bounds(homes, len(images)),
        pairs=ends[order],
        probabilities=probabilities[order],
        texts=texts[order],
        pair_bounds=_bounds(pair_homes, len(images)),
    )


def _ends(source: Source, row_of: dict[str, int]) -> Iterator[tuple[int, int]]:
    """The rows of the two samples of every pair."""
    for pair in source.pairs:
        first, second = row_of.get(pair.first), row_of.get(pair.second)
        if first is None or second is None:
            raise _apart(source, pair)
        yield first, second


def _apart(source: Source, pair: Pair) -> ValueError:
    return ValueError(
        f"{source.name}: pair {pair.first} | {pair.second}: expected two images of one series"
    )


def _bounds(homes: np.ndarray, number: int) -> np.ndarray:
    """(number + 1) where each home's items begin and end once they are sorted by home."""
    return np.concatenate([[0], np.cumsum(np.bincount(homes, minlength=number))]).astype(np.int64)
