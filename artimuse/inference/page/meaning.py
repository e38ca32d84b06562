"""What a model's numbers mean, as far as its folder says so; what is not on record is not made up.

meaning = read_meaning(model.info, folder)
meaning.ends                    # "0 and 100 are the ends of the scale that ... (artimuse: 0 to 10)."
meaning.above(61.3)             # .54: of the held-out images this share scores lower
"""

from __future__ import annotations

import json
import logging
import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artimuse.config import Config, ConfigError
from artimuse.config.sources import ArtiMuseSource
from artimuse.config.stages import stages_of
from artimuse.models.info import ModelInfo
from artimuse.models.readouts import words_of
from artimuse.models.training_record import Training, read_training

_LOG = logging.getLogger(__name__)
FEWEST = 20
"""Held-out images, below which no percentiles are told."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """ends, spread: what 0 and 100 are, and what stands behind "give or take". words: the read-out's own names
    for evenly spread scores, lowest first, () for none. held_out: the model's scores of the images that its
    run held out, rising, () where they are not there. critiques: what to know of its texts, None for nothing.
    compares: whether it may have learned to write of two images at once.
    """

    ends: str
    spread: str
    words: tuple[str, ...] = ()
    held_out: tuple[float, ...] = ()
    critiques: str | None = None
    compares: bool = True

    def above(self, score: float) -> float | None:
        """The share of the held-out images that score lower; None where that is not known."""
        if not self.held_out:
            return None
        return bisect_left(self.held_out, score) / len(self.held_out)

    @property
    def marks(self) -> tuple[float, ...]:
        """Scores that 10, 50 and 90 % of the held-out images stay below, () where that is not known."""
        if not self.held_out:
            return ()
        return tuple(float(one) for one in np.percentile(self.held_out, (10, 50, 90)))


def read_meaning(info: ModelInfo, folder: Path) -> Meaning:
    """From artimuse.json, training.json, and the results of the run whose model/ the folder is.

    A record that cannot be read, as of another version, is one that is not there, and is told as such.
    """
    training, problem = None, "is not on record in its folder."
    try:
        training = read_training(folder)
    except ConfigError as error:
        problem = f"cannot be read from its record: {error}"
    words = words_of(info.readout) if info.readout is not None else ()
    return Meaning(
        ends=_ends(training, problem),
        spread=_spread(info.readout_kind),
        words=words if info.readout_kind == "levels" else (),
        held_out=_held_out(info, folder),
        critiques=_critiques(training),
        compares=not _from_nothing(training),
    )


def _ends(training: Training | None, problem: str) -> str:
    scales = dict(_scales(training.recipe)) if training is not None else {}
    if not scales:
        return (
            "0 is the lowest score that this model can give and 100 the highest; which marks it was trained "
            f"on {problem}"
        )
    told = ", ".join(f"{name}: {low:g} to {high:g}" for name, (low, high) in scales.items())
    return (
        f"0 and 100 are the ends of the scales on which its training images were marked ({told})."
    )


def _scales(recipe: Config) -> Iterator[tuple[str, tuple[float, float]]]:
    for stage in stages_of(recipe):
        for source in stage.config.data.sources if stage.config.objective.score else ():
            if isinstance(source, ArtiMuseSource) and source.scores is None:
                continue
            scale = getattr(source, "native_scale", None) or getattr(source, "scale", None)
            if scale is not None:
                yield source.name, scale


def _spread(kind: str | None) -> str:
    if kind == "regression":
        return "Give or take: the error that the model has learned to expect of its score."
    return "Give or take: one standard deviation of the scores that the model holds possible."


def _critiques(training: Training | None) -> str | None:
    taught = _taught(training)
    if taught is None:
        return "Whether this model was trained on critiques is not on record in its folder."
    if not taught:
        return "This model was not trained on critiques: what it writes here is not what it was made for."
    return None


def _taught(training: Training | None) -> bool | None:
    """Whether critiques were trained on, here or before; None where that is not known."""
    if training is None:
        return None
    for stage in stages_of(training.recipe):
        for source in stage.config.data.sources:
            if stage.config.objective.text and isinstance(source, ArtiMuseSource) and source.texts:
                return True
    if training.base == "trained here":
        return _taught(training.before)
    return None if training.base == "unknown" else False


def _from_nothing(training: Training | None) -> bool:
    """Whether a model began from random weights here: the texts of our data sets are of one image each."""
    while training is not None:
        if training.base == "random weights":
            return True
        training = training.before
    return False


def _held_out(info: ModelInfo, folder: Path) -> tuple[float, ...]:
    """Of a run folder: `results/predictions.jsonl` beside `model/`."""
    run = folder.resolve().parent
    path = run / "results" / "predictions.jsonl"
    if folder.resolve().name != "model" or not (run / "run.json").is_file() or not path.is_file():
        return ()
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        read = [
            float(row["prediction"])
            for row in rows
            if row["kind"] == "score" and row.get("aspect", info.aspects[0]) == info.aspects[0]
        ]
    # Not what the page is for: it opens without the percentiles.
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning(
            "%s: expected rows as scripts/evaluate.py writes them, found %r: the page tells no percentiles; "
            "evaluate the run again", path, error,
        )  # fmt: skip
        return ()
    found = sorted(filter(math.isfinite, read))  # NaN has no place in an order
    return tuple(found) if len(found) >= FEWEST else ()
