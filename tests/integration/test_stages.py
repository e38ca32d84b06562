"""A recipe with stages from end to end: text, then scores on its model, with a model selected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file

from artimuse.config import load_config
from artimuse.models.folder import load_model
from artimuse.training import loop
from artimuse.training.metric_rows import TIMED
from integration.calls import QUICKSTART, SMALL, Called

STAGES = """stages=[
  {name: text, objective: {score: 0, rank: 0}, evaluation: {baselines: []}},
  {name: score, objective: {text: 0}, evaluation: {baselines: [untrained]},
   train: {select: {metric: srcc, every: 2}}}]"""
STEPS = 4


@pytest.fixture
def arguments(small_data: Path, tmp_path: Path) -> Callable[..., list[str]]:
    def of(name: str, *more: str) -> list[str]:
        """A run of two stages of four steps each."""
        return [
            "--config", str(QUICKSTART), f"data.root={small_data}", f"run.folder={tmp_path}",
            f"run.name={name}", *SMALL, f"train.steps={STEPS}", "train.batch_images=8", STAGES,
            "data.validation_frac=0.2", "evaluation.critique=false", *more,
        ]  # fmt: skip

    return of


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def rows(folder: Path) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in TIMED} for row in read]


def models_equal(a: Path, b: Path) -> bool:
    for name in ("model.safetensors", "readout.safetensors"):
        first, second = load_file(a / "model" / name), load_file(b / "model" / name)
        if first.keys() != second.keys() or any(not first[k].equal(second[k]) for k in first):
            return False
    return True


def test_two_stages_and_a_resumed_one(
    arguments: Callable[..., list[str]],
    tmp_path: Path,
    script: Callable[..., Called],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = script("train", *arguments("through"))
    assert called.status == 0, called.err
    run, text = tmp_path / "through", tmp_path / "through" / "stages" / "01-text"
    assert "selected   step" in called.out
    assert "after 01-text" in called.out

    # Each stage is a whole run folder, and trained what it is for.
    for folder in (run, text):
        assert {"config.yaml", "run.json", "metrics.jsonl", "checkpoints", "model", "results"} <= {
            path.name for path in folder.iterdir()
        }
        assert read_json(folder / "run.json")["finished"]
    first = [row for row in rows(text) if "loss" in row]
    assert all(row["loss_text"] > 0 and row["loss_score"] == 0 for row in first)
    steps = [row for row in rows(run) if "loss" in row]
    assert all(row["loss_text"] == 0 for row in steps)
    assert all(row["loss_score"] > 0 for row in steps)
    evaluated = [row for row in rows(run) if "validation_srcc" in row]
    assert [row["step"] for row in evaluated] == [2, 4]
    assert "validation_srcc" in evaluated[0]

    # What the last stage says of itself and of the first.
    record = read_json(run / "run.json")
    (before,) = record["stages"]
    assert before["folder"] == str(text)
    assert before["model_sha256"] == read_json(text / "run.json")["model_sha256"]
    assert record["selection"]["best_step"] == evaluated[-1]["validation_best_step"]
    assert record["validation"]["artimuse"]["scores"] > 0
    assert "validation_seen_before" not in record, "all stages cut the same images off"
    assert load_model(run / "model").info.base == str((text / "model").resolve())
    assert record["seed"] != read_json(text / "run.json")["seed"]
    card = (run / "model" / "README.md").read_text(encoding="utf-8")
    assert (
        f"| 1 | 01-text | artimuse, aesmmit, fgaesthetics | text 3, score 0, rank 0 | {STEPS} steps |"
        in card
    )
    assert f"of step {record['selection']['best_step']}, selected by the validation srcc" in card
    assert "selected on these very images" not in card, "evaluation.sources are others"
    assert "Stages before" not in (text / "model" / "README.md").read_text(encoding="utf-8")
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    assert [stage["name"] for stage in config["stages"]] == ["text", "score"]

    # Killed in the middle of the second stage, and resumed from its folder alone.
    kill_after(monkeypatch, STEPS + 3)
    with pytest.raises(KeyboardInterrupt):
        script("train", *arguments("killed"))
    monkeypatch.undo()
    killed = tmp_path / "killed"
    model = killed / "stages" / "01-text" / "model" / "model.safetensors"
    written_at = model.stat().st_mtime_ns
    refused = script("train", "--config", killed / "config.yaml")
    assert refused.status == 2
    assert "01-text: holds a finished run already" in refused.err
    resumed = script("train", "--config", killed / "config.yaml", "--resume")
    assert resumed.status == 0, resumed.err
    assert f"{killed / 'stages' / '01-text'}: this run is finished" in resumed.out
    assert model.stat().st_mtime_ns == written_at
    assert models_equal(killed, run)
    assert models_equal(killed / "stages" / "01-text", text)
    assert rows(killed) == rows(run)

    # Killed in the first one, it goes on there.
    kill_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        script("train", *arguments("early"))
    monkeypatch.undo()
    assert script("train", *arguments("early"), "--resume").status == 0
    assert models_equal(tmp_path / "early", run)


def kill_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """The process ends after so many optimizer steps, whatever stage they are of."""
    real, taken = loop.train_step, [0]

    def step(*arguments: Any, **options: Any) -> Any:
        if taken[0] == steps:
            raise KeyboardInterrupt
        taken[0] += 1
        return real(*arguments, **options)

    monkeypatch.setattr(loop, "train_step", step)


def test_an_adapter_is_continued_by_the_next_stage(
    arguments: Callable[..., list[str]], tmp_path: Path, script: Callable[..., Called]
) -> None:
    stages = (
        "stages=[{name: full}, {name: adapt, model: {tuning: lora}}, "
        "{name: again, model: {tuning: lora}, objective: {text: 0}}]"
    )
    called = script(
        "train", *arguments("r"), stages, "train.steps=1", "evaluation.baselines=[]",
        "evaluation.sources=[]",
    )  # fmt: skip
    assert called.status == 0, called.err
    run = tmp_path / "r"
    adapted = run / "stages" / "02-adapt" / "model"
    full = str((run / "stages" / "01-full" / "model").resolve())
    assert load_model(adapted).info.base == full
    assert load_model(run / "model").info.base == full, "the adapter itself goes on"
    first = load_file(adapted / "adapter_model.safetensors")
    last = load_file(run / "model" / "adapter_model.safetensors")
    assert first.keys() == last.keys()
    assert any(not first[name].equal(last[name]) for name in first)


def test_what_an_earlier_stage_trained_on_is_said(
    arguments: Callable[..., list[str]], tmp_path: Path, script: Callable[..., Called]
) -> None:
    """The texts alone have no strata of scores, and so another cut."""
    texts = (
        "stages.text.data.sources=[{name: texts, format: artimuse10k, images: artimuse/images, "
        "texts: artimuse/ArtiMuse-10K_text_train.jsonl}]"
    )
    called = script(
        "train", *arguments("r"), texts, "train.steps=1", "evaluation.baselines=[]"
    )  # fmt: skip
    assert called.status == 0, called.err
    seen = read_json(tmp_path / "r" / "run.json")["validation_seen_before"]
    assert seen > 0
    assert (
        f"data: {seen} images of the validation split were trained on in a stage before"
        in called.out
    )


def test_dry_run_prints_every_stage(
    arguments: Callable[..., list[str]], tmp_path: Path, script: Callable[..., Called]
) -> None:
    called = script("train", *arguments("r"), "--dry-run")
    assert called.status == 0, called.err
    assert "# stage 1 of 2: text" in called.out
    text, score = yaml.safe_load_all(called.out)
    assert text["run"]["name"] == "01-text"
    assert score["run"]["name"] == "r"
    assert score["model"]["base"] == str(tmp_path / "r" / "stages" / "01-text" / "model")
    alone = tmp_path / "text.yaml"
    alone.write_text(called.out.split("---\n")[1], encoding="utf-8")
    assert load_config(alone).objective.score == 0


def test_a_split_that_is_too_small_to_select_by_is_refused(
    arguments: Callable[..., list[str]], tmp_path: Path, script: Callable[..., Called]
) -> None:
    called = script("train", *arguments("r"), "data.validation_frac=0.01", "stages=[]",
                    "train.select={metric: srcc, every: 1}")  # fmt: skip
    assert called.status == 2
    assert "data.validation_frac" in called.err
    assert not (tmp_path / "r" / "metrics.jsonl").exists()
