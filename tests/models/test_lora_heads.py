"""The four silent ways to lose a score head beside LoRA, each seen not to happen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from trained import batches, lora_config, save_base

from artimuse.batch import Batch
from artimuse.config import LoraConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.folder import load_model, save_model
from artimuse.records import Sample


@pytest.fixture
def base(tmp_path: Path, texts: list[str]) -> Path:
    return save_base(tmp_path / "base", texts)


@pytest.fixture
def batch_for(make_sample: Callable[..., Sample]) -> Callable[[AestheticModel], Batch]:
    return batches(make_sample)


def step(model: AestheticModel, batch: Batch, lr: float) -> None:
    """One Adam step on text, scores and spreads."""
    model.train()
    optimizer = torch.optim.Adam(model.trainable().values(), lr=lr)
    outputs = model(batch)
    text = torch.nn.functional.cross_entropy(outputs.text_logits.float(), batch.targets)
    assert outputs.spreads is not None
    (text + outputs.scores.mean() + outputs.spreads.mean()).backward()
    optimizer.step()
    model.eval()


def test_1_a_read_out_beside_lora_is_trained_and_saved(
    base: Path, tmp_path: Path, batch_for: Callable[..., Batch]
) -> None:
    model = build_model(lora_config(base), seed=0)
    start = {name: p.detach().clone() for name, p in model.readout.named_parameters()}
    assert all(p.requires_grad for p in model.readout.parameters())
    step(model, batch_for(model), lr=1e-3)
    save_model(model, tmp_path / "model")
    saved = load_file(tmp_path / "model" / "readout.safetensors")
    for name, value in start.items():
        assert not torch.equal(saved[f"readout.{name}"], value), f"{name} did not move"


@pytest.mark.parametrize("projector", [False, True])
def test_2_lora_touches_neither_read_out_nor_head(base: Path, projector: bool) -> None:
    model = build_model(lora_config(base, lora=LoraConfig(projector=projector)), seed=0)
    adapted = {name for name, _ in model.named_parameters() if "lora_" in name}
    assert adapted
    assert all(".language_model.layers." in name for name in adapted)
    trained_elsewhere = model.trainable().keys() - adapted
    parts = {
        "projector" if "multi_modal_projector" in name else name.split(".")[0]
        for name in trained_elsewhere
    }
    assert parts == ({"readout", "projector"} if projector else {"readout"})


def test_3_what_is_trained_on_a_bf16_base_is_float32(
    base: Path, tmp_path: Path, batch_for: Callable[..., Batch]
) -> None:
    config = lora_config(base, lora=LoraConfig(projector=True, dropout=0.0))
    model = build_model(config, seed=0, dtype=torch.bfloat16)
    assert {p.dtype for p in model.trainable().values()} == {torch.float32}
    frozen = {p.dtype for p in model.parameters() if not p.requires_grad}
    assert frozen == {torch.bfloat16}
    before = {name: p.detach().clone() for name, p in model.trainable().items()}
    step(model, batch_for(model), lr=1e-6)  # rounds away next to 1 in bf16
    moved = {name for name, p in model.trainable().items() if not torch.equal(p, before[name])}
    # lora_A has no gradient while lora_B is zero.
    assert before.keys() - moved == {name for name in before if ".lora_A." in name}
    save_model(model, tmp_path / "model")
    for name in ("readout", "adapter_model"):
        for key, tensor in load_file(tmp_path / "model" / f"{name}.safetensors").items():
            assert tensor.dtype == torch.float32, key
    # A small step is still there in what is loaded.
    loaded = load_model(tmp_path / "model")
    for (name, a), (_, b) in zip(
        model.readout.named_parameters(), loaded.readout.named_parameters(), strict=True
    ):
        assert torch.equal(a, b), name


def test_4_a_trained_adapter_is_saved_with_every_part(
    base: Path, tmp_path: Path, batch_for: Callable[..., Batch]
) -> None:
    model = build_model(lora_config(base, lora=LoraConfig(projector=True)), seed=0)
    step(model, batch_for(model), lr=1e-3)
    save_model(model, tmp_path / "model")
    saved = load_file(tmp_path / "model" / "adapter_model.safetensors")
    ups = {name: tensor for name, tensor in saved.items() if "lora_B" in name}
    assert len(ups) == 2 * 7  # layers x linears
    assert all(tensor.abs().max() > 0 for tensor in ups.values())
    assert sum("multi_modal_projector" in name for name in saved) == 6
    trained_in_peft = [name for name in model.trainable() if name.startswith("backbone.")]
    assert len(saved) == len(trained_in_peft)
