"""Which images are bad: each is decoded fully, by the function that training reads with.

bad_images = check_images(sources, processes=8, progress=True)
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from tqdm import tqdm

from artimuse.data.images import ImageError, read_image
from artimuse.records import BadItem, DataError, Source

CHUNK = 64
"""Images that a process is sent at a time."""
POOL_PAYS_S = 8.0
"""Processes are started when the images left would take this one longer: a start takes seconds."""


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
        for sample in source.samples:
            for image in sample.images:
                first_use.setdefault(str(image), sample.id)
    paths = list(first_use)
    hidden = not (progress and sys.stderr.isatty())
    with tqdm(
        _problems(paths, processes), total=len(paths), disable=hidden, desc="images", unit=""
    ) as bar:
        return [
            BadItem(path, first_use[path], problem)
            for path, problem in zip(paths, bar, strict=True)
            if problem is not None
        ]


def _problems(paths: Sequence[str], processes: int) -> Iterator[str | None]:
    """What is wrong with each image, None for nothing, in order."""
    start = time.monotonic()
    for path in paths[:CHUNK]:
        yield _problem(path)
    rest = paths[CHUNK:]
    estimate_s = (time.monotonic() - start) / CHUNK * len(rest)
    if processes <= 1 or estimate_s < POOL_PAYS_S:
        yield from map(_problem, rest)
        return
    # Not fork: the caller may have torch's threads running.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            yield from pool.map(_problem, rest, chunksize=CHUNK)
        except BrokenProcessPool as error:
            raise DataError(
                "image check: expected every decoding process to live, found one ended by the "
                f"system while it read {len(rest)} images; free memory, or use fewer processes"
            ) from error


def _problem(path: str) -> str | None:
    try:
        read_image(path)
    except ImageError as error:
        return str(error).removeprefix(f"{path}: ")
    return None
