"""A recipe's data: load every source, leave out what is bad, cut the validation part, and fingerprint it.

Everything that can be wrong with the data is found here, before anything is built or trained.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from artimuse.config import Config
from artimuse.data.checks.bad import drop_bad, enforce_limit
from artimuse.data.checks.decode import check_images
from artimuse.data.formats import load_source
from artimuse.data.split import cut
from artimuse.records import BadItem, DataError, Source


@dataclass(frozen=True, slots=True)
class RecipeData:
    """What a run trains on and is evaluated on.

    train: one Source per entry of data.sources. held_out: evaluation.sources, or the validation cut of
    the training sources. bad: everything that was left out, with reasons.
    """

    train: list[Source]
    held_out: list[Source]
    bad: list[BadItem]

    def texts(self) -> list[str]:
        """All training texts, questions and answers."""
        asked = (q for source in self.train for sample in source.samples for q in sample.questions)
        return [text for q in asked for text in (q.text, q.answer) if text]

    def scored_datasets(self) -> list[str]:
        """Names of the training sources with score labels, in their order: one link each."""
        return [
            source.name
            for source in self.train
            if any(q.label is not None for s in source.samples for q in s.questions)
        ]

    def fingerprint(self) -> str:
        """sha256 over the training samples and pairs, in their order."""
        digest = hashlib.sha256()
        for source in self.train:
            for sample in source.samples:
                # Image paths are the machine's; the id is the data set's.
                digest.update(repr(replace(sample, images=())).encode())
            for pair in source.pairs:
                digest.update(repr(pair).encode())
        return digest.hexdigest()


def find_bad_images(config: Config, *, progress: bool = False) -> list[BadItem]:
    """Decode every image of a recipe fully; nothing where data.check_images is off.

    Raises:
        DataError: for an annotation file that cannot be read, or when more than data.max_bad_frac of
            the images and annotation rows is bad.
    """
    sources = _load_all(config)
    bad: list[BadItem] = []
    if config.data.check_images:
        bad = check_images(sources, processes=os.cpu_count() or 1, progress=progress)
    enforce_limit(sources, bad, config.data.max_bad_frac)
    return bad


def load_recipe(config: Config, *, bad_images: Sequence[BadItem] = ()) -> RecipeData:
    """Load the data of a recipe without what is bad.

    Args:
        bad_images: what `find_bad_images` found.

    Raises:
        DataError: for an annotation file that cannot be read, or a source of which nothing is left.
    """
    everything, bad = drop_bad(_load_all(config), bad_images)
    number = len(config.data.sources)
    train, held_out = everything[:number], everything[number:]
    frac = config.data.validation_frac
    if frac:
        if not held_out:
            held_out = [cut(source, frac, "validation") for source in train]
        train = [cut(source, frac, "train") for source in train]
    for source in (*train, *held_out):
        if not source.samples:
            raise DataError(f"{source.name}: no usable image is left; look at the errors above it")
    return RecipeData(train, held_out, bad)


def _load_all(config: Config) -> list[Source]:
    root = Path(config.data.root)
    return [
        load_source(source, root) for source in (*config.data.sources, *config.evaluation.sources)
    ]
