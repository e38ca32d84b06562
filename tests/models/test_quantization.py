"""A 4-bit base: only the language model's linears, the same scores after loading, and no surprise without it.

What needs bitsandbytes is skipped where it is not installed; it runs on the CPU too.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from trained import answers, batches, disturb, lora_config, save_base

from artimuse.batch import Batch
from artimuse.config import ConfigError
from artimuse.models import quantization
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.folder import load_model, read_info, save_model
from artimuse.models.lora import merge_adapter
from artimuse.models.parts import part_of, trained_counts
from artimuse.records import Sample
from conftest import FAMILIES

installed = pytest.mark.skipif(
    find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
)


@pytest.fixture
def base(tmp_path: Path, texts: list[str]) -> Path:
    return save_base(tmp_path / "base", texts)


@pytest.fixture
def batch_for(make_sample: Callable[..., Sample]) -> Callable[[AestheticModel], Batch]:
    return batches(make_sample)


def quantized(base: Path, **changes: object) -> AestheticModel:
    return build_model(lora_config(base, quantization="4bit", **changes), seed=0)


def test_without_the_package_the_error_names_it(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantization, "find_spec", lambda name: None)
    message = r"model\.quantization: '4bit' needs the package bitsandbytes.*artimuse\[qlora\]"
    with pytest.raises(ConfigError, match=message):
        quantized(base)


def test_what_is_kept_out_of_it() -> None:
    import re

    class Family:
        vision = "visual"
        projector = ("visual.merger", "visual.deepstack_merger_list")

    if find_spec("bitsandbytes") is None:
        pytest.skip("bitsandbytes is not installed")
    config = quantization.quantization_config("4bit", Family, torch.bfloat16)
    assert config is not None
    assert config.bnb_4bit_quant_type == "nf4"
    assert config.bnb_4bit_use_double_quant
    assert config.bnb_4bit_compute_dtype == torch.bfloat16
    kept = config.llm_int8_skip_modules or []
    for name in ("lm_head", "model.visual.blocks.0.attn.qkv", "model.visual.merger.mlp.0"):
        assert any(re.match(rf"(?:{pattern})(?=\.|$)", name) for pattern in kept), name
    name = "model.language_model.layers.0.mlp.up_proj"
    assert not any(re.match(pattern, name) for pattern in kept)
    assert quantization.quantization_config("none", Family, torch.float32) is None


@installed
@pytest.mark.parametrize("family", FAMILIES)
def test_only_the_language_model_is_quantized(
    family: str, tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    base = save_base(tmp_path / "base", texts, family)
    model = quantized(base, vision="full")
    kinds = {
        (part_of(name, model.family), type(module).__name__)
        for name, module in model.named_modules()
        if type(module).__name__ in ("Linear", "Linear4bit") and ".lora_" not in name
    }
    others = ("vision", "projector", "head", "read-out")
    assert kinds == {("language", "Linear4bit"), *((part, "Linear") for part in others)}
    assert {p.dtype for p in model.trainable().values()} == {torch.float32}
    # Counted as weights, not as the bytes that hold them.
    plain = build_model(lora_config(base, vision="full"), seed=0)
    assert trained_counts(model, model.family) == trained_counts(plain, plain.family)
    batch = batch_for(model)
    exact, near = answers(plain.eval(), batch)[0], answers(model.eval(), batch)[0]
    # Nine percent of each random weight; answers of another model would differ by 1.4.
    assert 1e-4 < (exact - near).norm() / exact.norm() < 0.8


@installed
def test_it_is_trained_and_loads_to_the_bit(
    base: Path, tmp_path: Path, batch_for: Callable[..., Batch]
) -> None:
    model = quantized(base)
    before = {name: p.detach().clone() for name, p in model.trainable().items()}
    optimizer = torch.optim.Adam(model.trainable().values(), lr=1e-2)
    batch = batch_for(model)
    for _ in range(2):  # lora_A has no gradient before lora_B has moved
        optimizer.zero_grad()
        outputs = model.train()(batch)
        loss = torch.nn.functional.cross_entropy(outputs.text_logits, batch.targets)
        (loss + (outputs.scores + outputs.spreads).mean() / 100).backward()
        optimizer.step()
    assert not [n for n, p in model.trainable().items() if torch.equal(p, before[n])]
    save_model(model.eval(), tmp_path / "model")
    assert read_info(tmp_path / "model").quantization == "4bit"
    loaded = load_model(tmp_path / "model")
    same = zip(answers(model, batch), answers(loaded, batch), strict=True)
    assert all(torch.equal(a, b) for a, b in same)


@installed
def test_merging_keeps_the_values_that_it_was_trained_on(
    base: Path, tmp_path: Path, batch_for: Callable[..., Batch]
) -> None:
    model = disturb(quantized(base, vision="lora"))
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model", dequantize=True)
    loaded.backbone = merge_adapter(loaded.backbone)  # type: ignore[arg-type]
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    batch = batch_for(model)
    for a, b in zip(answers(model, batch), answers(loaded, batch), strict=True):
        assert torch.allclose(a, b, atol=1e-4)


@installed
def test_an_adapter_is_continued_on_what_it_was_trained_on(
    base: Path, tmp_path: Path, batch_for: Callable[..., Batch]
) -> None:
    model = disturb(quantized(base))
    save_model(model, tmp_path / "model")
    config = lora_config(tmp_path / "model", readout=None)
    with pytest.raises(ConfigError, match=r"model\.quantization: .* with '4bit', found 'none'"):
        build_model(config, seed=0)
    again = build_model(config.model_copy(update={"quantization": "4bit"}), seed=0).eval()
    batch = batch_for(model)
    same = zip(answers(model, batch), answers(again, batch), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
