"""The model card: what is on record is in it, the rest is said to be unknown; the hub can read its header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from models.trained import lora_config, save_base

from artimuse.config import Config
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.folder import save_model
from artimuse.training.model_card import card, exported_card, plain_card, write_card
from artimuse.training.run import RunFolder

RUN = {
    "commit": "c0ffee", "versions": {"python": "3.11", "torch": "2.13"}, "seed": 7,
    "config_sha256": "cc", "data_sha256": "dd", "model_sha256": "ee",
    "hardware": {"machine": "x86_64", "gpu": None, "processes": 2},
    "bad_items": {"mine": {"broken": 3}},
    "leakage": [{"training": "mine", "evaluation": "test", "images": 4, "allowed": True}],
    "sources": {"mine": {"images": 90, "series": 0, "texts": 5, "choices": 0, "scores": 90, "pairs": 0}},
    "validation": {}, "held_out": {"test": {"images": 30, "scores": 30}},
    "trained": {"language": {"tuning": "full", "trained": 12, "total": 1200}},
    "selection": {"best_step": 4, "metric": "srcc"},
}  # fmt: skip
RESULTS = {
    "benchmark": "held-out data of the recipe",
    "metrics": {"srcc": {"value": 0.8125, "ci95": [0.75, 0.875], "n": 30},
                "plcc/test/light": {"value": 0.5, "ci95": None, "n": 29}},
    "baselines": {"pixel statistics": {"srcc": {"value": 0.25, "ci95": [0.0, 0.5], "n": 30}}},
}  # fmt: skip


def config(folder: Path, **source: Any) -> Config:
    one = {"format": "custom", "images": ".", "table": "t.csv", "scale": [0, 10]}
    return Config.model_validate_json(
        json.dumps(
            {
                "run": {"name": "judge", "folder": str(folder)},
                "data": {"root": str(folder), "sources": [{"name": "mine", **one, **source}]},
                "model": {"scratch": {}},
                "train": {"steps": 6},
                "evaluation": {"sources": [{"name": "test", **one, "licence": "CC BY 4.0"}]},
            }
        )
    )


@pytest.fixture
def run(tmp_path: Path, tiny_model: AestheticModel) -> RunFolder:
    """A run folder with a model, of which nothing else is on record."""
    folder = RunFolder(config(tmp_path, licence="CC BY-NC 4.0"))
    save_model(tiny_model, folder.model)
    return folder


def record(run: RunFolder) -> None:
    run.record(**RUN)
    run.results.mkdir()
    (run.results / "results.json").write_text(json.dumps(RESULTS))
    row = {"step": 6, "loss": "nan", "images_seen": 1234, "tokens_seen": 56789}
    (run.path / "metrics.jsonl").write_text(json.dumps(row) + "\n")


def test_what_is_on_record_is_in_it(run: RunFolder) -> None:
    record(run)
    text = write_card(run).read_text(encoding="utf-8")
    for part in (
        "## Intended use",
        "## Limits",
        "| trained on | mine | custom | 90 | 0 | 5 | 0 | 90 | 0 | CC BY-NC 4.0 |",
        "| evaluated on | test | custom | 30 | unknown |",
        "| CC BY 4.0 |",
        "mine: 3 x broken",
        "nothing of 4 images of test that are in mine too",
        "| SRCC | 0.812 | [0.750, 0.875] | 30 | 0.250 |",
        "| PLCC, test/light | 0.500 | unknown | 29 | - |",
        "of step 4, selected by the validation srcc",
        "Images seen: 1,234, tokens seen: 56,789",
        "language full 12 of 1,200",
        "Commit of artimuse: `c0ffee`",
        "python 3.11, torch 2.13",
        "2 process(es), CPU (x86_64)",
        "`regression`",
        "random weights at the start",
        'artimuse.load("',
        "huber",  # of the recipe
    ):
        assert part in text, part
    assert str(run.path) not in text, "a path of the machine"


def test_the_hub_reads_its_header(run: RunFolder) -> None:
    record(run)
    found: Any = ModelCard(card(run)).data
    assert found.license == "unknown"
    assert found.library_name == "transformers"
    assert found.pipeline_tag == "image-text-to-text"
    assert found.tags == ["artimuse", "image-aesthetics", "internvl"]
    assert found.eval_results is not None
    assert {row.metric_type: row.metric_value for row in found.eval_results} == {
        "srcc": 0.8125, "plcc/test/light": 0.5,
    }  # fmt: skip


def test_what_is_not_on_record_is_said_to_be_unknown(run: RunFolder) -> None:
    text = card(run)
    for part in (
        "Not evaluated: nothing is known of how well it does.",
        "broken images and rows: unknown",
        "Steps: unknown",
        "Images seen: unknown, tokens seen: unknown",
        "Commit of artimuse: `unknown`",
        "Versions: unknown",
        "trained parameters: unknown",
        "sha256 of samples and pairs: `unknown`",
    ):
        assert part in text, part
    assert "None" not in text.replace("Base: None:", "")


def test_it_is_written_anew_when_the_evaluation_is_done(run: RunFolder) -> None:
    path = write_card(run)
    assert "Not evaluated" in path.read_text(encoding="utf-8")
    record(run)
    assert write_card(run) == path
    assert "Not evaluated" not in path.read_text(encoding="utf-8")
    assert [p.name for p in path.parent.glob(".*")] == []


def test_a_licence_that_is_not_given_is_not_stated(tmp_path: Path, run: RunFolder) -> None:
    run.config = config(tmp_path)
    run.record(**RUN)
    assert "| 90 | 0 | not stated |" in card(run)


def test_an_adapter_names_its_base_and_its_export_does_not_need_it(
    tmp_path: Path, texts: list[str]
) -> None:
    base = save_base(tmp_path / "base", texts)
    model = build_model(lora_config(base), seed=0)
    run = RunFolder(config(tmp_path))
    save_model(model, run.model)
    text = write_card(run).read_text(encoding="utf-8")
    assert "library_name: peft" in text
    assert "base_model:" not in text, "a folder is no name on the hub"
    assert f"Its base, `{model.info.base}`, has to be there too" in text
    save_model(build_model(config(tmp_path).model, texts=texts, seed=0), tmp_path / "whole")
    exported = exported_card(run.model, tmp_path / "whole", dtype="bfloat16", merged=True)
    assert "library_name: transformers" in exported
    assert "the adapter was merged into the weights, which are bfloat16" in exported
    assert "has to be there too" not in exported


def test_a_model_folder_without_a_run_has_a_card_that_says_so(run: RunFolder) -> None:
    text = plain_card(run.model)
    assert "is not on record there: unknown" in text
    assert ModelCard(text).data.to_dict()["license"] == "unknown"
