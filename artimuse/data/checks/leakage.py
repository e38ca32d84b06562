"""Leakage: is an image that is trained on also in a list that is evaluated on?

    leaks = find_leaks(training, evaluation, processes=8, progress=True)      # decodes every image
    leaks = find_leaks_undecoded(training, evaluation)                        # before every run

Three kinds of evidence, which a finding names: `name` (what counts is in `names`), `content` (equal bytes)
and `appearance` (a copy saved anew or at another size: `looks`, with its measured error). What a run does
about them is in `refusal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from artimuse.data.checks import content, looks
from artimuse.data.checks.names import clues
from artimuse.data.checks.pool import each_image
from artimuse.data.images import ImageError, read_image
from artimuse.data.store import identities
from artimuse.records import Source

Kind = Literal["name", "content", "appearance"]
Read = tuple[bytes | None, np.ndarray | None]
"""Of an image file: the digest of its bytes, and its view; None for what cannot be had."""


@dataclass(frozen=True, slots=True)
class Leak:
    """An image of a training source that an evaluation source has too.

    training, evaluation: sample ids (`<source>/<image>`; of a source, the first sample that has the file).
    distance: mean difference in grey levels of what is compared by appearance; 0 for equal bytes, None
    where only the names were looked at.
    """

    kind: Kind
    training: str
    training_file: str
    evaluation: str
    evaluation_file: str
    distance: float | None

    @property
    def sources(self) -> tuple[str, str]:
        """Names of the two sources."""
        return _source(self.training), _source(self.evaluation)

    def __str__(self) -> str:
        distance = f" ({self.distance:.1f} grey levels apart)" if self.kind == "appearance" else ""
        return (
            f"{self.kind}: {self.training} is {self.evaluation}{distance}: "
            f"{self.training_file}, {self.evaluation_file}"
        )


def find_leaks(
    training: Sequence[Source],
    evaluation: Sequence[Source],
    *,
    processes: int,
    progress: bool,
    known: Mapping[str, Read] | None = None,
) -> list[Leak]:
    """Everything in common, by all three kinds of evidence; every image is read once.

    An equal file is not listed by appearance again. Images that cannot be read are compared by name and
    bytes alone: the decode check lists them.

    Args:
        processes: that read images; the result does not depend on it.
        progress: show a bar, on a terminal only.
        known: what files gave that were read before; only the others are read.

    Raises:
        DataError: when a reading process dies.
    """
    one, other = _users(training), _users(evaluation)
    files = [file for file in one | other if known is None or file not in known]
    new = each_image(_read, files, processes=processes, progress=progress, what="leakage check")
    read = dict(known or {}) | dict(zip(files, new, strict=True))
    equal = _equal(one, other, {file: digest for file, (digest, _) in read.items()})
    views = {file: view for file, (_, view) in read.items() if view is not None}
    known_equal = set(equal)
    alike = [pair for pair in _alike(one, other, views) if pair[:2] not in known_equal]
    return [
        *find_leaks_by_name(training, evaluation),
        *_leaks("content", [(*pair, 0.0) for pair in equal], one, other),
        *_leaks("appearance", alike, one, other),
    ]


def find_leaks_undecoded(training: Sequence[Source], evaluation: Sequence[Source]) -> list[Leak]:
    """What names and equal bytes tell: seconds where `find_leaks` takes minutes."""
    return [
        *find_leaks_by_name(training, evaluation),
        *find_leaks_by_content(training, evaluation),
    ]


def find_leaks_by_name(training: Sequence[Source], evaluation: Sequence[Source]) -> list[Leak]:
    """What the names of files tell, without a look at any file."""
    one, other = _users(training), _users(evaluation)
    clue_of: dict[str, list[str]] = {}
    for file, ids in other.items():
        for clue in clues(file, map(_source, ids)):
            clue_of.setdefault(clue, []).append(file)
    pairs = [
        (file, partner, None)
        for file, ids in one.items()
        for partner in dict.fromkeys(
            p for clue in clues(file, map(_source, ids)) for p in clue_of.get(clue, ())
        )
    ]
    return _leaks("name", pairs, one, other)


def find_leaks_by_content(training: Sequence[Source], evaluation: Sequence[Source]) -> list[Leak]:
    """Files that are equal byte for byte; only those that may be are read."""
    one, other = _users(training), _users(evaluation)
    pairs = [(*pair, 0.0) for pair in content.equal_files(one, other)]
    return _leaks("content", pairs, one, other)


def _source(sample: str) -> str:
    return sample.partition("/")[0]


def _users(sources: Iterable[Source]) -> dict[str, list[str]]:
    """Every file once, with the first sample of each source that has it."""
    users: dict[str, list[str]] = {}
    for source in sources:
        for sample in identities(source.samples):
            for image in sample.images:
                ids = users.setdefault(str(image), [])
                if not ids or _source(ids[-1]) != source.name:
                    ids.append(sample.id)
    return users


def _leaks(
    kind: Kind,
    pairs: Iterable[tuple[str, str, float | None]],
    training: dict[str, list[str]],
    evaluation: dict[str, list[str]],
) -> list[Leak]:
    return [
        Leak(kind, one, file, other, partner, distance)
        for file, partner, distance in pairs
        for one in training[file]
        for other in evaluation[partner]
    ]


def _read(file: str) -> Read:
    try:
        return content.digest(file), looks.view(read_image(file))
    except ImageError:
        return content.digest(file), None


def _equal(
    one: Iterable[str], other: Iterable[str], digests: dict[str, bytes | None]
) -> list[tuple[str, str]]:
    partners: dict[bytes | None, list[str]] = {}
    for file in other:
        partners.setdefault(digests[file], []).append(file)
    partners.pop(None, None)
    return [(file, partner) for file in one for partner in partners.get(digests[file], ())]


def _alike(
    one: Iterable[str], other: Iterable[str], views: dict[str, np.ndarray]
) -> list[tuple[str, str, float]]:
    """Files that show the same image, in the order of the first, then of the second."""
    ones, others = [f for f in one if f in views], [f for f in other if f in views]
    if not ones or not others:
        return []
    stacks = (np.stack([views[file] for file in files]) for files in (ones, others))
    pairs = sorted(looks.same_looks(*stacks))
    return [(ones[i], others[j], distance) for i, j, distance in pairs]
