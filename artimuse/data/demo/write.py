"""Draws the demo data into a folder, in the three official formats, so that the real loaders read it.

    write_demo_data(Path("data/demo"))

    demo.json                     version, seed, sizes; written last, so its presence means complete
    drawn.jsonl                   the truth about every image: scene, noiseless quality, factors
    artimuse/                     images/, ArtiMuse-10K_{split}.json, ArtiMuse-10K_text_{split}.jsonl
    aesmmit/                      images/, AesMMIT_labels_{split}.json
    fgaesthetics/                 images/{series}/, {natural,cropping}_{split}.txt, comparisons_{split}.jsonl

Every random number derives from (seed, data set, split, index): no scene is in two splits, and the
result depends neither on the number of processes nor on the size of another split.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from artimuse.data.demo.items import (
    DATASETS,
    SPLITS,
    Item,
    Row,
    SeriesShape,
    draw_item,
    write_labels,
)
from artimuse.data.demo.scene import VARIED
from artimuse.records import DataError

VERSION = 3
_MARK = "demo.json"
_UNFINISHED = "demo.unfinished.json"
# What a folder of demo data may hold at its top: the two marks, the truth, one folder a data set.
_OWN = {_MARK, _UNFINISHED, "drawn.jsonl", *DATASETS}


@dataclass(frozen=True)
class DemoSizes:
    """How many images (artimuse, aesmmit) and series to draw per split.

    `images_per_series` is a mean: a series has one image fewer or more, and at least two. In a natural series
    one to `factors_per_series` factors vary.
    """

    artimuse_train: int = 2400
    artimuse_val: int = 100
    artimuse_test: int = 300
    aesmmit_train: int = 1000
    aesmmit_val: int = 80
    aesmmit_test: int = 200
    series_train: int = 600
    series_val: int = 50
    series_test: int = 150
    images_per_series: int = 3
    factors_per_series: int = 2

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise ValueError(
                    f"DemoSizes.{name} must be at least 1, found {value}: every split needs something to read."
                )
        if not 2 <= self.images_per_series <= 6:
            raise ValueError(
                f"DemoSizes.images_per_series must be 2 to 6, found {self.images_per_series}."
            )
        if self.factors_per_series > len(VARIED):
            raise ValueError(
                f"DemoSizes.factors_per_series must be 1 to {len(VARIED)}, found {self.factors_per_series}."
            )

    def scaled(self, scale: float) -> DemoSizes:
        """All counts times `scale`, at least 2 each; what a series is like stays."""
        if not scale > 0:
            raise ValueError(f"scale must be above 0, found {scale}.")
        kept = {
            "images_per_series": self.images_per_series,
            "factors_per_series": self.factors_per_series,
        }
        counts = {name: max(2, round(value * scale)) for name, value in asdict(self).items()}
        return DemoSizes(**{**counts, **kept})

    def with_sizes(self, given: Mapping[str, int]) -> DemoSizes:
        """These sizes, but for the given ones.

        Raises:
            ValueError: for a name that is none of them, or a number that cannot be.
        """
        names = [field.name for field in fields(self)]
        for name in given:
            if name not in names:
                raise ValueError(
                    f"no size of the demo data is called {name!r}: expected {', '.join(names)}."
                )
        return replace(self, **given)

    @property
    def series(self) -> SeriesShape:
        """What a series is like."""
        return SeriesShape(self.images_per_series, self.factors_per_series)

    def count(self, dataset: str, split: str) -> int:
        """Images (artimuse, aesmmit) or series (fgaesthetics) of a split."""
        return getattr(self, f"{'series' if dataset == 'fgaesthetics' else dataset}_{split}")


def write_demo_data(
    destination: Path, *, seed: int = 0, sizes: DemoSizes | None = None, processes: int = 2
) -> dict[str, Any]:
    """Draws the demo data; a complete folder of the same version, seed and sizes is left as it is.

    Returns what `demo.json` holds: `{"version", "seed", "sizes"}`. An interrupted drawing is taken
    up again from the start.

    Raises:
        DataError: the folder holds other demo data, or files that are not demo data.
    """
    destination = Path(destination)
    sizes = sizes or DemoSizes()
    wanted = {"version": VERSION, "seed": seed, "sizes": asdict(sizes)}
    if _is_complete(destination, wanted):
        return wanted
    destination.mkdir(parents=True, exist_ok=True)
    (destination / _UNFINISHED).write_text(json.dumps(wanted), encoding="utf-8")
    drawn: list[Row] = []
    with _Drawers(processes) as drawers:
        for dataset in DATASETS:
            for split in SPLITS:
                draw = partial(draw_item, destination, seed, sizes.series, dataset, split)
                items = drawers.map(draw, sizes.count(dataset, split))
                write_labels(destination, dataset, split, items)
                drawn += [row for item in items for row in item.drawn]
    lines = "".join(json.dumps(row) + "\n" for row in drawn)
    (destination / "drawn.jsonl").write_text(lines, encoding="utf-8")
    (destination / _UNFINISHED).write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
    (destination / _UNFINISHED).replace(destination / _MARK)
    return wanted


def _is_complete(destination: Path, wanted: Row) -> bool:
    if not destination.exists():
        return False
    if not destination.is_dir():
        raise DataError(
            f"expected a folder for the demo data, found a file: {destination}. Name another destination."
        )
    names = {entry.name for entry in destination.iterdir()}
    for mark in (_MARK, _UNFINISHED):
        if mark in names:
            found = _read_mark(destination / mark)
            if found != wanted:
                raise DataError(
                    f"{destination} holds other demo data: {_difference(found, wanted)}. "
                    "Name another destination, or delete this folder first."
                )
            if mark == _MARK:
                return True
    if names and (_UNFINISHED not in names or names - _OWN):
        strange = sorted(names - _OWN) or sorted(names)
        raise DataError(
            f"{destination} holds files that are not demo data "
            f"({', '.join(strange[:3])}). Expected an empty or absent folder: name another destination."
        )
    return False


def _read_mark(path: Path) -> Row:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DataError(
            f"{path} is not a demo data marker (expected a JSON object). Delete its folder, or name another."
        )
    return found


def _difference(found: Row, wanted: Row) -> str:
    flat_found = {**found, **(found.get("sizes") or {})}
    flat_wanted = {**wanted, **wanted["sizes"]}
    names = [
        name
        for name in flat_wanted
        if name != "sizes" and flat_found.get(name) != flat_wanted[name]
    ]
    return (
        ", ".join(f"{name} {flat_found.get(name)}, wanted {flat_wanted[name]}" for name in names)
        or "unknown settings"
    )


class _Drawers:
    """`map(draw, count)`: [draw(0), ..., draw(count - 1)], in this process or in several."""

    def __init__(self, processes: int) -> None:
        if processes < 1:
            raise ValueError(f"processes must be at least 1, found {processes}.")
        # `spawn`, not `fork`: the caller may have torch's threads running.
        context = multiprocessing.get_context("spawn")
        self._pool = context.Pool(processes) if processes > 1 else None

    def __enter__(self) -> _Drawers:
        return self

    def map(self, draw: Callable[[int], Item], count: int) -> list[Item]:
        if self._pool is None:
            return [draw(index) for index in range(count)]
        return self._pool.map(draw, range(count), chunksize=max(1, min(16, count // 8)))

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()
