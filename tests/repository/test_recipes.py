"""Every recipe in configs/ loads, and opens by saying what it does, what it costs and what to expect."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from artimuse.config import load_config, to_yaml

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "configs").glob("*.yaml"))
by_name = pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)


def test_there_are_recipes() -> None:
    assert {"quickstart.yaml", "custom_finetune.yaml"} <= {path.name for path in RECIPES}


@by_name
def test_recipe_loads_and_resolves_to_itself(recipe: Path, tmp_path: Path) -> None:
    config = load_config(recipe)
    resolved = tmp_path / "config.yaml"
    resolved.write_text(to_yaml(config), encoding="utf-8")
    assert load_config(resolved) == config


@by_name
def test_the_run_is_named_after_the_recipe(recipe: Path) -> None:
    assert load_config(recipe).run.name == recipe.stem


@by_name
def test_recipe_opens_with_what_it_does(recipe: Path) -> None:
    lines = recipe.read_text(encoding="utf-8").splitlines()
    header = lines[: next(n for n, line in enumerate(lines) if not line.startswith("#"))]
    assert header[0].startswith(f"# {recipe.stem}: ")
    text = "\n".join(header)
    assert f"python scripts/train.py --config configs/{recipe.name}" in text
    for word in ("# Reproduces ", "# Data ", "# Cost ", "# Expect "):
        assert word in text, f"{recipe.name}: expected a line that begins with {word!r}"


@by_name
def test_recipe_takes_the_overrides_that_every_recipe_knows(recipe: Path) -> None:
    overrides = {
        "run.name": "other",
        "run.folder": "elsewhere",
        "run.seed": 7,
        "data.root": "photos",
        "train.steps": 3,
        "train.checkpoint_every": 2,
        "train.batch_images": 5,
        "objective.text": 0.5,
        "objective.score": 0.25,
        "objective.rank": 2.0,
    }
    config = load_config(recipe, [f"{key}={value}" for key, value in overrides.items()])
    resolved = yaml.safe_load(to_yaml(config))
    for key, value in overrides.items():
        section, name = key.split(".")
        assert resolved[section][name] == value
