"""What a training run of the recipe would refuse, in its own words, and some things it would stumble over.

    for reason in refusals(config, sources, pictures.bad, leaks, lists=folder): ...

A run looks at names and bytes, not at looks: what `find_leaks` sees by appearance is a finding, no refusal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from artimuse.config import Config
from artimuse.config.sources import NEVER_TRAINED
from artimuse.data.checks.bad import enforce_limit
from artimuse.data.checks.leakage import Leak
from artimuse.data.checks.refusal import refuse_leaks
from artimuse.data.units import units
from artimuse.records import BadItem, DataError, Source


def refusals(
    config: Config,
    sources: Sequence[Source],
    bad_images: Sequence[BadItem],
    leaks: Sequence[Leak],
    *,
    lists: Path,
) -> list[str]:
    """Reasons, each a message of one or more lines; none where a run would begin.

    Args:
        sources: what `load_sources` gave.
        leaks: between data.sources and evaluation.sources.
        lists: where `write_leaks` wrote.
    """
    training = sources[: len(config.data.sources)]
    found = [_leakage(config, leaks, lists), _bad(config, sources, bad_images)]
    return [reason for reason in found if reason] + [
        *unknown_aspects(config, sources),
        *_apart(training),
    ]


def _leakage(config: Config, leaks: Sequence[Leak], lists: Path) -> str | None:
    never = [s.name for s in config.evaluation.sources if s.format in NEVER_TRAINED]
    told = [leak for leak in leaks if leak.kind != "appearance"]
    try:
        refuse_leaks(told, allowed=config.data.allow_leakage, never=never, lists=lists)
    except DataError as error:
        return str(error)
    return None


def _bad(config: Config, sources: Sequence[Source], bad_images: Sequence[BadItem]) -> str | None:
    try:
        enforce_limit(sources, bad_images, config.data.max_bad_frac)
    except DataError as error:
        return str(error)
    if bad_images and not config.data.check_images:
        return (
            f"data.check_images is off: the run would not leave out the {len(bad_images)} images that "
            "cannot be read, and stop at the first of them; expected it on, or an image folder without them"
        )
    return None


def unknown_aspects(config: Config, sources: Sequence[Source]) -> Iterator[str]:
    """Score questions about an aspect that the recipe's model does not have, evaluation's included: they would
    stop the run after training."""
    for source in sources:
        asked = Counter(
            question.aspect
            for sample in source.samples
            for question in sample.questions
            if question.kind == "score" and question.aspect not in config.model.aspects
        )
        for aspect, number in asked.items():
            yield (
                f"{source.name}: expected score questions about model.aspects "
                f"({', '.join(config.model.aspects)}), found {number} about {aspect!r}; name it there, or "
                "leave it out of the source"
            )


def _apart(training: Sequence[Source]) -> Iterator[str]:
    """Pairs whose images are not two samples of one series."""
    for source in training:
        try:
            units(source)
        except ValueError as error:
            yield str(error)
