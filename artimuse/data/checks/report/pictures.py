"""One pass over all images of a recipe: what is broken, how large each is, its bytes and its look.

    pictures = look_at(sources, processes=8, progress=True)
    pictures.bad                      # as `check_images` lists them
    pictures.size("a.jpg")            # (width, height) of what training would read
    pictures.read["a.jpg"]            # digest and view, as `find_leaks` takes them

Decoding is what costs: every image is decoded once, by the function that training reads with, and all checks
are served from it. An image is kept as 1 KiB.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from artimuse.data.checks import content, looks
from artimuse.data.checks.leakage import Read
from artimuse.data.checks.pool import each_image
from artimuse.data.images import ImageError, read_image
from artimuse.data.store import identities
from artimuse.records import BadItem, Source


class _Seen(NamedTuple):
    """What one image gave; view and size are None where it is broken, and then `problem` says why."""

    digest: bytes | None
    view: np.ndarray | None
    size: tuple[int, int] | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is known of every image file of a recipe.

    bad: the files that cannot be read, in the order in which the sources name them; `file` is the path,
    `item` the first sample that has it. read: digest and view by path. sizes: (width, height) by path, of
    those that can be read.
    """

    bad: list[BadItem]
    read: dict[str, Read]
    sizes: dict[str, tuple[int, int]]

    def size(self, file: str) -> tuple[int, int]:
        """(width, height), upright; KeyError for a broken image."""
        return self.sizes[file]


def look_at(sources: Sequence[Source], *, processes: int, progress: bool) -> Pictures:
    """Decode every image of the sources; one that several samples share is decoded once.

    Args:
        processes: that decode; the result does not depend on it.
        progress: show a bar, on a terminal only.

    Raises:
        DataError: when a decoding process dies.
    """
    first_use: dict[str, str] = {}
    for source in sources:
        for sample in identities(source.samples):
            for image in sample.images:
                first_use.setdefault(str(image), sample.id)
    files = list(first_use)
    pictures = Pictures([], {}, {})
    seen = each_image(_look, files, processes=processes, progress=progress, what="image check")
    for file, one in zip(files, seen, strict=True):
        pictures.read[file] = one.digest, one.view
        if one.size is not None:
            pictures.sizes[file] = one.size
        if one.problem is not None:
            pictures.bad.append(BadItem(file, first_use[file], one.problem))
    return pictures


def _look(file: str) -> _Seen:
    digest = content.digest(file)
    try:
        image = read_image(file)
    except ImageError as error:
        return _Seen(digest, None, None, str(error).removeprefix(f"{file}: "))
    return _Seen(digest, looks.view(image), image.size, None)
