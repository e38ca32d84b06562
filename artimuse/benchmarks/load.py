"""How long annotations take to load, and what a loader process holds of them.

    rows = [*annotation_times(folder, scale=1.0, repeats=3), *worker_memory(folder, scales=(0.1, 1.0))]

The annotations are made up, of the size of the real ones: AesMMIT's 409,000 records over 21,904 images, and
236,000 scores (AVA). Every time is taken in a process of its own, whose peak memory is its own too.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import random
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from artimuse.config import SourceConfig
from artimuse.config.sources import AesMMITSource, ScoreListSource
from artimuse.data.cache import cached_source
from artimuse.data.order import Order
from artimuse.data.units import units

RECORDS, IMAGES, SCORES = 409_000, 21_904, 236_000
BATCH_IMAGES = 64
STEPS = 300
Row = dict[str, Any]

_WORDS = (
    "the",
    "light",
    "falls",
    "softly",
    "over",
    "a",
    "quiet",
    "harbour",
    "while",
    "colours",
    "of",
    "dusk",
)


def sources() -> list[SourceConfig]:
    """The two sources that `write_annotations` writes for."""
    return [
        AesMMITSource(name="aesmmit", format="aesmmit", images="images", annotations="aesmmit.json"),
        ScoreListSource(name="ava", format="scores", images="ava", scores="ava.json", dataset="ava"),
    ]  # fmt: skip


def write_annotations(folder: Path, scale: float) -> tuple[int, int]:
    """Made-up annotation files; returns the numbers of records and of scores."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "ava").mkdir(exist_ok=True)
    rng = random.Random(0)
    records, scores = round(RECORDS * scale), round(SCORES * scale)
    images = max(1, round(IMAGES * scale))
    with (folder / "aesmmit.json").open("w", encoding="utf-8") as file:
        _write_list(file, (_record(number, number % images, rng) for number in range(records)))
    with (folder / "ava.json").open("w", encoding="utf-8") as file:
        rows = (
            {"image": f"{n}.jpg", "gt_score": round(rng.uniform(2, 8), 3)} for n in range(scores)
        )
        _write_list(file, rows)  # fmt: skip
    return records, scores


def annotation_times(folder: Path, *, scale: float, repeats: int) -> Iterator[Row]:
    """Both sources, parsed and kept (an empty cache), then opened from the cache."""
    records, scores = write_annotations(folder, scale)
    for case in ("parse", "cache"):
        seconds, peaks = [], []
        for _ in range(repeats):
            if case == "parse":
                shutil.rmtree(folder / "cache", ignore_errors=True)
            took, peak = _in_a_process("spawn", _load_both, folder)
            seconds.append(took)
            peaks.append(peak)
        yield {
            "case": "load/annotations",
            "variant": case,
            "records": records,
            "scores": scores,
            "seconds": spread(seconds),
            "peak_rss_gib": spread(peaks),
        }


def worker_memory(folder: Path, *, scales: Sequence[float]) -> Iterator[Row]:
    """Memory of its own that a loader process has after drawing STEPS steps, by size of the data."""
    for scale in scales:
        records, scores = write_annotations(folder / f"at-{scale:g}", scale)
        # The parent is a fresh process as well: what it freed would otherwise be the child's to use.
        own = _in_a_process("spawn", _worker_in_a_fork, folder / f"at-{scale:g}")
        yield {
            "case": "load/worker_memory",
            "variant": f"{records} records, {scores} scores",
            "steps": STEPS,
            "private_mib": own,
        }


def spread(values: Sequence[float]) -> Row:
    """Median, and the lowest and highest value."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def _write_list(file: Any, rows: Iterator[Row]) -> None:
    file.write("[\n")
    for number, row in enumerate(rows):
        file.write((",\n" if number else "") + json.dumps(row))
    file.write("\n]\n")


def _record(number: int, image: int, rng: random.Random) -> Row:
    question = f"{' '.join(rng.choices(_WORDS, k=12))}?\n<image>"
    answer = " ".join(rng.choices(_WORDS, k=rng.choice((1, 20, 60))))
    return {
        "id": f"{number % 10_000:04d}",
        "image": f"para_{image}.jpg",
        "conversations": [
            {"from": "human", "value": question},
            {"from": "gpt", "value": answer},
        ],
        "type": "gpt_q1",
        "qtype": "vqa",
    }


def _load_both(folder: Path) -> tuple[float, float]:
    """Seconds, and the peak of this process's memory in GiB."""
    start = time.perf_counter()
    loaded = [cached_source(config, folder, folder / "cache") for config in sources()]
    seconds = time.perf_counter() - start
    for source in loaded:
        assert source.items > 0
        assert not source.bad
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _worker_in_a_fork(folder: Path) -> float:
    loaded = [cached_source(config, folder, folder / "cache") for config in sources()]
    # Pages of a file that is not yet on the disk would count as memory of whoever maps them.
    os.sync()
    order = Order(
        [units(source) for source in loaded],
        weights=[1.0, 1.0],
        batch_images=BATCH_IMAGES,
        seed=0,
        steps=STEPS,
    )
    return _in_a_process("fork", _walk, order)


def _walk(order: Order) -> float:
    """Look at every sample of the steps, as a loader process does; MiB of its own afterwards."""
    # The collector writes to every object it looks at; done once, it is the same for any data.
    gc.collect()
    for step in range(STEPS):
        assert sum(len(sample.questions) for unit in order.step(step) for sample in unit.samples)
    return _private_mib()


def _private_mib() -> float:
    """Memory that only this process has, pages of mapped files not counted."""
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/smaps_rollup: expected a line Private_Dirty, found none")


def _in_a_process(method: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's result, from a process that has done nothing else."""
    context = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, function, arguments))  # type: ignore[attr-defined]
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__}: its process ended early; see above") from None
    finally:
        process.join()


def _send(sender: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    sender.send(function(*arguments))
