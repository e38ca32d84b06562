"""Cutting a validation part off training data.

Which sample goes where is a function of the data alone, not of a seed or of the order of the file:

1. Samples are grouped: those of one series, of one pair, or whose (first) image files are equal
   byte for byte. A group is never cut, so a near-duplicate of a training image is not validated on.
2. Groups with score labels are cut into ten strata of equal size by their mean score on 0-100;
   groups without labels are one stratum. So both parts have the same spread of scores.
3. In each stratum the groups are ordered by the sha256 of their key (the smallest series or sample
   id in them), and the first round(frac * n) are the validation part. What rounding leaves is
   carried to the next stratum: in all, round(frac * number of groups), also where the strata are
   small.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from artimuse.data.store import identities, take
from artimuse.records import Sample, Source

STRATA = 10


def cut(source: Source, frac: float, part: Literal["train", "validation"]) -> Source:
    """One of the two parts of a source; samples and pairs keep their order.

    Bad items and the count of annotation rows stay with the training part, so that adding up both
    parts counts nothing twice.

    Args:
        frac: share of the groups that is the validation part, 0 <= frac < 1.

    Raises:
        ValueError: for another `frac`.
    """
    if not 0 <= frac < 1:
        raise ValueError(
            f"validation share: expected 0 <= frac < 1, found {frac}; give a smaller share"
        )
    if not frac:
        return _part(source, set(), part, list(source.notes))
    groups = _groups(source)
    chosen = _choose(groups, frac)
    cut_off = _part(source, chosen, part, [])
    share = f"{len(cut_off.samples)} of {len(source.samples)} samples"
    note = f"{part}: {share} (frac={frac:g}, {len(groups)} groups)"
    return replace(cut_off, notes=[*source.notes, note])


def _part(
    source: Source, chosen: set[str], part: Literal["train", "validation"], notes: list[str]
) -> Source:
    """The chosen samples, or the others, with their pairs."""
    wanted = part == "validation"
    ids = (sample.id for sample in identities(source.samples))
    kept = [place for place, id_ in enumerate(ids) if (id_ in chosen) == wanted]
    pairs = [pair for pair in source.pairs if (pair.first in chosen) == wanted]
    new = replace(source, samples=take(source.samples, kept), pairs=pairs, notes=notes)
    return replace(new, bad=[], items=0) if wanted else new


@dataclass(slots=True)
class _Group:
    """Samples that belong together: their ids, and the labels that they have."""

    ids: list[str]
    total: float = 0.0
    labels: int = 0


def _choose(groups: dict[str, _Group], frac: float) -> set[str]:
    """Ids of the samples in the validation part."""
    chosen: set[str] = set()
    seen = taken = 0
    for stratum in _strata(groups):
        seen += len(stratum)
        # int(x + .5): round() goes to the even number, and could then ask for more than a stratum
        # has.
        count = int(frac * seen + 0.5) - taken
        taken += count
        for key in sorted(stratum, key=_hash)[:count]:
            chosen.update(groups[key].ids)
    return chosen


def _strata(groups: dict[str, _Group]) -> list[list[str]]:
    """Keys of the groups by decile of their mean score, then those without labels."""
    scored = sorted((g.total / g.labels, key) for key, g in groups.items() if g.labels)
    unscored = [key for key, group in groups.items() if not group.labels]
    edges = [len(scored) * number // STRATA for number in range(STRATA + 1)]
    strata = [[key for _, key in scored[low:high]] for low, high in pairwise(edges)]
    return [*strata, unscored]


def _groups(source: Source) -> dict[str, _Group]:
    """Samples that belong together, by the key of their group."""
    together = _Together()
    for sample in identities(source.samples):
        together.join(sample.id, sample.id)
        if sample.series is not None:
            together.join(sample.id, f"series {sample.series}")
    for pair in source.pairs:
        together.join(pair.first, pair.second)
    for twins in _equal_files(source.samples):
        for other in twins[1:]:
            together.join(twins[0], other)
    groups: dict[str, _Group] = {}
    keys: dict[str, str] = {}
    # One sample at a time: a large source is not to be held as objects.
    for sample in source.samples:
        root = together.root(sample.id)
        group = groups.setdefault(root, _Group([]))
        group.ids.append(sample.id)
        for question in sample.questions:
            if question.label is not None:
                group.total += question.label.score_0_100
                group.labels += 1
        name = sample.series or sample.id
        keys[root] = min(keys.get(root, name), name)
    return {keys[root]: group for root, group in groups.items()}


class _Together:
    """Union-find over names."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        self._parent.setdefault(name, name)
        while (parent := self._parent[name]) != name:
            # Halving the way keeps later searches short.
            self._parent[name] = self._parent[parent]
            name = parent
        return name

    def join(self, first: str, second: str) -> None:
        self._parent[self.root(second)] = self.root(first)


def _equal_files(samples: Sequence[Sample]) -> Iterable[list[str]]:
    """Ids of samples whose first images are equal byte for byte, where the files exist.

    Files of different sizes differ, so only those are read that share their size with another.
    """
    users: dict[Path, list[str]] = defaultdict(list)
    for sample in identities(samples):
        users[sample.images[0]].append(sample.id)
    sizes: dict[int, list[Path]] = defaultdict(list)
    for path in users:
        if path.is_file():
            sizes[path.stat().st_size].append(path)
    contents: dict[str, list[str]] = defaultdict(list)
    for paths in sizes.values():
        for path in paths:
            # One path with several users needs no reading to be equal to itself.
            digest = _digest(path) if len(paths) > 1 else str(path)
            contents[digest].extend(users[path])
    missing = [ids for path, ids in users.items() if not path.is_file()]
    return [ids for ids in (*contents.values(), *missing) if len(ids) > 1]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
