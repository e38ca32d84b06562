"""Building: a function of configuration and seed, from scratch or going on from a model folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from trained import answers, batches, disturb, lora_config, save_base, trained

from artimuse.batch import Batch
from artimuse.config import ConfigError, LoraConfig, ModelConfig, ReadoutConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.folder import save_model
from artimuse.prompts import LEVELS
from artimuse.records import Sample
from conftest import TINY, build_tiny


@pytest.fixture
def base(tmp_path: Path, texts: list[str]) -> Path:
    return save_base(tmp_path / "base", texts)


@pytest.fixture
def batch_for(make_sample: Callable[..., Sample]) -> Callable[[AestheticModel], Batch]:
    return batches(make_sample)


def test_the_same_seed_gives_the_same_weights(texts: list[str], base: Path) -> None:
    new = ReadoutConfig(hidden=8)  # not the base's, which would be kept
    for config in (ModelConfig(scratch=TINY), lora_config(base, readout=new)):
        first, again, other = (
            build_model(config, texts=texts, seed=seed).state_dict() for seed in (5, 5, 6)
        )
        assert all(torch.equal(first[name], again[name]) for name in first)
        changed = {n.split(".")[0] for n in first if not torch.equal(first[n], other[n])}
        assert changed == {"backbone", "readout"}


def test_the_tokenizer_does_not_depend_on_the_order_of_texts(texts: list[str]) -> None:
    first = build_tiny(texts).family.tokenizer.get_vocab()
    assert build_tiny([*reversed(texts), *texts]).family.tokenizer.get_vocab() == first


def test_training_goes_on_from_a_model_folder(
    base: Path, tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    start = trained("links", base, texts)
    save_model(start, tmp_path / "start")
    config = ModelConfig(base=str(tmp_path / "start"), aspects=["overall", "light"])
    same = build_model(config, datasets=["ava", "para"], seed=9).eval()
    batch = batch_for(start)
    for a, b in zip(answers(start, batch), answers(same, batch), strict=True):
        assert torch.equal(a, b)
    # The links of known data sets go on under their names; a new one starts as the identity.
    other = build_model(config, datasets=["new", "para"], seed=9)
    assert start.links is not None
    assert other.links is not None
    assert other.links.scale.tolist() == [1.0, start.links.scale[1].item()]
    assert other.links.offset.tolist() == [0.0, start.links.offset[1].item()]


def test_a_new_read_out_is_only_drawn_when_asked_for(
    base: Path, tmp_path: Path, texts: list[str]
) -> None:
    start = trained("full", base, texts)
    save_model(start, tmp_path / "start")
    settings: dict[str, Any] = {"base": str(tmp_path / "start")}
    with pytest.raises(ConfigError, match=r"model\.aspects: .* scores \['overall', 'light'\]"):
        build_model(ModelConfig(**settings), seed=0)
    new = build_model(ModelConfig(**settings, readout=ReadoutConfig(kind="bins")), seed=0)
    assert new.info.readout_kind == "bins"


def test_rows_of_words_are_kept_for_other_aspects(tmp_path: Path, texts: list[str]) -> None:
    """As when UniPercept's three aspects become the one of a data set: the question tells them apart."""
    readout = ReadoutConfig(kind="levels")
    start = build_tiny([*texts, *LEVELS], readout=readout, aspects=["aesthetics", "quality"])
    disturb(start)
    save_model(start, tmp_path / "start")
    other = build_model(ModelConfig(base=str(tmp_path / "start")), seed=1)
    assert other.info.aspects == ("overall",)
    assert torch.equal(other.readout.rows.weight, start.readout.rows.weight)


def test_a_lora_target_that_matches_nothing_is_an_error(base: Path) -> None:
    config = lora_config(base, lora=LoraConfig(target="nothing.*"))
    with pytest.raises(
        ConfigError, match=r"model\.lora\.target: 'nothing\.\*' matches no linear layer"
    ):
        build_model(config, seed=0)


IMPORTS = """
import sys, pathlib
from conftest import build_tiny, WORDS
from artimuse.models.folder import load_model, save_model
import artimuse.inference.scorer, artimuse.inference.critic, artimuse.models.build
folder = pathlib.Path(sys.argv[1])
save_model(build_tiny([" ".join(WORDS)]), folder)
load_model(folder)
heavy = {"deepspeed", "wandb"} & sys.modules.keys()
assert not heavy, heavy
"""


def test_aspects_that_a_read_out_cannot_tell_apart_are_an_error(texts: list[str]) -> None:
    """ArtiMuse's score question names no aspect, and score tokens know an aspect by its question alone."""
    aspects = ["overall", "light"]

    def build(kind: Any, prompt: Any) -> AestheticModel:
        readout = ReadoutConfig(kind=kind, hidden=8)
        config = ModelConfig(scratch=TINY, readout=readout, prompt=prompt, aspects=aspects)
        return build_model(config, texts=texts, seed=0)

    for kind in ("tokens", "levels"):
        with pytest.raises(ConfigError, match="'overall' and 'light' are asked alike by"):
            build(kind, "artimuse")
    assert build("tokens", "plain").info.aspects == build("regression", "artimuse").info.aspects


def test_neither_deepspeed_nor_wandb_is_imported(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, str(tmp_path / "model")],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
