"""Stages of a recipe: each is the recipe with settings of its own on top, and starts from the last one's model.

    stages:
      - {name: text, objective: {text: 1, score: 0, rank: 0}}
      - {name: score, objective: {text: 0, score: 1, rank: 0}, train: {epochs: 2}}

Every stage is a complete run: all but the last in `runs/NAME/stages/01-text/`, the last in `runs/NAME/`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from artimuse.config.sources import Section

if TYPE_CHECKING:
    from artimuse.config.schema import Config

FOLDER = "stages"
SECTIONS = ("data", "model", "objective", "train", "evaluation")


class StageConfig(Section):
    """What a stage changes of the recipe. Sections are merged in depth; a list or value is replaced."""

    name: str = Field(pattern=r"^[\w-][\w.-]*$")
    """Part of the name of its folder, and of overrides: `stages.NAME.train.steps=10`."""
    data: dict[str, Any] = Field(default={})
    model: dict[str, Any] = Field(default={})
    """Of a later stage neither `base` nor `scratch`: it starts from the model of the stage before."""
    objective: dict[str, Any] = Field(default={})
    train: dict[str, Any] = Field(default={})
    evaluation: dict[str, Any] = Field(default={})


@dataclass(frozen=True, slots=True)
class Stage:
    """One run of a recipe.

    number: from 0. name: empty for a recipe without stages. config: complete, and without stages.
    last: whether its model is the recipe's result.
    """

    number: int
    name: str
    config: Config
    last: bool


def stages_of(recipe: Config) -> list[Stage]:
    """The runs of a recipe in their order; of one without stages itself alone.

    Raises:
        ValueError: for a stage whose settings do not fit (pydantic's ValidationError), or `refuse_stages`.
    """
    if not recipe.stages:
        return [Stage(0, "", recipe, last=True)]
    found: list[Stage] = []
    for number, settings in enumerate(stage_settings(recipe)):
        # JSON mode is strict about types, and still takes a list where a tuple is meant.
        config = type(recipe).model_validate_json(json.dumps(settings))
        last = number == len(recipe.stages) - 1
        found.append(Stage(number, recipe.stages[number].name, config, last=last))
    refuse_stages(found)
    return found


def stage_settings(recipe: Config) -> list[dict[str, Any]]:
    """The whole settings of every stage, not yet validated.

    The first stage has the recipe's seed, so that it is the run that it would be alone; the others derive
    theirs, or they would repeat its order of samples.
    """
    whole = recipe.model_dump(mode="json")
    final = recipe.run_folder
    settings: list[dict[str, Any]] = []
    for number, stage in enumerate(recipe.stages):
        own: dict[str, dict[str, Any]] = {section: getattr(stage, section) for section in SECTIONS}
        one = merged(whole, own)
        one["stages"] = []
        # The two ways to state a run's length replace each other.
        given = {"steps", "epochs"} & own["train"].keys()
        if len(given) == 1:
            one["train"][({"steps", "epochs"} - given).pop()] = None
        if number:
            base = settings[-1]["run"]
            one["model"] |= {
                "base": str(Path(base["folder"]) / base["name"] / "model"),
                "scratch": None,
            }
            one["run"] = one["run"] | {"seed": _seed(recipe.run.seed, number)}
        if number < len(recipe.stages) - 1:
            name = f"{number + 1:02d}-{stage.name}"
            one["run"] = one["run"] | {"folder": str(final / FOLDER), "name": name}
        settings.append(one)
    return settings


def merged(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`settings` with `changes` on top: sections in depth, anything else replaced."""
    result = dict(settings)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            value = merged(old, value)
        result[key] = value
    return result


def refuse_stages(stages: Sequence[Stage]) -> None:
    """Raise ValueError for stages that one launch cannot run after each other."""
    precisions = {stage.name: stage.config.train.precision for stage in stages}
    if len(set(precisions.values())) > 1:
        raise ValueError(
            f"train.precision: expected one for all stages, found {precisions}; give it in the recipe's "
            "own train section"
        )


def refuse_origins(stages: Sequence[StageConfig]) -> None:
    """Raise ValueError for names that are not different, and a later stage with an origin of its own."""
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise ValueError(f"stages: expected different names, found {names}")
    for number, stage in enumerate(stages[1:], start=1):
        for key in ("base", "scratch"):
            if stage.model.get(key) is not None:
                raise ValueError(
                    f"stages.{number}.model.{key}: {stage.name!r} starts from the model of "
                    f"{names[number - 1]!r}; expected no {key}"
                )


def _seed(seed: int, number: int) -> int:
    return zlib.crc32(f"{seed}/stage {number}".encode())
