"""Many images -> the rows of a score file, from a server that is asked several at a time."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from artimuse.inference.assess import Assessed
from artimuse.inference.provenance import FORMAT_VERSION, versions
from artimuse.inference.serving.client import ServedModel
from artimuse.inference.stream import Broken, reason_of
from artimuse.records import DataError

_BY_ASPECT = ("scores", "spreads", "lows", "highs")


def served_fields(aspects: Sequence[str]) -> list[str]:
    """The fields of a row in their order: those of a score file, and between which bounds each score is."""
    return ["image", "score", "spread", *(f"{name}.{a}" for name in _BY_ASPECT for a in aspects)]


def describe_served(served: ServedModel, record: Path) -> dict[str, Any]:
    """How the rows are made; `same` decides whether a file goes on."""
    same = {
        "scale": served.record["scale"],
        "serving_sha256": hashlib.sha256(record.read_bytes()).hexdigest(),
        "served_model": served.model,
        "top_logprobs": served.request["top_logprobs"],
        "max_width": served.limit,
    }
    return {
        "format_version": FORMAT_VERSION,
        "model": served.model,
        "server": served.url,
        "same": same,
        "versions": versions(),
    }


def served_rows(
    served: ServedModel, images: Sequence[Path], *, at_once: int
) -> Generator[Assessed | Broken, None, None]:
    """Rows of images in their order.

    Args:
        at_once: images that the server is asked about at a time.

    Raises:
        ServerError: for a server that does not do its part: it would not for any other image either. (What it
            refuses of one image, when it has scored another, is `Broken`.)
    """
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="ask-server")
    waiting: deque[Future[Assessed | Broken]] = deque()
    try:
        for image in images:
            waiting.append(pool.submit(_row, served, image))
            if len(waiting) >= at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:  # also when the caller stops halfway
        pool.shutdown(wait=True, cancel_futures=True)


def _row(served: ServedModel, image: Path) -> Assessed | Broken:
    try:
        found = served.score(image)
    except DataError as error:
        return Broken(image, reason_of(image, error))
    first = next(iter(found.values()))
    row: dict[str, Any] = {"image": str(image), "score": first.value, "spread": first.spread}
    row["scores"] = {aspect: one.value for aspect, one in found.items()}
    row["spreads"] = {aspect: one.spread for aspect, one in found.items()}
    row["lows"] = {aspect: one.low for aspect, one in found.items()}
    row["highs"] = {aspect: one.high for aspect, one in found.items()}
    return Assessed(image, row, 0)
