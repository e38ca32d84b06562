"""The studies of an ablation: every variant is a recipe that loads, and trains as many steps as the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from artimuse.config import load_config, stages_of
from artimuse.evaluation.studies import BASE, OF_A_RECIPE, studies

CONFIGS = Path(__file__).parents[2] / "configs"
QUICKSTART = CONFIGS / "quickstart.yaml"
FGAESQ = CONFIGS / "fgaesq_demo.yaml"
STEPS = 101
EVERY = [(s, v) for s, variants in studies(STEPS).items() for v in variants]


@pytest.mark.parametrize(("study", "variant"), EVERY)
def test_a_variant_loads_and_trains_the_steps_that_its_name_says(study: str, variant: str) -> None:
    changes = studies(STEPS)[study][variant]
    config = FGAESQ if study in OF_A_RECIPE else QUICKSTART
    runs = stages_of(load_config(config, [f"train.steps={STEPS}", *changes]))
    expected = STEPS // 2 if "half the steps" in variant else STEPS
    if "coarse steps" in variant:
        expected = 30 + 36  # of 30, then half of 71
    assert sum(run.config.train.steps or 0 for run in runs) == expected


def test_every_study_compares_with_the_recipe_itself() -> None:
    for name, variants in studies(STEPS).items():
        assert next(iter(variants)) == BASE
        assert variants[BASE] == () or name in OF_A_RECIPE
        assert len(set(variants.values())) == len(variants)


def test_stages_leave_out_what_they_are_about() -> None:
    changes = studies(STEPS)["schedules"]["coarse, then fine"]
    coarse, fine = stages_of(load_config(QUICKSTART, [*changes]))
    assert (coarse.config.objective.rank, fine.config.objective.score) == (0, 0)
    assert coarse.config.objective.score > 0
    assert fine.config.objective.rank > 0


def test_the_variants_of_fgaesq_are_what_their_names_say() -> None:
    found = {
        name: stages_of(load_config(FGAESQ, [f"train.steps={STEPS}", *changes]))
        for name, changes in studies(STEPS)["fgaesq"].items()
    }
    full = [stage.config for stage in found[BASE]]
    written = [stage.config for stage in stages_of(load_config(FGAESQ))]
    ignored = {"run": ..., "train": {"steps"}, "model": {"base"}}
    for mine, recipe in zip(full, written, strict=True):
        assert mine.model_dump(exclude=ignored) == recipe.model_dump(exclude=ignored)  # type: ignore[arg-type]
    (alone,) = [stage.config for stage in found["coarse only"]]
    assert alone.data.sources == full[0].data.sources == full[1].data.sources[:1]
    (alone,) = [stage.config for stage in found["fine only"]]
    assert alone.data.sources == full[1].data.sources[1:]
    assert alone.objective.score == 0
    assert alone.objective.align == full[1].objective.align > 0
    assert {s.config.model.images.difftoken for s in found["no DiffToken"]} == {"none"}
