"""The run folder: one run, one configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artimuse.config import Config, ConfigError, load_config
from artimuse.training.run import RunFolder, config_fingerprint

RECIPE = Path(__file__).parents[2] / "configs" / "quickstart.yaml"


def recipe(folder: Path, *changes: str) -> Config:
    return load_config(RECIPE, [f"run.folder={folder}", "run.name=r", *changes])


def started(config: Config) -> RunFolder:
    """A run that took a step."""
    folder = RunFolder(config)
    folder.open(resume=True)
    (folder.path / "metrics.jsonl").write_text('{"step": 1}\n')
    return folder


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    started(recipe(tmp_path))
    with pytest.raises(ConfigError, match=r"holds a stopped run already.*--resume.*run\.name"):
        RunFolder(recipe(tmp_path)).open(resume=False)


def test_resume_starts_continues_and_knows_a_finished_run(tmp_path: Path) -> None:
    folder = started(recipe(tmp_path))
    folder.record(seed=0)
    assert not folder.finished
    RunFolder(recipe(tmp_path)).open(resume=True)
    folder.record(finished=True)
    again = RunFolder(recipe(tmp_path))
    again.open(resume=True)
    assert again.finished
    assert again.read() == {"seed": 0, "finished": True}


def test_another_configuration_is_refused_by_name(tmp_path: Path) -> None:
    started(recipe(tmp_path))
    with pytest.raises(ConfigError, match=r"train\.lr: 0\.\d+ -> 0\.5"):
        RunFolder(recipe(tmp_path, "train.lr=0.5")).open(resume=True)


def test_what_does_not_decide_the_result_may_change(tmp_path: Path) -> None:
    started(recipe(tmp_path))
    changed = recipe(tmp_path, "data.workers=2", "train.checkpoint_every=7")
    RunFolder(changed).open(resume=True)
    assert config_fingerprint(changed) == config_fingerprint(recipe(tmp_path))
    assert config_fingerprint(recipe(tmp_path, "run.seed=5")) != config_fingerprint(changed)


def test_how_a_step_is_computed_may_change(tmp_path: Path) -> None:
    started(recipe(tmp_path))
    changed = recipe(
        tmp_path, "train.onednn=false", "train.text_chunk=null", "train.tree_attention=false"
    )
    RunFolder(changed).open(resume=True)
    assert config_fingerprint(changed) == config_fingerprint(recipe(tmp_path))


def test_a_run_of_before_there_was_a_layout_goes_on_as_a_tree(tmp_path: Path) -> None:
    folder = started(recipe(tmp_path))
    written = folder.written.read_text(encoding="utf-8")
    assert "  layout: tree\n" in written
    folder.written.write_text(written.replace("  layout: tree\n", ""), encoding="utf-8")
    RunFolder(recipe(tmp_path)).open(resume=True)
    with pytest.raises(ConfigError, match=r"train\.layout: None -> 'rows'"):
        RunFolder(recipe(tmp_path, "train.layout=rows")).open(resume=True)
    as_rows = recipe(tmp_path, "train.layout=rows")
    assert config_fingerprint(as_rows) != config_fingerprint(recipe(tmp_path))


def test_a_written_configuration_runs_nothing(tmp_path: Path) -> None:
    folder, mark = started(recipe(tmp_path)), tmp_path / "ran"
    folder.written.write_text(f"run: !!python/object/apply:os.system [touch {mark}]\n")
    with pytest.raises(ConfigError, match=r"config\.yaml: expected the configuration that"):
        RunFolder(recipe(tmp_path)).open(resume=True)
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(folder.written)
    assert not mark.exists()


def test_the_written_configuration_repeats_the_run(tmp_path: Path) -> None:
    original = recipe(tmp_path, "train.steps=7")
    RunFolder(original).open(resume=False)
    assert load_config(tmp_path / "r" / "config.yaml") == original


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="found other files"):
        RunFolder(recipe(tmp_path)).open(resume=True)
    assert json.dumps(sorted(p.name for p in (tmp_path / "r").iterdir())) == '["thesis.txt"]'


def test_a_run_that_was_refused_before_its_first_step_is_begun_anew(tmp_path: Path) -> None:
    refused = RunFolder(recipe(tmp_path))
    refused.open(resume=False)
    (refused.results / "untrained").mkdir(parents=True)
    again = RunFolder(recipe(tmp_path, "data.max_bad_frac=0.5", "train.lr=0.5"))
    again.open(resume=False)
    assert not refused.results.exists()
    assert load_config(tmp_path / "r" / "config.yaml").train.lr == 0.5


def test_a_run_that_has_a_checkpoint_and_no_row_yet_is_not_begun_anew(tmp_path: Path) -> None:
    folder = RunFolder(recipe(tmp_path))
    folder.open(resume=False)
    (folder.path / "checkpoints" / "step-000001").mkdir(parents=True)
    with pytest.raises(ConfigError, match="holds a stopped run already"):
        RunFolder(recipe(tmp_path)).open(resume=False)
