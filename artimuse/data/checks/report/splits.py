"""What a report looks at: each source of a recipe, split by split, as a training run would have it.

data, refused = usable(config, sources, pictures.bad)
for split in splits(config, data): ...                # artimuse training, artimuse validation, ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from artimuse.config import Config
from artimuse.data.checks.bad import drop_bad
from artimuse.data.recipe import RecipeData, recipe_data
from artimuse.records import BadItem, DataError, Source

SplitKind = Literal["training", "validation", "evaluation"]


@dataclass(frozen=True, slots=True)
class Split:
    """One source in one role.

    format: of the recipe's entry. questions_per_image: text questions of an image in a training step.
    """

    kind: SplitKind
    source: Source
    format: str
    questions_per_image: Literal["all"] | int = "all"

    @property
    def title(self) -> str:
        """`artimuse training`; unique in a recipe."""
        return f"{self.source.name} {self.kind}"


def usable(
    config: Config, sources: Sequence[Source], bad_images: Sequence[BadItem]
) -> tuple[RecipeData, list[str]]:
    """The data without what is bad, its validation part cut off; and why a run would not take it.

    Where nothing is left of a source, the data is that before the cut, so that a report can show why.
    """
    try:
        return recipe_data(config, sources, bad_images), []
    except DataError as error:
        everything, bad = drop_bad(sources, bad_images)
        number = len(config.data.sources)
        return RecipeData(everything[:number], everything[number:], bad), [str(error)]


def splits(config: Config, data: RecipeData) -> list[Split]:
    """Training sources in the recipe's order, then what is held out."""
    entries = config.data.sources
    every_image = config.data.questions_per_image
    training = [
        Split("training", source, entry.format, entry.questions_per_image or every_image)
        for source, entry in zip(data.train, entries, strict=True)
    ]
    cut = [
        Split("validation", source, entry.format)
        for source, entry in zip(data.validation, entries if data.validation else [], strict=True)
    ]
    evaluated = config.evaluation.sources
    held_out = [
        Split("evaluation", source, entry.format)
        for source, entry in zip(data.held_out if evaluated else [], evaluated, strict=True)
    ]
    return [*training, *cut, *held_out]


def cut_alone(config: Config) -> bool:
    """Whether the validation cut is all that is held out."""
    return bool(config.data.validation_frac) and not config.evaluation.sources
