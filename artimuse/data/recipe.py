"""A recipe's data: load every source, leave out what is bad, cut the validation part, and fingerprint it.

Everything that can be wrong with the data is found here, before anything is built or trained.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from artimuse.config import Config
from artimuse.data.cache import cache_folder, cached_source
from artimuse.data.checks.bad import drop_bad
from artimuse.data.demo import DemoSizes, write_demo_data
from artimuse.data.split import cut
from artimuse.records import BadItem, DataError, Source


@dataclass(frozen=True, slots=True)
class RecipeData:
    """What a run trains on and is evaluated on.

    train: one Source per entry of data.sources. held_out: evaluation.sources, or the validation cut of
    the training sources. bad: everything that was left out, with reasons. validation: that cut, if any.
    """

    train: list[Source]
    held_out: list[Source]
    bad: list[BadItem]
    validation: list[Source] = field(default_factory=list)

    def texts(self) -> list[str]:
        """All training texts, questions and answers."""
        asked = (q for source in self.train for sample in source.samples for q in sample.questions)
        return [text for q in asked for text in (q.text, q.answer) if text]

    def comparison_texts(self) -> list[str]:
        """The texts that compare training pairs."""
        return [p.text for source in self.train for p in source.pairs if p.text is not None]

    def scored_datasets(self) -> list[str]:
        """Names of the training sources with score labels, in their order: one link each."""
        return [
            source.name
            for source in self.train
            if any(q.label is not None for s in source.samples for q in s.questions)
        ]

    def fingerprint(self) -> str:
        """sha256 over the samples and pairs that are trained on and validated on, in their order."""
        digest = hashlib.sha256()
        for source in (*self.train, *self.validation):
            for sample in source.samples:
                # Image paths are the machine's; the id is the data set's.
                digest.update(repr(replace(sample, images=())).encode())
            for pair in source.pairs:
                digest.update(repr(pair).encode())
        return digest.hexdigest()


def draw_demo(config: Config) -> None:
    """Draw the demo data where the recipe asks for it and it is not there yet.

    Raises:
        DataError: where data.root holds something else.
    """
    demo = config.data.demo
    if demo is None:
        return
    root = Path(config.data.root)
    print(f"data: demo data in {root} (drawn where it is not there yet)", flush=True)
    try:
        sizes = DemoSizes().scaled(demo.scale).with_sizes(demo.sizes)
    except ValueError as error:
        raise DataError(f"data.demo: {error}") from error
    write_demo_data(root, seed=demo.seed, sizes=sizes)


def load_sources(config: Config) -> list[Source]:
    """Every source of a recipe as its loader yields it: data.sources, then evaluation.sources.

    Raises:
        DataError: for an annotation file that cannot be read.
    """
    root, cache = Path(config.data.root), cache_folder(config.data.cache)
    every = (*config.data.sources, *config.evaluation.sources)
    return [cached_source(source, root, cache) for source in every]


def recipe_data(
    config: Config, sources: Sequence[Source], bad_images: Sequence[BadItem] = ()
) -> RecipeData:
    """The data of a recipe without what is bad, and with its validation part cut off.

    Args:
        sources: what `load_sources` gave.
        bad_images: what `check_images` found in them.

    Raises:
        DataError: for a source of which nothing is left.
    """
    everything, bad = drop_bad(sources, bad_images)
    number = len(config.data.sources)
    train, held_out = everything[:number], everything[number:]
    frac = config.data.validation_frac
    validation: list[Source] = []
    if frac:
        validation = [cut(source, frac, "validation") for source in train]
        train = [cut(source, frac, "train") for source in train]
        held_out = held_out or validation
    for source in (*train, *validation, *held_out):
        if not source.samples:
            raise DataError(
                f"{source.name}: no usable image is left; see bad_items.jsonl in the run folder, and "
                "data.validation_frac where it is set"
            )
    return RecipeData(train, held_out, bad, validation)
