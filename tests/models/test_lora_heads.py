"""The four silent ways to lose a score head beside LoRA, each seen not to happen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from trained import ADAPTED, batches, lora_config, save_base, trained
from transformers import InternVLForConditionalGeneration

from artimuse.batch import Batch
from artimuse.config import ConfigError, LoraConfig
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


def test_1_a_base_of_bf16_has_a_read_out_of_float32(base: Path) -> None:
    """Whatever the base's type and the tuning: it is trained, and not rounded."""
    for tuning in ("lora", "full"):
        model = build_model(lora_config(base, tuning=tuning), seed=0, dtype=torch.bfloat16)
        assert {p.dtype for p in model.readout.parameters()} == {torch.float32}
        assert all(p.requires_grad for p in model.readout.parameters())
        assert next(model.backbone.parameters()).dtype == torch.bfloat16


@pytest.mark.parametrize("projector", [False, True])
def test_2_lora_touches_neither_read_out_nor_head(base: Path, projector: bool) -> None:
    model = build_model(lora_config(base, projector="full" if projector else None), seed=0)
    adapted = {name for name, _ in model.named_parameters() if "lora_" in name}
    assert adapted
    assert all(".language_model.layers." in name for name in adapted)
    trained_elsewhere = model.trainable().keys() - adapted
    parts = {
        "projector" if "multi_modal_projector" in name else name.split(".")[0]
        for name in trained_elsewhere
    }
    assert parts == ({"readout", "projector"} if projector else {"readout"})


def test_2_lora_on_a_head_is_refused(base: Path) -> None:
    for target in (".*(q_proj|lm_head)", ".*"):
        config = lora_config(base, lora=LoraConfig(target=target))
        with pytest.raises(
            ConfigError, match=r"model\.lora\.target: .* no part of the language model"
        ):
            build_model(config, seed=0)


def test_3_what_is_trained_on_a_bf16_base_is_float32(
    base: Path, tmp_path: Path, batch_for: Callable[..., Batch]
) -> None:
    config = lora_config(base, projector="full", lora=LoraConfig(dropout=0.0))
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
    model = build_model(lora_config(base, projector="full"), seed=0)
    step(model, batch_for(model), lr=1e-3)
    save_model(model, tmp_path / "model")
    saved = load_file(tmp_path / "model" / "adapter_model.safetensors")
    ups = {name: tensor for name, tensor in saved.items() if "lora_B" in name}
    assert len(ups) == 2 * 7  # layers x linears
    assert all(tensor.abs().max() > 0 for tensor in ups.values())
    assert sum("multi_modal_projector" in name for name in saved) == 6
    trained_in_peft = [name for name in model.trainable() if name.startswith("backbone.")]
    assert len(saved) == len(trained_in_peft)


def grown(base: Path, folder: Path, rows: int) -> Path:
    """A LoRA folder as other trainers write it when a token was added: with embeddings of so many rows."""
    model = build_model(lora_config(base), seed=0)
    model.family.tokenizer.add_tokens(["<score_101>"])
    save_model(model, folder)
    if rows:
        state = load_file(folder / "adapter_model.safetensors")
        name = "base_model.model.model.language_model.embed_tokens.weight"
        state[name] = torch.zeros(rows, 32)
        save_file(state, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (401, r"do not fit the base (.|\n)*size mismatch(.|\n)*embeddings that grew"),
        (400, r"belong to no adapter .*embed_tokens(.|\n)*embeddings that grew"),
        (0, r"it has 401 tokens, and the model's embeddings 400 rows"),
    ],
)
def test_4_tokens_that_were_added_are_refused(
    rows: int, message: str, base: Path, tmp_path: Path
) -> None:
    """No family resizes embeddings; ids beyond them, or rows that nothing would read, are an error."""
    with pytest.raises(ValueError, match=message):
        load_model(grown(base, tmp_path / "grown", rows))


@pytest.mark.parametrize("kind", ADAPTED)
def test_5_peft_wraps_the_transformers_model_and_only_that(
    kind: str, base: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    """Attributes are there, hooks run once a pass, and no forward is called on a module left behind."""
    model = trained(kind, base, texts)
    assert isinstance(model, AestheticModel)
    assert isinstance(model.backbone, PeftModel)
    inner = model.transformers_model
    assert isinstance(inner, InternVLForConditionalGeneration)
    assert inner.model.vision_tower.dtype == torch.float32
    assert inner.config.model_type == "internvl"
    calls = {"model": 0, "vision": 0, "projector": 0}
    for key, module in (
        ("model", inner.model),
        ("vision", inner.model.vision_tower),
        ("projector", inner.model.multi_modal_projector),
    ):
        module.register_forward_hook(lambda *_, key=key: calls.__setitem__(key, calls[key] + 1))
    for name, module in model.named_modules():
        if name.endswith("original_module"):
            module.register_forward_hook(
                lambda *_: pytest.fail("what was replaced is still called")
            )
    model(batch_for(model))
    assert calls == {"model": 1, "vision": 1, "projector": 1}
