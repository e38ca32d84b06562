"""What --dry-run says beside the configuration, against the run itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from artimuse.config import load_config
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.folder import save_model
from integration.calls import QUICKSTART, SMALL, Called, SmallRun

Script = Callable[..., Called]


@pytest.fixture
def dry(small_data: Path, script: Script) -> Callable[..., Called]:
    def run(*more: str) -> Called:
        return script(
            "train",
            "--config",
            str(QUICKSTART),
            f"data.root={small_data}",
            *SMALL,
            *more,
            "--dry-run",
        )

    return run


def comments(called: Called) -> list[str]:
    assert called.status == 0, called.err
    return [line for line in called.out.splitlines() if line.startswith("#")]


def test_the_summary_says_what_the_run_does(
    small_run: SmallRun, script: Script, tmp_path: Path
) -> None:
    called = script("train", *small_run.arguments, "--dry-run")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(called.out, encoding="utf-8")
    assert load_config(recipe) == load_config(small_run.folder / "config.yaml")
    text = "\n".join(comments(called))
    metrics = (small_run.folder / "metrics.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(row) for row in metrics.splitlines()]
    images = sum(row.get("images", 0) for row in rows)
    assert re.search(rf"# steps +2 of about 45 images: {images} images in all", text)
    for source in ("artimuse", "aesmmit", "fgaesthetics"):
        assert re.search(rf"#   {source}: \d+ images, [\d.]+%, [\d.]+ passes over it", text)
    parts = json.loads((small_run.folder / "run.json").read_text(encoding="utf-8"))["trained"]
    for part, row in parts.items():
        assert f"{part} {row['trained']:,}/{row['total']:,}" in text
    for words in ("# tokens ", "of the whole run: about", "# memory ", "activations"):
        assert words in text
    assert "# on GPUs of 80 GiB, 10% of it left free:" in text
    assert text.count("train.accumulation=1 for train.batch_images=45") == 3


def test_a_small_gpu_takes_less_at_once(dry: Callable[..., Called]) -> None:
    text = "\n".join(comments(dry("--gpu-gb", "0.02")))
    sizes = [int(n) for n in re.findall(r"micro-batches of up to (\d+) images", text)]
    assert 1 <= sizes[-1] <= sizes[0] < 45
    parts = [int(n) for n in re.findall(r"train\.accumulation=(\d+)", text)]
    assert parts[0] == -(-45 // sizes[0])
    assert parts[0] > parts[1] >= parts[2]
    assert "does not fit: one image at a time takes" in "\n".join(
        comments(dry("--gpu-gb", "0.001"))
    )


def test_every_stage_has_its_own(dry: Callable[..., Called]) -> None:
    stages = "stages=[{name: text, objective: {score: 0, rank: 0}}, {name: score, model: {tuning: lora}}]"
    called = dry(stages, "run.folder=absent")
    assert called.status == 0, called.err
    found = called.out.rpartition("stages: []\n")[2].splitlines()
    heads = [line for line in found if line.startswith("# stage")]
    assert heads == ["# stage 1 of 2: text", "# stage 2 of 2: score"]
    first, second = [line for line in found if line.startswith("# parameters")]
    assert "vision 0/" not in first
    # Its base is the model that the first stage will have made.
    assert "vision 0/" in second
    assert len(list(yaml.safe_load_all(called.out))) == 2


def test_a_base_that_cannot_be_had(dry: Callable[..., Called]) -> None:
    found = comments(dry("model.scratch=null", "model.base=nobody/has-this", "model.tuning=lora"))
    assert found[0].startswith("# steps ")
    assert found[-1].startswith("# not estimated: parameters, tokens and memory: model.base: ")


def test_a_base_without_weights(
    dry: Callable[..., Called], tiny_model: AestheticModel, tmp_path: Path
) -> None:
    save_model(tiny_model, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    changes = (
        "model.scratch=null",
        f"model.base={tmp_path}",
        "model.tuning=lora",
        "train.precision=bf16",
    )
    assert any(line.startswith("# memory ") for line in comments(dry(*changes)))


def test_missing_data_is_an_error_below_the_configuration(script: Script, tmp_path: Path) -> None:
    called = script(
        "train",
        "--config",
        str(QUICKSTART),
        "data.demo=null",
        f"data.root={tmp_path / 'no'}",
        "--dry-run",
    )
    assert called.status == 2
    assert "error: data.root: no folder" in called.err
    assert yaml.safe_load(called.out)["run"]["name"] == "quickstart"


def test_what_cannot_be_cut_is_named(dry: Callable[..., Called]) -> None:
    ranked = "objective.pairs_from_scores={gap: 10, images: 9}"
    lines = comments(dry(ranked, "objective.score_loss=plcc", "--gpu-gb", "0.006"))
    assert any("a drawn group is never cut, and the largest has 9 images" in line for line in lines)
    assert any("score_loss plcc takes no accumulation" in line for line in lines)
