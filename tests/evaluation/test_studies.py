"""The studies of an ablation: every variant is a recipe that loads, and trains as many steps as the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from artimuse.config import load_config, stages_of
from artimuse.evaluation.studies import BASE, studies

QUICKSTART = Path(__file__).parents[2] / "configs" / "quickstart.yaml"
STEPS = 101
EVERY = [(s, v) for s, variants in studies(STEPS).items() for v in variants]


@pytest.mark.parametrize(("study", "variant"), EVERY)
def test_a_variant_loads_and_trains_the_steps_that_its_name_says(study: str, variant: str) -> None:
    changes = studies(STEPS)[study][variant]
    recipe = load_config(QUICKSTART, [f"train.steps={STEPS}", *changes])
    runs = stages_of(recipe)
    expected = STEPS // 2 if "half the steps" in variant else STEPS
    assert sum(run.config.train.steps or 0 for run in runs) == expected


def test_every_study_compares_with_the_recipe_itself() -> None:
    for variants in studies(STEPS).values():
        assert next(iter(variants)) == BASE
        assert variants[BASE] == ()
        assert len(set(variants.values())) == len(variants)


def test_stages_leave_out_what_they_are_about() -> None:
    changes = studies(STEPS)["schedules"]["coarse, then fine"]
    coarse, fine = stages_of(load_config(QUICKSTART, [*changes]))
    assert (coarse.config.objective.rank, fine.config.objective.score) == (0, 0)
    assert coarse.config.objective.score > 0
    assert fine.config.objective.rank > 0
