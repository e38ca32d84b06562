"""Stages and selection in a recipe: what each stage resolves to, what overrides win, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from artimuse.config import Config, ConfigError, check_files, load_config, stages_of, to_yaml

RECIPE = """
run: {name: trial, seed: 5}
data:
  root: data
  sources:
    - {name: a, format: artimuse10k, images: images, scores: scores.json}
    - {name: b, format: artimuse10k, images: images, scores: other.json, weight: 2}
  validation_frac: 0.1
model:
  scratch: {image_size: 56}
  readout: {kind: bins, bins: 5}
train: {steps: 100, lr: 1.0e-3, batch_images: 8}
stages:
  - name: text
    objective: {score: 0, rank: 0}
    data:
      sources:
        - {name: t, format: artimuse10k, images: images, texts: texts.jsonl}
    train: {epochs: 2}
  - name: score
    objective: {text: 0}
    model: {readout: {bins: 7}}
    train: {lr: 1.0e-5, select: {metric: srcc, every: 10}}
evaluation:
  sources:
    - {name: c, format: custom, images: images, table: t.csv, scale: [1, 5]}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def stages(recipe: Path, *overrides: str) -> list[Config]:
    return [stage.config for stage in stages_of(load_config(recipe, overrides))]


def refused(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


def test_a_recipe_without_stages_is_its_own_only_stage(recipe: Path) -> None:
    config = load_config(recipe, ["stages=[]"])
    (stage,) = stages_of(config)
    assert stage.config is config
    assert (stage.number, stage.name, stage.last) == (0, "", True)


def test_sections_are_merged_in_depth_and_lists_replaced(recipe: Path) -> None:
    text, score = stages(recipe)
    assert (text.objective.text, text.objective.score, text.objective.rank) == (1, 0, 0)
    assert (score.objective.text, score.objective.score, score.objective.rank) == (0, 1, 1)
    assert [source.name for source in text.data.sources] == ["t"]
    assert [source.name for source in score.data.sources] == ["a", "b"]
    assert text.data.validation_frac == score.data.validation_frac == 0.1
    assert text.model.readout is not None
    assert score.model.readout is not None
    assert (text.model.readout.kind, text.model.readout.bins) == ("bins", 5)
    assert (score.model.readout.kind, score.model.readout.bins) == ("bins", 7)
    assert (text.train.lr, score.train.lr) == (1e-3, 1e-5)
    assert text.train.batch_images == score.train.batch_images == 8
    assert text.train.select is None
    assert score.train.select is not None
    assert text.stages == score.stages == []


def test_a_stage_may_state_its_length_in_the_other_way(recipe: Path) -> None:
    text, score = stages(recipe)
    assert (text.train.steps, text.train.epochs) == (None, 2)
    assert (score.train.steps, score.train.epochs) == (100, None)


def test_every_stage_is_a_run_and_the_last_one_the_recipes(recipe: Path) -> None:
    text, score = stages(recipe, "run.folder=elsewhere")
    assert text.run_folder == Path("elsewhere/trial/stages/01-text")
    assert score.run_folder == Path("elsewhere/trial")
    assert text.model.scratch is not None
    assert text.model.base is None
    assert score.model.scratch is None
    assert score.model.base == "elsewhere/trial/stages/01-text/model"


def test_stages_have_seeds_of_their_own_and_the_first_has_the_recipes(recipe: Path) -> None:
    text, score = stages(recipe)
    assert text.run.seed == 5
    assert score.run.seed not in (5, 6)
    assert stages(recipe, "run.seed=6")[1].run.seed != score.run.seed
    assert stages(recipe)[1].run.seed == score.run.seed


def test_a_resolved_recipe_comes_back_equal(recipe: Path, tmp_path: Path) -> None:
    config = load_config(recipe, ["train.lr=0.5", "stages.score.train.lr=0.25"])
    resolved = tmp_path / "config.yaml"
    resolved.write_text(to_yaml(config), encoding="utf-8")
    assert load_config(resolved) == config
    assert [s.config for s in stages_of(load_config(resolved))] == [
        s.config for s in stages_of(config)
    ]


def test_a_stages_own_configuration_repeats_it_alone(recipe: Path, tmp_path: Path) -> None:
    _, score = stages(recipe)
    path = tmp_path / "score.yaml"
    path.write_text(to_yaml(score), encoding="utf-8")
    assert load_config(path) == score


# Overrides: for a stage, for the recipe, what a stage says, what the recipe says


def test_an_override_of_the_recipe_reaches_every_stage(recipe: Path) -> None:
    for config in stages(recipe, "train.steps=3", "train.lr=0.5", "objective.text=2"):
        assert (config.train.steps, config.train.epochs) == (3, None)
        assert config.train.lr == 0.5
        assert config.objective.text == 2
    for config in stages(recipe, "model.readout={kind: regression}"):
        assert config.model.readout is not None
        assert config.model.readout.kind == "regression"
    for config in stages(recipe, "train.epochs=1", "train.select=null"):
        assert (config.train.steps, config.train.epochs) == (None, 1)
        assert config.train.select is None
    for config in stages(recipe, "train.select={metric: loss, every: 3}", "train.select.every=4"):
        assert config.train.select is not None
        assert (config.train.select.metric, config.train.select.every) == ("loss", 4)


def test_what_an_override_does_not_name_stays_the_stages(recipe: Path) -> None:
    _, score = stages(recipe, "model.readout.kind=bins", "train.batch_images=2")
    assert score.model.readout is not None
    assert score.model.readout.bins == 7
    assert score.train.lr == 1e-5


@pytest.mark.parametrize("name", ["1", "score"])
def test_an_override_for_a_stage_wins_in_any_order(recipe: Path, name: str) -> None:
    own = f"stages.{name}.train.steps=7"
    for overrides in ((own, "train.steps=3"), ("train.steps=3", own)):
        text, score = stages(recipe, *overrides)
        assert (text.train.steps, score.train.steps) == (3, 7)
    text, score = stages(recipe, f"stages.{name}.objective.rank=0")
    assert (score.objective.score, score.objective.rank) == (1, 0)


def test_taking_one_length_back_leaves_the_other(recipe: Path) -> None:
    text, score = stages(recipe, "train.steps=null", "train.epochs=3", "stages.text.train.steps=4")
    assert (text.train.steps, score.train.epochs) == (4, 3)
    text, _ = stages(recipe, "train.steps=9", "train.epochs=null")
    assert (text.train.steps, text.train.epochs) == (9, None)
    text, _ = stages(recipe, "stages.text.train={steps: 6}", "train.epochs=null")
    assert (text.train.steps, text.train.epochs) == (6, None)


def test_an_override_for_a_stage_replaces_its_length(recipe: Path) -> None:
    text, score = stages(recipe, "stages.text.train.steps=7", "stages.score.train.epochs=0.5")
    assert (text.train.steps, text.train.epochs) == (7, None)
    assert (score.train.steps, score.train.epochs) == (None, 0.5)


def test_an_override_inside_a_list_that_a_stage_replaced_is_refused(recipe: Path) -> None:
    message = refused(recipe, "data.sources.0.weight=3")
    assert "override data.sources.0.weight: a stage has its own data.sources" in message
    assert "stages.0.data.sources.0.weight=" in message
    text, score = stages(recipe, "stages.0.data.sources.0.weight=3")
    assert [s.weight for s in text.data.sources] == [3]
    assert [s.weight for s in score.data.sources] == [1, 2]
    whole = "[{name: z, format: artimuse10k, images: i, texts: t.jsonl, scores: s.json}]"
    assert {c.data.sources[0].name for c in stages(recipe, f"data.sources={whole}")} == {"z"}


def test_sources_have_names_in_overrides(recipe: Path) -> None:
    _, score = stages(recipe, "stages=[{name: only}, {name: score}]", "data.sources.b.weight=9")
    assert [s.weight for s in score.data.sources] == [1, 9]


# Refusals


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("stages.1.train.stepz=3", "stage 'score': train.stepz: unknown key; did you mean `steps`?"),
        ("stages.1.trian={lr: 1}", "stages.1.trian: unknown key; did you mean `train`?"),
        ("stages.1.train.lr=fast", "stage 'score': train.lr: Input should be a valid number"),
        ("stages.1.run={seed: 3}", "stages.1.run: unknown key"),
        ("stages.1.name=text", "stages: expected different names, found ['text', 'text']"),
        ("stages.1.name=a/b", "stages.1.name: String should match pattern"),
        ("stages.2.train.lr=1", "expected a number below 2, found '2', or one of the names text, score"),
        ("stages.sc.train.lr=1", "found 'sc', or one of the names text, score"),
        ("stages.1.model.base=x", "stages.1.model.base: 'score' starts from the model of 'text'"),
        ("stages.1.model.scratch={image_size: 56}", "stages.1.model.scratch: 'score' starts from"),
        ("stages.0.objective.text=0", "stage 'text': objective: expected a positive weight"),
        ("stages.1.train.precision=bf16", "train.precision: expected one for all stages"),
        ("stages.1.train={steps: 1, epochs: 1}", "expected exactly one of `steps` and `epochs`"),
        ("stages.1.objective.score_loss=emdd", "stage 'score': objective.score_loss: "),
    ],
)  # fmt: skip
def test_a_stage_that_cannot_be_is_refused(recipe: Path, override: str, expected: str) -> None:
    assert expected in refused(recipe, override)


def test_an_error_names_the_recipes_own_section_first(recipe: Path) -> None:
    assert f"{recipe}: train.stepz: unknown key" in refused(recipe, "train.stepz=3")


# Selection


def test_selection_needs_a_validation_split(recipe: Path) -> None:
    select = "train.select={metric: loss, every: 5}"
    message = refused(recipe, "data.validation_frac=0", select)
    assert "train.select: expected a validation split" in message
    assert "set data.validation_frac" in message
    assert "evaluation.sources never select" in message


@pytest.mark.parametrize(
    ("metric", "weights"),
    [("srcc", "objective.score or objective.rank"), ("mae", "objective.score")],
)
def test_what_a_stage_does_not_train_cannot_select_it(
    recipe: Path, metric: str, weights: str
) -> None:
    message = refused(recipe, f"stages.text.train.select={{metric: {metric}, every: 5}}")
    assert f"stage 'text': train.select.metric: {metric!r} is not trained" in message
    assert f"as {weights} is 0" in message
    load_config(recipe, ["stages.text.train.select={metric: choice_accuracy, every: 5}"])


def test_a_correlation_of_batches_is_no_loss_to_select_by(recipe: Path) -> None:
    select = "train.select={metric: loss, every: 5}"
    message = refused(recipe, "objective.score_loss=plcc", select)
    assert "train.select.metric: 'loss' is a mean over batches" in message
    load_config(
        recipe, ["objective.score_loss=plcc", "stages.score.train.select={metric: plcc, every: 5}"]
    )


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("{metric: sroc, every: 5}", "did you mean 'srcc'?"),
        ("{metric: srcc}", "train.select.every: required, and not given"),
        ("{metric: srcc, every: 0}", "train.select.every: Input should be greater than 0"),
        ("{metric: srcc, every: 5, patience: 0}", "train.select.patience: Input should be greater"),
        ("{metric: srcc, every: 5, pateince: 2}", "did you mean `patience`?"),
    ],
)
def test_a_wrong_selection_is_refused(recipe: Path, select: str, expected: str) -> None:
    assert expected in refused(recipe, f"train.select={select}")


def test_a_cut_beside_evaluation_sources_is_legal(recipe: Path) -> None:
    config = load_config(recipe, ["stages=[]"])
    assert config.data.validation_frac == 0.1
    assert config.evaluation.sources


# Files


def test_files_of_every_stage_are_looked_for_and_no_later_base(
    recipe: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    for name in ("scores.json", "other.json", "t.csv"):
        (root / name).touch()
    config = load_config(recipe, [f"data.root={root}"])
    with pytest.raises(ConfigError, match=r"data\.sources\.0\.texts: no such file: .*texts\.jsonl"):
        check_files(config)
    (root / "texts.jsonl").touch()
    check_files(config)


def test_the_order_of_a_recipes_keys_does_not_matter(recipe: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.yaml"
    turned.write_text(yaml.safe_dump(dict(reversed(yaml.safe_load(RECIPE).items()))))
    assert load_config(turned) == load_config(recipe)
