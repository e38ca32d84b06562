"""Data set formats: one module each, from annotation files to records.

    source = load_source(config.data.sources[0], Path(config.data.root))
    source.samples, source.pairs, source.bad, source.notes

Every loader keeps the order of its file, lists each row that it cannot use as a BadItem, and raises
DataError for a file that it cannot read. Whether the images exist is asked by `data.checks`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from artimuse.config.sources import RankedSource, SourceConfig
from artimuse.data.formats import (
    aadb,
    aesbench,
    aesmmit,
    artimuse10k,
    ava,
    custom,
    fgaesthetics,
    hf_dataset,
    icaa17k,
    para,
    scores,
    series_folder,
    unipercept_bench,
    votes,
)
from artimuse.data.formats.comparison_texts import add_comparison_texts
from artimuse.data.formats.comparisons import add_comparisons
from artimuse.data.formats.minus import without
from artimuse.records import DataError, Source

LOADERS: dict[str, Callable[[Any, Path], Source]] = {
    "artimuse10k": artimuse10k.load,
    "scores": scores.load,
    "ava": ava.load,
    "para": para.load,
    "aadb": aadb.load,
    "icaa17k": icaa17k.load,
    "aesmmit": aesmmit.load,
    "aesbench": aesbench.load,
    "unipercept_bench": unipercept_bench.load,
    "fgaesthetics": fgaesthetics.load,
    "custom": custom.load,
    "hf_dataset": hf_dataset.load,
    "series_folder": series_folder.load,
    "votes": votes.load,
}


def load_source(config: SourceConfig, root: Path) -> Source:
    """Read one data set; all paths of the configuration are relative to `root`.

    Sample ids are `<source name>/<image path relative to the image folder>`. The images of its
    `minus` lists are taken out.

    Raises:
        DataError: for an annotation file that is missing, not UTF-8, not in its format, or without
            rows, for a contradiction that no row can be blamed for (the direction of FGAesthetics'
            pairs), and for a `minus` list that names no image of the source.
    """
    with _no_collection():
        source = LOADERS[config.format](config, root)
    if source.items == 0:
        raise DataError(
            f"source {config.name!r} ({config.format}): expected annotation rows, found none in "
            f"its files under {root}; name the right files, or take the source out"
        )
    if isinstance(config, RankedSource) and config.comparison_texts is not None:
        add_comparison_texts(source, root / config.comparison_texts)
    if isinstance(config, RankedSource) and config.comparisons:
        add_comparisons(source, config.comparisons)
    if config.minus:
        source = without(source, [root / path for path in config.minus], root / config.images)
    return source


@contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of new objects, and no cycles: the collector would find nothing, in 2 s of 5."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
