"""Training goes on from a model folder that holds an adapter: as an adapter, or merged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from trained import ADAPTED, answers, batches, disturb, save_base, trained

from artimuse.batch import Batch
from artimuse.config import ConfigError, LoraConfig, ModelConfig, ReadoutConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.folder import load_model, read_info, save_model
from artimuse.models.lora import tuning_of
from artimuse.records import Sample
from conftest import FAMILIES


@pytest.fixture
def base(tmp_path: Path, texts: list[str]) -> Path:
    return save_base(tmp_path / "base", texts)


@pytest.fixture(params=FAMILIES)
def family_base(request: pytest.FixtureRequest, tmp_path: Path, texts: list[str]) -> Path:
    return save_base(tmp_path / "base", texts, request.param)


@pytest.fixture
def batch_for(make_sample: Callable[..., Sample]) -> Callable[[AestheticModel], Batch]:
    return batches(make_sample)


def adapter(kind: str, base: Path, texts: list[str], folder: Path) -> AestheticModel:
    """An adapter of a kind as training leaves it, saved in a folder."""
    model = trained(kind, base, texts)
    save_model(model, folder)
    return model


def continued(folder: Path, **changes: Any) -> ModelConfig:
    settings: dict[str, Any] = {"base": str(folder), "tuning": "lora"}
    return ModelConfig(**settings | changes)


@pytest.mark.parametrize("kind", ADAPTED)
def test_lora_continues_the_adapter(
    kind: str, family_base: Path, tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    start = adapter(kind, family_base, texts, tmp_path / "start")
    model = build_model(continued(tmp_path / "start"), datasets=["ava", "para"], seed=9)
    assert model.trainable().keys() == start.trainable().keys()
    assert tuning_of(model.backbone, model.family) == tuning_of(start.backbone, start.family)
    batch = batch_for(start)
    same = zip(answers(start, batch), answers(model.eval(), batch), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
    # On the adapter's own base, so that what is trained from here loads without the folder in between.
    assert (model.info.base, model.info.base_sha256) == (start.info.base, start.info.base_sha256)
    save_model(disturb(model), tmp_path / "next")
    written = json.loads((tmp_path / "next" / "adapter_config.json").read_text())
    assert written["base_model_name_or_path"] == str(family_base)
    loaded = load_model(tmp_path / "next")
    same = zip(answers(model, batch), answers(loaded, batch), strict=True)
    assert all(torch.equal(a, b) for a, b in same)


@pytest.mark.parametrize("kind", ADAPTED)
def test_full_tuning_merges_the_adapter_first(
    kind: str, family_base: Path, tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    start = adapter(kind, family_base, texts, tmp_path / "start")
    config = continued(tmp_path / "start", tuning="full")
    model = build_model(config, datasets=["ava", "para"], seed=9)
    assert not any("lora" in name or "modules_to_save" in name for name, _ in model.named_modules())
    # All of it is trained, but for what LLaVA never reads of its tower.
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    unread = model.family.unread(model.transformers_model.config) or ""
    assert all(re.fullmatch(unread, name) for name in frozen)
    assert model.info.tuning == "full"
    assert model.info.base == str(tmp_path / "start")
    batch = batch_for(start)
    for a, b in zip(answers(start, batch), answers(model.eval(), batch), strict=True):
        assert torch.allclose(a, b, atol=1e-4)
    for name, tensor in start.readout.state_dict().items():
        assert torch.equal(tensor, model.readout.state_dict()[name])
    save_model(model, tmp_path / "next")
    loaded = load_model(tmp_path / "next")
    same = zip(answers(model, batch), answers(loaded, batch), strict=True)
    assert all(torch.equal(a, b) for a, b in same)


def test_merging_needs_the_adapter(base: Path, tmp_path: Path, texts: list[str]) -> None:
    """The comparison above can fail: without the adapter the language model is another one."""
    start = adapter("lora", base, texts, tmp_path / "start")
    merged = build_model(continued(tmp_path / "start", tuning="full"), seed=9)
    bare = load_model(base)
    name = "model.language_model.layers.0.mlp.up_proj.weight"
    weight, without = (m.transformers_model.state_dict()[name] for m in (merged, bare))
    layer = start.transformers_model.model.language_model.layers[0].mlp.up_proj
    assert torch.allclose(weight, without + layer.get_delta_weight("default"), atol=1e-6)
    assert (weight - without).abs().max() > 1e-2


@pytest.mark.parametrize("kind", ["lora with all of vision", "lora of vision, projector full"])
def test_small_differences_of_a_bf16_run_are_not_lost(
    kind: str, base: Path, tmp_path: Path, texts: list[str]
) -> None:
    """What is trained fully is float32 in the folder, and float32 again when a bf16 run goes on."""
    adapter(kind, base, texts, tmp_path / "start")
    model = build_model(continued(tmp_path / "start"), seed=9, dtype=torch.bfloat16)
    saved = load_file(tmp_path / "start" / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
    assert {p.dtype for p in model.trainable().values()} == {torch.float32}
    save_model(model, tmp_path / "next")
    again = load_file(tmp_path / "next" / "adapter_model.safetensors")
    assert saved.keys() == again.keys()
    assert all(torch.equal(saved[name], again[name]) for name in saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lora": LoraConfig(rank=8)}, r"model\.lora: .* holds an adapter of rank 16, found rank 8"),
        (
            {"lora": LoraConfig(alpha=16, dora=True)},
            r"an adapter of alpha 32\S*, dora False, found alpha 16\S*, dora True: leave model\.lora out",
        ),
        ({"lora": LoraConfig(target=".*q_proj")}, r"an adapter of target '.*', found target '.*q_proj'"),
        ({"vision": "full"}, r"model\.vision: .* holds an adapter with 'frozen', found 'full'"),
        ({"projector": "lora"}, r"model\.projector: .* with 'full', found 'lora': give the same, or merge"),
    ],
)  # fmt: skip
def test_other_settings_than_the_adapters_are_an_error(
    changes: dict[str, Any], message: str, base: Path, tmp_path: Path, texts: list[str]
) -> None:
    adapter("lora with projector", base, texts, tmp_path / "start")
    with pytest.raises(ConfigError, match=message):
        build_model(continued(tmp_path / "start", **changes), seed=0)


def test_the_adapters_own_settings_may_be_said(
    base: Path, tmp_path: Path, texts: list[str]
) -> None:
    start = adapter("lora with projector", base, texts, tmp_path / "start")
    said = {"lora": LoraConfig(), "projector": "full", "vision": "frozen"}
    model = build_model(continued(tmp_path / "start", **said), datasets=["ava", "para"], seed=0)
    assert model.trainable().keys() == start.trainable().keys()
    target = start.family.lora_target
    build_model(continued(tmp_path / "start", lora=LoraConfig(target=target)), seed=0)


def test_a_new_read_out_on_a_continued_adapter(
    base: Path, tmp_path: Path, texts: list[str]
) -> None:
    adapter("lora", base, texts, tmp_path / "start")
    new = {"readout": ReadoutConfig(kind="bins", hidden=8), "aspects": ["overall", "light"]}
    model = build_model(continued(tmp_path / "start", **new), seed=0)
    save_model(model, tmp_path / "next")
    assert read_info(tmp_path / "next").readout_kind == "bins"
    with pytest.raises(ConfigError, match=r"model\.aspects: .* scores \['overall'\]"):
        build_model(continued(tmp_path / "start", aspects=["light"]), seed=0)
