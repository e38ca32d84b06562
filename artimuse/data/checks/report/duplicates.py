"""Images that a recipe holds more than once: equal bytes, or the same look, on one side of the fence.

    for row in duplicates(splits, pictures): row["kind"], row["n"], row["examples"]

Here training images are compared with each other, and held-out images with each other; across the two it is
leakage, and in `overlap`. Two names of one file are one image. Images of one series are meant to look alike and
are compared by their bytes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from artimuse.data.checks import looks
from artimuse.data.checks.leakage import Read
from artimuse.data.checks.report.splits import Split
from artimuse.data.store import identities

SHOWN = 6
"""Examples of each kind and pair of splits."""


class _User(NamedTuple):
    """The first sample that has a file."""

    title: str  # of its split
    sample: str
    series: tuple[str, str] | None


class _Twin(NamedTuple):
    first: str
    second: str
    distance: float


def duplicates(splits: Sequence[Split], read: Mapping[str, Read]) -> list[dict[str, Any]]:
    """A row per kind of likeness and pair of splits, with the number of needless files and examples.

    Of k equal files, k - 1 are needless, and only the first is compared by look.
    """
    training = [split for split in splits if split.kind == "training"]
    held_out = [split for split in splits if split.kind != "training"]
    rows: list[dict[str, Any]] = []
    for side in (training, held_out):
        users = _users(side)
        firsts, equal = _equal(users, read)
        rows += _rows("bytes", equal, users)
        rows += _rows("look", list(_alike(firsts, users, read)), users)
    return rows


def _users(splits: Sequence[Split]) -> dict[str, _User]:
    users: dict[str, _User] = {}
    for split in splits:
        for sample in identities(split.source.samples):
            series = None if sample.series is None else (split.source.name, sample.series)
            for image in sample.images:
                users.setdefault(str(image), _User(split.title, sample.id, series))
    return users


def _equal(users: Mapping[str, _User], read: Mapping[str, Read]) -> tuple[list[str], list[_Twin]]:
    """The first file of each content, and every other file with the first that it equals."""
    first_of: dict[bytes, str] = {}
    twins: list[_Twin] = []
    for file in users:
        digest = read[file][0]
        if digest is None:
            continue
        first = first_of.setdefault(digest, file)
        if first != file:
            twins.append(_Twin(first, file, 0.0))
    return list(first_of.values()), twins


def _alike(
    files: Sequence[str], users: Mapping[str, _User], read: Mapping[str, Read]
) -> Iterator[_Twin]:
    """Each file with the first other one that looks the same; files of one series are left alone."""
    views = {file: view for file in files if (view := read[file][1]) is not None}
    names = list(views)
    if len(names) < 2:
        return
    stack = np.stack(list(views.values()))
    nearest: dict[int, tuple[int, float]] = {}
    for i, j, distance in looks.same_looks(stack, stack):
        series = users[names[i]].series
        if i < j and (series is None or series != users[names[j]].series):
            nearest[j] = min(nearest.get(j, (i, distance)), (i, distance))
    for j, (i, distance) in sorted(nearest.items()):
        yield _Twin(names[i], names[j], distance)


def _rows(kind: str, twins: Sequence[_Twin], users: Mapping[str, _User]) -> list[dict[str, Any]]:
    between: dict[tuple[str, str], list[_Twin]] = {}
    for twin in twins:
        titles = users[twin.first].title, users[twin.second].title
        between.setdefault(titles, []).append(twin)
    return [
        {
            "kind": kind,
            "first": first,
            "second": second,
            "n": len(found),
            "most_alike": _largest_group(found),
            "examples": [_example(twin, users) for twin in found[:SHOWN]],
        }
        for (first, second), found in between.items()
    ]


def _largest_group(twins: Sequence[_Twin]) -> int:
    """Files in the largest group: one picture under many names is often a placeholder."""
    sizes: dict[str, int] = {}
    for twin in twins:
        sizes[twin.first] = sizes.get(twin.first, 1) + 1
    return max(sizes.values())


def _example(twin: _Twin, users: Mapping[str, _User]) -> dict[str, Any]:
    return {
        "first": users[twin.first].sample,
        "first_file": twin.first,
        "second": users[twin.second].sample,
        "second_file": twin.second,
        "distance": twin.distance,
    }
