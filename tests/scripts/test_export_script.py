"""scripts/export.py: what it prints, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.calls import QUICKSTART, call_script
from models.trained import lora_config, save_base

from artimuse.config import ModelConfig, ReadoutConfig, load_config
from artimuse.models.build import build_model
from artimuse.models.folder import read_info, save_model
from artimuse.models.training_record import read_training, write_training
from conftest import TINY


@pytest.fixture
def adapter(tmp_path: Path, texts: list[str]) -> Path:
    base = save_base(tmp_path / "base", texts)
    save_model(build_model(lora_config(base), seed=0), tmp_path / "model")
    return tmp_path / "model"


def test_an_adapter_is_merged(adapter: Path, tmp_path: Path) -> None:
    called = call_script("export", "--model", adapter, tmp_path / "new", "--dtype", "bfloat16")
    assert called.status == 0, called.err
    assert "dtype=bfloat16 merged=adapter" in called.out
    assert "score head is no part of a plain transformers model" in called.out
    assert read_info(tmp_path / "new").tuning == "full"
    assert (tmp_path / "new" / "model.safetensors").is_file()
    assert not (tmp_path / "new" / "adapter_config.json").exists()
    # What no other engine can serve, and what serves it.
    assert "vLLM, SGLang and llama.cpp cannot give this score: a 'regression' head" in called.out
    assert f"python scripts/demo.py --model {tmp_path / 'new'}" in called.out
    assert not (tmp_path / "new" / "serving.json").exists()
    # What the report says works.
    assert f"--model {tmp_path / 'new'}" in called.out


def test_score_words_are_named(tmp_path: Path, texts: list[str]) -> None:
    config = ModelConfig(scratch=TINY, readout=ReadoutConfig(kind="levels"))
    save_model(build_model(config, texts=texts, seed=0), tmp_path / "model")
    beside = call_script("export", "--model", tmp_path / "model", tmp_path / "plain")
    assert beside.status == 0, beside.err
    assert "stays beside it" in beside.out
    # The rows are still the head's own: a server gives the score as it is.
    assert (tmp_path / "plain" / "serving.json").is_file()
    called = call_script("export", "--model", tmp_path / "model", tmp_path / "new", "--score-rows")
    assert called.status == 0, called.err
    assert "dtype=float32 merged=nothing" in called.out
    assert "softmax of the next-token logits over 5 words (bad ... excellent)" in called.out
    assert "score head" not in called.out


def test_what_it_was_trained_on_goes_with_it(adapter: Path, tmp_path: Path) -> None:
    write_training(adapter, load_config(QUICKSTART), {"seed": 5, "commit": "c"})
    assert call_script("export", "--model", adapter, tmp_path / "new").status == 0
    record = read_training(tmp_path / "new")
    assert record is not None
    assert record.run == {"name": "quickstart", "seed": 5, "commit": "c"}
    assert record == read_training(adapter)


def test_a_wrong_call_says_what_is_wrong(adapter: Path, tmp_path: Path) -> None:
    called = call_script("export", "--model", adapter, adapter)
    assert called.status == 2
    assert "expected a new or an empty folder" in called.err
    called = call_script("export", "--model", adapter, tmp_path / "new", "--score-rows")
    assert called.status == 2
    assert "expected a 'tokens' or 'levels' read-out" in called.err
    called = call_script("export", "--model", tmp_path, tmp_path / "new")
    assert called.status == 2
    assert "not a model folder: expected artimuse.json" in called.err
    called = call_script("export", "--model", tmp_path / "nothing", tmp_path / "new")
    assert called.status == 2
    assert "expected a folder, or a hub id" in called.err
    assert not (tmp_path / "new").exists()
