"""Reading a recipe: strict, with an error for every fault that names the key and what to write instead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from artimuse.config import Config, ConfigError, check_files, load_config, to_yaml

ROOT = Path(__file__).parents[2]
RECIPE = """
run: {name: trial}
data:
  root: data
  sources:
    - {name: a, format: artimuse10k, images: images, scores: scores.json}
    - {name: b, format: fgaesthetics, images: images, labels: [one.txt, two.txt]}
model:
  scratch: {image_size: 56}
  readout: {kind: bins}
train: {epochs: 2}
evaluation:
  sources:
    - {name: c, format: custom, images: images, table: t.csv, scale: [1, 5]}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    return path


def refused(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "key", "nearest"),
    [
        ("rum.name=x", "rum", "run"),
        ("train.batch_image=4", "train.batch_image", "batch_images"),
        ("model.scratch.vision_layer=4", "model.scratch.vision_layer", "vision_layers"),
        ("model.lora.rnk=4", "model.lora.rnk", "rank"),
        ("model.readout.bin=4", "model.readout.bin", "bins"),
        ("data.demo.sead=4", "data.demo.sead", "seed"),
        ("data.sources.0.score=x", "data.sources.0.score", "scores"),
        ("data.sources.1.label=[x]", "data.sources.1.label", "labels"),
        ("evaluation.sources.0.tabel=x", "evaluation.sources.0.tabel", "table"),
    ],
)
def test_an_unknown_key_suggests_the_nearest(
    recipe: Path, override: str, key: str, nearest: str
) -> None:
    assert f"{key}: unknown key; did you mean `{nearest}`?" in refused(recipe, override)


def test_an_unknown_key_like_no_other_lists_what_there_is(recipe: Path) -> None:
    assert "zzz: unknown key; known here: run, data, model" in refused(recipe, "zzz.q=1")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.lr=fast", "train.lr: Input should be a valid number, found 'fast'"),
        ("train.lr='1e-4'", "train.lr: Input should be a valid number, found '1e-4'"),
        (
            "train.batch_images=1.5",
            "train.batch_images: Input should be a valid integer, found 1.5",
        ),
        (
            "train.batch_images=true",
            "train.batch_images: Input should be a valid integer, found True",
        ),
        ("train.lr=.inf", "train.lr: Input should be a finite number"),
        ("objective.tau=.nan", "objective.tau: Input should be a finite number"),
        ("run.name=7", "run.name: Input should be a valid string, found 7"),
        ("run.name=..", "run.name: String should match pattern"),
        ("run.name=2024-01-01", "of no type that a recipe may hold"),
        ("data.sources=3", "data.sources: Input should be a valid array, found 3"),
        ("data.sources.0.format=artimuse", "found 'artimuse'; did you mean 'artimuse10k'?"),
        ("data.sources.0={name: a, images: x}", "data.sources.0.format: required, and not given"),
        ("data.sources.0.scores=null", "data.sources.0: expected `scores`, `texts` or both"),
        ("data.questions_per_image=some", "data.questions_per_image: Input should be"),
        ("data.questions_per_image=0", "expected 'all' or a number of 1 or more"),
        ("data.sources.0.scale=[9, 1]", "sources.0.scale: expected [low, high] with low < high"),
        (
            "data.sources.0={name: x, format: aesbench, images: i, annotations: a.json}",
            "'x' (aesbench) is a benchmark: its terms forbid training on it",
        ),
        (
            "data.allow_leakage=[other]",
            "data.allow_leakage: expected names of evaluation.sources (",
        ),
        ("data.allow_leakage=[a, a]", "data.allow_leakage: expected different names"),
        (
            "data.sources.0={name: x, format: scores, images: i, scores: a.json}",
            "data.sources.0: expected exactly one of `dataset` and `scale`",
        ),
        ("data.sources.1.name=a", "expected different names, found ['a', 'a']"),
        ("model.aspects=[]", "readout: a model without aspects scores nothing"),
        ("model.aspects=[overall, overall]", "model.aspects: expected different names"),
        ("model.readout.kind=bin", "did you mean 'bins'?"),
        (
            "model.scratch.image_size=57",
            "model.scratch.image_size: Input should be a multiple of 28",
        ),
        ("model.scratch.language_width=100", "language_width: expected a multiple of 8, found 100"),
        ("model.scratch.vision_width=97", "vision_width: expected a multiple of 4, found 97"),
        ("model.scratch.key_value_heads=3", "expected a multiple of key_value_heads 3"),
        ("train.checkpoints_kept=2", "greater than or equal to 3, found 2"),
    ],
)
def test_a_wrong_value_says_what_was_expected_and_found(
    recipe: Path, override: str, expected: str
) -> None:
    assert expected in refused(recipe, override)


@pytest.mark.parametrize("section", ["run", "data", "model", "train"])
def test_a_missing_section_is_named(recipe: Path, section: str) -> None:
    recipe.write_text(
        yaml.safe_dump({k: v for k, v in yaml.safe_load(RECIPE).items() if k != section})
    )
    assert f"{section}: required, and not given" in refused(recipe)


@pytest.mark.parametrize("number", ["1e-4", "1E-4", "1.e-4", "0.1e-3", ".1e-3", "1.0e-04", "+1e-4"])
def test_exponents_are_numbers(recipe: Path, number: str) -> None:
    assert load_config(recipe, [f"train.lr={number}"]).train.lr == 1e-4


@pytest.mark.parametrize(
    "text",
    [
        RECIPE.replace("{name: trial}", "{name: trial, name: other}"),
        RECIPE + "run: {name: other}\n",
        RECIPE.replace("images: images, scores", "images: images, images: other, scores"),
    ],
)
def test_a_key_given_twice_is_refused(recipe: Path, text: str) -> None:
    recipe.write_text(text)
    message = refused(recipe)
    assert "given twice in the block that starts at line" in message
    assert str(recipe) in message


@pytest.mark.parametrize(
    "text", ["", "- a\n", "run: [\n", "run: !!python/object:os.x {}\n", "a: &x [*x]\n"]
)
def test_what_is_no_recipe_is_refused(recipe: Path, text: str) -> None:
    recipe.write_text(text)
    assert str(recipe) in refused(recipe)


def test_a_missing_recipe_suggests_its_neighbour(recipe: Path) -> None:
    message = refused(recipe.with_name("recipes.yaml"))
    assert f"no such recipe; did you mean {recipe}?" in message


# Overrides


def test_overrides_reach_every_depth(recipe: Path) -> None:
    config = load_config(
        recipe,
        [
            "run.name=other",
            "objective.text=0.5",  # a section that the file does not have
            "model.scratch.vision_layers=2",
            "data.sources.0.weight=3",
            "data.sources.1.labels.1=three.txt",
            "model.aspects=[overall, light]",
        ],
    )
    assert config.run.name == "other"
    assert config.objective.text == 0.5
    assert config.model.scratch is not None
    assert config.model.scratch.vision_layers == 2
    assert config.data.sources[0].weight == 3.0
    assert config.data.sources[1].labels == ["one.txt", "three.txt"]  # type: ignore[union-attr]
    assert config.model.aspects == ["overall", "light"]


def test_a_later_override_wins(recipe: Path) -> None:
    assert load_config(recipe, ["run.seed=1", "run.seed=2"]).run.seed == 2


def test_steps_and_epochs_replace_each_other(recipe: Path) -> None:
    short = load_config(recipe, ["train.steps=5"]).train
    assert (short.steps, short.epochs) == (5, None)
    long = load_config(recipe, ["train.steps=5", "train.epochs=0.5"]).train
    assert (long.steps, long.epochs) == (None, 0.5)
    recipe.write_text(RECIPE.replace("epochs: 2", "epochs: 2, steps: 3"))
    assert "expected exactly one of `steps` and `epochs`" in refused(recipe)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.lr", "expected section.key=value"),
        ("data.sources.2.name=x", "expected a number below 2, found '2'"),
        ("data.sources.first.name=x", "expected a number below 2, found 'first'"),
        ("data.sources.1.labels.0.x=1", "'0' is the value 'one.txt', no section"),
        ("run.name.first=x", "'name' is the value 'trial', no section"),
        ("train.betas=[0.9", "the value is not valid YAML"),
    ],
)
def test_an_override_that_fits_nowhere_is_refused(
    recipe: Path, override: str, expected: str
) -> None:
    message = refused(recipe, override)
    assert expected in message
    assert override.split("=")[0] in message


# Settings that do not fit each other


@pytest.mark.parametrize("readout", ["{kind: regression}", "null"])
def test_a_loss_that_the_readout_does_not_admit_is_refused(recipe: Path, readout: str) -> None:
    load_config(recipe, ["objective.score_loss=cross_entropy"])  # bins admit it
    message = refused(recipe, f"model.readout={readout}", "objective.score_loss=cross_entropy")
    assert "objective.score_loss: 'cross_entropy' does not work with model.readout.kind" in message
    assert "expected one of l1, huber, mse" in message
    # Without a score loss its name does not matter.
    load_config(
        recipe,
        [f"model.readout={readout}", "objective.score_loss=cross_entropy", "objective.score=0"],
    )


def test_a_model_has_exactly_one_origin(recipe: Path) -> None:
    assert "exactly one of `base`" in refused(recipe, "model.base=x")
    assert "exactly one of `base`" in refused(recipe, "model.scratch=null")
    assert load_config(recipe, ["model.scratch=null", "model.base=x"]).model.base == "x"


def test_lora_needs_a_base(recipe: Path) -> None:
    assert "'lora' adapts a `base`" in refused(recipe, "model.tuning=lora")
    load_config(recipe, ["model.tuning=lora", "model.scratch=null", "model.base=x"])


def test_an_objective_of_nothing_is_refused(recipe: Path) -> None:
    message = refused(recipe, "objective.text=0", "objective.score=0", "objective.rank=0")
    assert "expected a positive weight" in message


# Round trip


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_recipe_loads_and_comes_back_equal(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    resolved = tmp_path / "config.yaml"
    resolved.write_text(to_yaml(config), encoding="utf-8")
    assert load_config(resolved) == config


def test_a_round_trip_keeps_every_value(recipe: Path, tmp_path: Path) -> None:
    overrides = [
        "train.lr=1e-30",
        "objective.tau=0.1",
        "data.root=bilder/größe",
        "run.seed=123456789012",
    ]
    config = load_config(recipe, overrides)
    resolved = tmp_path / "config.yaml"
    resolved.write_text(to_yaml(config), encoding="utf-8")
    assert load_config(resolved) == config
    assert to_yaml(load_config(resolved)) == to_yaml(config)


# Files


@pytest.fixture
def with_files(tmp_path: Path, recipe: Path) -> Config:
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    for name in ("scores.json", "one.txt", "two.txt", "t.csv"):
        (root / name).touch()
    return load_config(recipe, [f"data.root={root}"])


@pytest.mark.parametrize(
    ("missing", "found", "key"),
    [
        ("scores.json", "score.json", "data.sources.0.scores"),
        ("two.txt", "twos.txt", "data.sources.1.labels.1"),
        ("t.csv", "tt.csv", "evaluation.sources.0.table"),
        ("images", "image", "data.sources.0.images"),
    ],
)
def test_a_missing_file_is_named_with_the_nearest(
    with_files: Config, missing: str, found: str, key: str
) -> None:
    check_files(with_files)
    root = Path(with_files.data.root)
    (root / missing).rename(root / found)
    with pytest.raises(ConfigError) as caught:
        check_files(with_files)
    assert str(caught.value).startswith(f"{key}: ")
    assert f"did you mean {root / found}?" in str(caught.value)


def test_a_missing_root_and_base_are_named(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "date").mkdir()
    with pytest.raises(ConfigError, match=r"data\.root: no folder .*did you mean .*date\?"):
        check_files(load_config(recipe, [f"data.root={tmp_path / 'data'}"]))
    base = ["model.scratch=null", f"model.base={tmp_path / 'dote'}"]
    with pytest.raises(ConfigError, match=r"model\.base: no folder .*did you mean .*date\?"):
        check_files(load_config(recipe, base))


def test_demo_data_may_be_absent(recipe: Path, tmp_path: Path) -> None:
    check_files(load_config(recipe, [f"data.root={tmp_path / 'none'}", "data.demo={seed: 0}"]))


def test_a_hub_id_is_no_folder(with_files: Config) -> None:
    model = with_files.model.model_copy(update={"scratch": None, "base": "owner/name"})
    check_files(with_files.model_copy(update={"model": model}))


# Without torch

WITHOUT_TORCH = """
import runpy, sys
sys.argv = ["train.py", "--config", "configs/quickstart.yaml", *sys.argv[1:]]
try:
    runpy.run_path("scripts/train.py", run_name="__main__")
except SystemExit as end:
    status = end.code
heavy = {"torch", "transformers", "peft", "numpy", "scipy"} & sys.modules.keys()
assert not heavy, heavy
sys.exit(status)
"""


@pytest.mark.parametrize(("argument", "status"), [("--dry-run", 0), ("train.stepz=3", 2)])
def test_the_command_answers_without_torch(argument: str, status: int, tmp_path: Path) -> None:
    """Where there are data, --dry-run also estimates, and needs it."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, argument, f"data.root={tmp_path / 'absent'}"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    if status:
        assert "error: configs/quickstart.yaml: train.stepz: unknown key" in done.stderr
    else:
        assert yaml.safe_load(done.stdout)["train"]["steps"] is not None
        assert "# not estimated: steps, tokens and memory: data.root: no folder" in done.stdout
