"""Which images are bad: each is decoded fully, by the function that training reads with.

bad_images = check_images(sources, processes=8, progress=True)
"""

from __future__ import annotations

from collections.abc import Sequence

from artimuse.data.checks.pool import each_image
from artimuse.data.images import ImageError, read_image
from artimuse.data.store import identities
from artimuse.records import BadItem, Source


def check_images(sources: Sequence[Source], *, processes: int, progress: bool) -> list[BadItem]:
    """The images that cannot be read, in the order in which the sources name them.

    An image that several samples or sources share is decoded once and listed once: `file` is its
    path, `item` the first sample that has it.

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
    problems = each_image(
        _problem, list(first_use), processes=processes, progress=progress, what="image check"
    )
    return [
        BadItem(path, used_by, problem)
        for (path, used_by), problem in zip(first_use.items(), problems, strict=True)
        if problem is not None
    ]


def _problem(path: str) -> str | None:
    try:
        read_image(path)
    except ImageError as error:
        return str(error).removeprefix(f"{path}: ")
    return None
