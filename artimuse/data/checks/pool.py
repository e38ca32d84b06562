"""Reading many images: in one process where that is quick, in several where it is not.

for path, problem in zip(paths, each_image(problem_of, paths, processes=8, progress=True, what="images")):
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from tqdm import tqdm

from artimuse.records import DataError

T = TypeVar("T")

CHUNK = 64
"""Images that a process is sent at a time."""
POOL_PAYS_S = 8.0
"""Processes are started when the images left would take this one longer: a start takes seconds."""


def each_image(
    function: Callable[[str], T],
    paths: Sequence[str],
    *,
    processes: int,
    progress: bool,
    what: str,
) -> Iterator[T]:
    """What `function` gives for every path, in order.

    Args:
        function: of a module's top level, so that it can be sent to other processes.
        processes: that read; the result does not depend on it.
        progress: show a bar, on a terminal only.
        what: is done, for the bar and the error.

    Raises:
        DataError: when a process dies.
    """
    hidden = not (progress and sys.stderr.isatty())
    with tqdm(
        _results(function, paths, processes, what),
        total=len(paths), disable=hidden, desc=what, unit="",
    ) as bar:  # fmt: skip
        yield from bar


def _results(
    function: Callable[[str], T], paths: Sequence[str], processes: int, what: str
) -> Iterator[T]:
    start = time.monotonic()
    for path in paths[:CHUNK]:
        yield function(path)
    rest = paths[CHUNK:]
    estimate_s = (time.monotonic() - start) / CHUNK * len(rest)
    if processes <= 1 or estimate_s < POOL_PAYS_S:
        yield from map(function, rest)
        return
    # Not fork: the caller may have torch's threads running.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            yield from pool.map(function, rest, chunksize=CHUNK)
        except BrokenProcessPool as error:
            raise DataError(
                f"{what}: expected every reading process to live, found one ended by the "
                f"system while it read {len(rest)} images; free memory, or use fewer processes"
            ) from error
