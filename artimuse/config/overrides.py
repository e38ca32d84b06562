"""Overrides from the command line: `train.steps=10`, `data.sources.0.weight=2`, `stages.score.train.lr=1e-5`.

What wins, the strongest first:

1. an override for a stage (`stages.1.train.steps=10`, or by its name);
2. an override for the recipe (`train.steps=10`): it reaches every stage, whatever that says itself;
3. what a stage says;
4. what the recipe says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from artimuse.config.reading import ConfigError, RecipeLoader
from artimuse.config.stages import SECTIONS

# The two ways to state a run's length replace each other, so that every recipe knows train.steps.
OTHER_LENGTH = {"steps": "epochs", "epochs": "steps"}


def apply_overrides(raw: dict[str, Any], overrides: Sequence[str]) -> None:
    """Change a recipe, as it was read from its file, in place.

    Raises:
        ConfigError: for an override that is not of the form, or that fits nowhere in the recipe.
    """
    for override in sorted(overrides, key=_for_a_stage):  # stable: of two equal keys the later wins
        key, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(f"override {override!r}: expected section.key=value")
        try:
            value = yaml.load(text, RecipeLoader)
        except yaml.YAMLError as error:
            raise ConfigError(
                f"override {override!r}: the value is not valid YAML: {error}"
            ) from error
        path = key.split(".")
        _set(raw, path, value, key)
        stages = raw.get("stages")
        if path[0] in SECTIONS and len(path) > 1 and isinstance(stages, list):
            for number, stage in enumerate(stages):
                if isinstance(stage, dict):
                    _give_way(stage, path, f"override {key}", f"stages.{number}.{key}")
                    if value is not None:
                        _forget_length(stage, path)


def _for_a_stage(override: str) -> bool:
    return override.startswith("stages.")


def _set(raw: dict[str, Any], path: Sequence[str], value: Any, key: str) -> None:
    place: Any = raw
    *sections, last = path
    for step in sections:
        at: Any = _index(place, step, key) if isinstance(place, list) else step
        if isinstance(place, dict) and place.get(step) is None:
            place[step] = {}
        place = place[at]
        if not isinstance(place, dict | list):
            raise ConfigError(f"override {key}: {step!r} is the value {place!r}, no section")
    if isinstance(place, list):
        place[_index(place, last, key)] = value
        return
    place[last] = value
    if sections[-1:] == ["train"] and last in OTHER_LENGTH and value is not None:
        place.pop(OTHER_LENGTH[last], None)


def _give_way(stage: dict[str, Any], path: Sequence[str], what: str, instead: str) -> None:
    """Take a stage's own word on something out, so that the recipe's holds there too."""
    place: Any = stage
    for depth, step in enumerate(path):
        if isinstance(place, list):
            own = ".".join(path[:depth])
            raise ConfigError(f"{what}: a stage has its own {own}; say {instead}=... for that one")
        if not isinstance(place, dict) or step not in place:
            break
        if depth == len(path) - 1 or place[step] is None:
            del place[step]
            break
        place = place[step]


def _forget_length(stage: dict[str, Any], path: Sequence[str]) -> None:
    train = stage.get("train")
    if path[0] == "train" and path[-1] in OTHER_LENGTH and isinstance(train, dict):
        train.pop(OTHER_LENGTH[path[-1]], None)


def _index(place: list[Any], step: str, key: str) -> int:
    """The place of a list's entry: its number, or the `name` that it has."""
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in place]
    if step in names:
        return names.index(step)
    if not step.isdigit() or int(step) >= len(place):
        named = ", ".join(str(name) for name in names if name is not None)
        or_name = f", or one of the names {named}" if named else ""
        raise ConfigError(
            f"override {key}: expected a number below {len(place)}, found {step!r}{or_name}"
        )
    return int(step)
