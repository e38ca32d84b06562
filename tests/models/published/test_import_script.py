"""scripts/import_checkpoint.py: its report, its errors, and what the other commands make of its result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from integration.calls import call_script, load_script
from layouts import internvl_checkpoint, llava_checkpoint
from PIL import Image

from artimuse.config import ModelConfig
from artimuse.inference.critic import Critic
from artimuse.inference.scorer import Scorer
from artimuse.models import base
from artimuse.models.build import build_model
from artimuse.models.folder import load_model
from artimuse.models.published import NAMES
from artimuse.models.published.place import locate
from artimuse.prompts import SCORE_TOKENS


def run(*arguments: object) -> Any:
    return call_script("import_checkpoint", *arguments)


def test_formats_are_those_of_the_package() -> None:
    assert NAMES == load_script("import_checkpoint").FORMATS


def test_an_import_says_what_was_done(tmp_path: Path) -> None:
    internvl_checkpoint(tmp_path / "source")
    called = run("--format", "artimuse", tmp_path / "source", tmp_path / "model")
    assert called.status == 0, called.err
    for line in ("read 65, written 73", "missing: none", "unexpected: none", "LoRA: none"):
        assert line in called.out
    assert "tensors=65/65" in called.out
    report = json.loads((tmp_path / "model" / "import.json").read_text())
    (hashes,) = report["sha256"].values()
    assert sorted(hashes) == ["config.json", "model.safetensors"]
    assert not list(tmp_path.glob(".model*"))


def test_llava_with_its_tower_beside(tmp_path: Path) -> None:
    llava_checkpoint(tmp_path / "source")
    options = ("--format", "llava", "--vision-tower", tmp_path / "tower")
    called = run(*options, tmp_path / "source", tmp_path / "model")
    assert called.status == 0, called.err
    assert "rows added: 0" in called.out
    assert "image token: <image> is" in called.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "llava"], "model_type 'internvl_chat': a LLaVA-1.5 checkpoint has"),
        (["--format", "artimuse", "--vision-tower", "x"], "--vision-tower: only for llava"),
        (["--format", "artimuse", "--lora", "drop"], "invalid choice: 'drop'"),
        (["--format", "artimuse", "--shard-gb", "0"], "--shard-gb: expected more than 0, found 0"),
        (["--format", "artimuse", "--shard-gb", "nan"], "--shard-gb: expected more than 0, found"),
    ],
)
def test_a_wrong_call_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    internvl_checkpoint(tmp_path / "source")
    called = run(*arguments, tmp_path / "source", tmp_path / "model")
    assert called.status != 0
    assert message in called.err
    assert not (tmp_path / "model").exists()


def test_a_source_that_is_nowhere(tmp_path: Path) -> None:
    called = run("--format", "artimuse", "somebody/nothing", tmp_path / "model")
    assert called.status == 1
    assert (
        "checkpoint: 'somebody/nothing' is neither a folder here nor in the hub's cache"
        in called.err
    )
    assert "hf download somebody/nothing --local-dir models/nothing" in called.err


@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "pickles only"])
def test_a_hub_name_brings_data_and_no_code(
    safe: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pickles are asked for only where there are no safetensors."""
    asked: list[list[str]] = []

    def download(name: str, *, allow_patterns: list[str], ignore_patterns: list[str]) -> str:
        assert ignore_patterns == ["*/*"]
        assert name == "somebody/model"
        asked.append(allow_patterns)
        if safe:
            (tmp_path / "model.safetensors").touch()
        return str(tmp_path)

    monkeypatch.setattr(base, "snapshot_download", download)
    assert locate("somebody/model", what="checkpoint") == tmp_path
    assert len(asked) == (1 if safe else 2)
    assert "*.bin" not in asked[0]
    assert not any(pattern.endswith((".py", "*")) for patterns in asked for pattern in patterns)


# What the other parts make of an imported folder


def test_scores_and_answers(tmp_path: Path) -> None:
    internvl_checkpoint(tmp_path / "source")
    run("--format", "unipercept", tmp_path / "source", tmp_path / "model")
    image = tmp_path / "image.png"
    Image.new("RGB", (80, 40), (200, 30, 90)).save(image)
    model = load_model(tmp_path / "model")
    (scores,) = Scorer(model, device="cpu").score_images([image])
    assert set(scores) == {"aesthetics", "quality", "structure"}
    assert len({round(score, 6) for score in scores.values()}) == 3
    assert len(Critic(model, device="cpu").answer(image, ["What?", "Why?"], max_new_tokens=3)) == 2


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*")
def test_training_goes_on_from_an_imported_scorer(tmp_path: Path) -> None:
    """Its prompts and its read-out are taken over; a LoRA of the run's own comes on top."""
    original = internvl_checkpoint(tmp_path / "source")
    run("--format", "artimuse", tmp_path / "source", tmp_path / "model")
    config = ModelConfig(base=str(tmp_path / "model"), tuning="lora")
    model = build_model(config, datasets=["para"], seed=0)
    assert model.info.prompt == "artimuse"
    assert model.info.readout is not None
    assert model.info.readout.kind == "tokens"
    ids = model.family.word_ids(SCORE_TOKENS)
    assert model.readout is not None
    (rows,) = model.readout.parameters()
    assert torch.equal(rows, original.lm_head.weight[ids])
    assert rows.requires_grad
