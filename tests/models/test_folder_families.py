"""Every family with every read-out: what is loaded is what was saved, to the bit, adapters included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from trained import answers, batches, disturb

from artimuse.batch import Batch
from artimuse.config import LoraConfig, ModelConfig, ReadoutConfig
from artimuse.config.schema import ReadoutKind
from artimuse.data.collate import Item
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.folder import load_model, save_model
from artimuse.records import Sample
from conftest import FAMILIES, build_family_tiny, make_collator

KINDS = get_args(ReadoutKind)


@pytest.fixture
def batch_for(make_sample: Callable[..., Sample]) -> Callable[[AestheticModel], Batch]:
    return batches(make_sample)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_loaded_answers_are_bit_equal(
    family: str,
    kind: ReadoutKind,
    texts: list[str],
    tmp_path: Path,
    batch_for: Callable[..., Batch],
) -> None:
    readout = ReadoutConfig(kind=kind, hidden=16)
    model = disturb(build_family_tiny(family, texts, readout=readout))
    save_model(model, tmp_path / "full")
    full = load_model(tmp_path / "full")
    assert full.info == model.info
    assert full.family.preprocessing() == model.family.preprocessing()
    before = answers(model, batch_for(model))
    for a, b in zip(before, answers(full, batch_for(full)), strict=True):
        assert torch.equal(a, b)

    config = ModelConfig(base=str(tmp_path / "full"), tuning="lora", lora=LoraConfig(rank=4))
    adapted = build_model(config, seed=1).eval()
    # An adapter starts where its base is, its read-out included.
    for a, b in zip(before, answers(adapted, batch_for(adapted)), strict=True):
        assert torch.equal(a, b)
    disturb(adapted)
    save_model(adapted, tmp_path / "adapter")
    loaded = load_model(tmp_path / "adapter")
    after = answers(adapted, batch_for(adapted))
    for a, b in zip(after, answers(loaded, batch_for(loaded)), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(after[1], before[1])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_without_a_read_out(
    family: str, texts: list[str], tmp_path: Path, make_sample: Callable[..., Sample]
) -> None:
    """As published models that only answer are: no scores, and a read-out of its own when it is trained."""
    model = build_family_tiny(family, texts)
    model.readout, model.info = None, replace(model.info, readout=None, aspects=())
    save_model(model, tmp_path / "model")
    assert not (tmp_path / "model" / "readout.safetensors").exists()
    loaded = load_model(tmp_path / "model")
    assert loaded.readout is None
    sample = make_sample("a", texts=2, ask_score=False)
    batch = make_collator(loaded)([Item(sample, sample.questions)])
    with torch.inference_mode():
        outputs = loaded(batch)
        assert torch.equal(outputs.text_logits, model(batch).text_logits)
    assert len(outputs.scores) == 0
    started = build_model(ModelConfig(base=str(tmp_path / "model")), seed=0)
    assert started.info.readout_kind == "regression"
    assert started.info.aspects == ("overall",)
