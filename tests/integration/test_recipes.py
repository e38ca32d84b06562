"""Every recipe in configs/ runs from end to end, on demo data and with a tiny base of its own family."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from artimuse.config import Config, ModelConfig, ReadoutConfig, ScratchConfig, load_config
from artimuse.config.schema import FamilyName
from artimuse.models.build import build_model
from artimuse.models.folder import INFO_FILE, READOUT_FILE, read_info, save_model
from integration.calls import QUICKSTART, ROOT, SMALL, call_script

# Those that draw their data and build their model run as they are.
FROM_SCRATCH = ("quickstart", "demo_text", "fgaesq_demo")
RECIPES = sorted(
    path for path in (ROOT / "configs").glob("*.yaml") if path.stem not in FROM_SCRATCH
)
SHORT = ("train.steps=2", "train.threads=1", "train.batch_images=6", "train.accumulation=1",
         "train.checkpoint_every=1", "data.workers=0")  # fmt: skip


FAMILIES: dict[str, FamilyName] = {
    "OpenGVLab/InternVL3-8B-hf": "internvl",
    "llava-hf/llava-1.5-7b-hf": "llava",
    "Qwen/Qwen2.5-VL-3B-Instruct": "qwen2_5_vl",
    "runs/quickstart/model": "internvl",
    "openai/clip-vit-base-patch16": "fgaesq",
}


@pytest.fixture(scope="module")
def recipe_data(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo data under the names that the recipes use."""
    root = tmp_path_factory.mktemp("recipes") / "data"
    for demo, name in (("artimuse", "ArtiMuse-10K"), ("fgaesthetics", "FGAesthetics")):
        shutil.copytree(small_data / demo, root / name)
    for split in ("train", "test"):
        # A third category, of half of another one's series.
        drawn = root / "FGAesthetics" / f"natural_{split}.txt"
        lines = drawn.read_text().splitlines(keepends=True)
        odd = [line for line in lines if int(line.split()[0]) % 2]
        drawn.write_text("".join(line for line in lines if line not in odd))
        (root / "FGAesthetics" / f"aigc_{split}.txt").write_text("".join(odd))
    mmit = root / "AesMMIT"
    shutil.copytree(small_data / "aesmmit" / "images", mmit / "images_21904")
    shutil.copy(
        small_data / "aesmmit" / "AesMMIT_labels_train.json",
        mmit / "AesMMIT_labels (For LLaVA_1.5).json",
    )
    write_ava(root / "AVA", small_data)
    write_custom(root / "custom", small_data)
    return root


def write_ava(folder: Path, demo: Path) -> None:
    """AVA.txt with ten counts an image that give the demo's scores, and a test list of its last rows."""
    (folder / "images").mkdir(parents=True)
    rows = json.loads((demo / "artimuse" / "ArtiMuse-10K_train.json").read_text())
    lines, test = [], []
    for number, row in enumerate(rows, start=1):
        shutil.copy(
            demo / "artimuse" / "images" / row["image"], folder / "images" / f"{number}.jpg"
        )
        low = int(np.clip(row["gt_score"], 1, 9))
        counts = [0] * 10
        counts[low - 1], counts[low] = 60, 40
        lines.append(" ".join(map(str, [number, number, *counts, 1, 2, 3])))
        if number > len(rows) - 5:
            test.append({"image": f"{number}.jpg", "gt_score": low + 0.4})
    (folder / "AVA.txt").write_text("\n".join(lines) + "\n")
    (folder / "AVA_test.json").write_text(json.dumps(test))


def write_custom(folder: Path, demo: Path) -> None:
    shutil.copytree(demo / "artimuse" / "images", folder / "images")
    rows = json.loads((demo / "artimuse" / "ArtiMuse-10K_train.json").read_text())
    table = "".join(f"{row['image']},{row['gt_score']}\n" for row in rows)
    (folder / "scores.csv").write_text("image,score\n" + table)


@pytest.fixture(scope="module")
def bases(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformers folder of each family, with the score tokens in its vocabulary."""
    folder = tmp_path_factory.mktemp("bases")
    text = (small_data / "artimuse" / "ArtiMuse-10K_text_train.jsonl").read_text()
    texts = [json.loads(line)["conversations"][1]["value"] for line in text.splitlines()[:50]]
    for family in sorted(set(FAMILIES.values())):
        scratch = ScratchConfig(
            family=family, image_size=56, vision_width=32, vision_layers=1, vision_heads=2,
            language_width=32, language_layers=2, vocabulary=400,
        )  # fmt: skip
        kind = "bins" if family == "fgaesq" else "tokens"
        config = ModelConfig(scratch=scratch, readout=ReadoutConfig(kind=kind))
        save_model(build_model(config, texts=texts, seed=0), folder / family)
        for name in (INFO_FILE, READOUT_FILE):
            (folder / family / name).unlink()
    return folder


def small_images(config: Config) -> list[str]:
    """FGAesQ's 512 tokens of every view would take minutes of a test; its texts' encoder is a download."""
    if FAMILIES[str(config.model.base)] != "fgaesq":
        return []
    return ["model.images.tokens=40", "model.images.short_side=64", "train.series_images=6",
            "model.text_tower=random", "train.precision=fp32"]  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_runs(recipe: Path, recipe_data: Path, bases: Path, tmp_path: Path) -> None:
    config = load_config(recipe)
    assert config.model.base is not None
    root = recipe_data / "custom" if config.data.root == "data/custom" else recipe_data
    called = call_script(
        "train", "--config", recipe, *SHORT, f"data.root={root}", f"run.folder={tmp_path / 'runs'}",
        f"model.base={bases / FAMILIES[config.model.base]}", *small_images(config),
    )  # fmt: skip
    assert called.status == 0, called.err
    run = tmp_path / "runs" / config.run.name
    info = read_info(run / "model")
    assert info.aspects == tuple(config.model.aspects)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    rows = [row for line in lines if "loss" in (row := json.loads(line))]
    weights = (config.stages[-1].objective if config.stages else {}) or {}
    for part in ("text", "score", "rank"):
        if weights.get(part, getattr(config.objective, part)):
            assert any(row[f"loss_{part}"] > 0 for row in rows), part


def test_demo_text_is_a_base_for_every_readout(tmp_path: Path) -> None:
    """What `benchmark.py ablate` is told to start from in the recipe's own header."""
    small = (*SMALL, f"run.folder={tmp_path / 'runs'}", f"data.root={tmp_path / 'demo'}")
    text = [one for one in small if not one.startswith("model.readout")]
    called = call_script("train", "--config", ROOT / "configs" / "demo_text.yaml", *text)
    assert called.status == 0, called.err
    base = tmp_path / "runs" / "demo_text" / "model"
    assert read_info(base).readout is None
    again = [one for one in text if not one.startswith("model.")]
    for kind in ("regression", "tokens", "levels", "bins"):
        called = call_script(
            "train", "--config", QUICKSTART, *again, "data.demo.seed=1", f"run.name={kind}",
            "model.scratch=null", f"model.base={base}", f"model.readout.kind={kind}",
            f"objective.score_loss={'huber' if kind == 'regression' else 'soft_label'}",
            "evaluation.sources=[]",
        )  # fmt: skip
        assert called.status == 0, called.err
        readout = read_info(tmp_path / "runs" / kind / "model").readout
        assert readout is not None
        assert readout.kind == kind
