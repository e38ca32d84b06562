"""The run folders of a recipe with stages: which may begin, go on, or are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from artimuse.config import Config, ConfigError, ModelConfig, ReadoutConfig, load_config
from artimuse.models.build import build_model
from artimuse.models.words import take_words_from_head, words_are_the_heads
from artimuse.training.accelerator import build_accelerator, prepare_stage
from artimuse.training.run import RunFolder
from artimuse.training.setup import fingerprint
from artimuse.training.stages import open_runs, stages_before
from conftest import TINY, WORDS

RECIPE = Path(__file__).parents[2] / "configs" / "quickstart.yaml"
STAGES = (
    "stages=[{name: text, objective: {score: 0, rank: 0}}, {name: score, objective: {text: 0}}]"
)


def recipe(folder: Path, *changes: str) -> Config:
    return load_config(RECIPE, [f"run.folder={folder}", "run.name=r", STAGES, *changes])


def opened(config: Config, *, resume: bool = True) -> list[RunFolder]:
    return open_runs(config, Accelerator(), resume=resume)


def take_step(folder: RunFolder, *, finished: bool) -> None:
    (folder.path / "metrics.jsonl").write_text('{"step": 1}\n')
    folder.record(finished=finished)


def test_every_stage_has_a_folder_and_the_whole_recipe_is_kept(tmp_path: Path) -> None:
    config = recipe(tmp_path)
    text, score = opened(config, resume=False)
    assert text.path == tmp_path / "r" / "stages" / "01-text"
    assert score.path == tmp_path / "r"
    assert load_config(score.written) == config
    alone = load_config(text.written)
    assert alone.stages == []
    assert (alone.run.name, alone.objective.score) == ("01-text", 0)


def test_a_started_run_is_refused_without_resume_and_left_as_it_is(tmp_path: Path) -> None:
    text, score = opened(recipe(tmp_path), resume=False)
    take_step(text, finished=True)
    before = score.written.read_text()
    with pytest.raises(ConfigError, match=r"01-text: holds a finished run already"):
        opened(recipe(tmp_path, "train.lr=0.5"), resume=False)
    assert score.written.read_text() == before


def test_a_changed_stage_is_refused_and_one_that_has_not_begun_may_change(tmp_path: Path) -> None:
    text, _ = opened(recipe(tmp_path))
    take_step(text, finished=True)
    with pytest.raises(ConfigError, match=r"01-text: cannot resume.*train\.lr: .* -> 0\.5"):
        opened(recipe(tmp_path, "stages.text.train.lr=0.5"))
    _, score = opened(recipe(tmp_path, "stages.score.train.lr=0.5"))
    assert load_config(score.written).stages[1].train == {"lr": 0.5}
    take_step(score, finished=False)
    with pytest.raises(ConfigError, match=r"r: cannot resume.*stages\.1\.train\.lr: 0\.5 -> 0\.1"):
        opened(recipe(tmp_path, "stages.score.train.lr=0.1"))


def test_what_does_not_decide_the_result_may_change_in_a_stage(tmp_path: Path) -> None:
    text, score = opened(recipe(tmp_path))
    take_step(text, finished=True)
    take_step(score, finished=False)
    opened(recipe(tmp_path, "stages.score.train.checkpoint_every=3", "train.threads=1"))


def test_another_list_of_stages_is_refused(tmp_path: Path) -> None:
    text, _ = opened(recipe(tmp_path))
    take_step(text, finished=True)
    with pytest.raises(ConfigError, match="01-text: the recipe has no such stage"):
        opened(recipe(tmp_path, "stages.0.name=other"))
    with pytest.raises(ConfigError, match="01-text: the recipe has no such stage"):
        opened(recipe(tmp_path, "stages=[]"))


def test_a_run_without_stages_does_not_go_on_as_one_with(tmp_path: Path) -> None:
    (folder,) = opened(recipe(tmp_path, "stages=[]"))
    take_step(folder, finished=True)
    with pytest.raises(ConfigError, match=r"changed: .*stages\.0\.name: None -> 'text'"):
        opened(recipe(tmp_path))


def test_a_checkpoint_belongs_to_the_model_of_the_stage_before(tmp_path: Path) -> None:
    class Data:
        def fingerprint(self) -> str:
            return "d"

    text, score = opened(recipe(tmp_path))
    text.record(model_sha256="m", config_sha256="c", versions={})
    before = stages_before([text])
    assert before == [{"folder": str(text.path), "config_sha256": "c", "model_sha256": "m"}]
    data: object = Data()
    own = fingerprint(score.recipe, data, before)  # type: ignore[arg-type]
    assert own["model of the stage before"] == "m"
    assert fingerprint(score.recipe, data).keys() == own.keys() - {"model of the stage before"}  # type: ignore[arg-type]


def test_an_accelerator_is_made_ready_for_the_next_stage(tmp_path: Path) -> None:
    train = recipe(tmp_path).train
    accelerator = build_accelerator(train.model_copy(update={"accumulation": 3}))
    model = accelerator.prepare(torch.nn.Linear(1, 1))
    with accelerator.accumulate(model):
        assert not accelerator.sync_gradients
    prepare_stage(accelerator, train)
    with accelerator.accumulate(model):
        assert accelerator.sync_gradients


def test_words_follow_the_head_through_a_text_stage() -> None:
    readout = ReadoutConfig(kind="levels")
    model = build_model(ModelConfig(scratch=TINY, readout=readout), texts=WORDS, seed=0)
    assert words_are_the_heads(model)
    with torch.no_grad():
        model.transformers_model.get_output_embeddings().weight.mul_(1.5)
    assert not words_are_the_heads(model), "a read-out that was trained is not the head's"
    take_words_from_head(model)
    assert words_are_the_heads(model)
    plain = build_model(ModelConfig(scratch=TINY), texts=WORDS, seed=0)
    assert not words_are_the_heads(plain)
