"""A model without weights: the same parts, counts and types as the model that training builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from models.trained import ADAPTED, lora_config, save_base

from artimuse.config import ConfigError, LoraConfig, ModelConfig, ReadoutConfig
from artimuse.models.build import build_model
from artimuse.models.folder import save_model
from artimuse.models.parts import trained_counts
from artimuse.models.skeleton import skeleton
from conftest import FAMILIES, TINY_FAMILY


def described(model: torch.nn.Module) -> dict[str, tuple[Any, ...]]:
    return {
        name: (tuple(p.shape), p.dtype, p.requires_grad) for name, p in model.named_parameters()
    }


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("readout", ["regression", "levels"])
def test_from_scratch(family: str, readout: Any, texts: list[str]) -> None:
    config = ModelConfig(
        scratch=TINY_FAMILY.model_copy(update={"family": family}),
        readout=ReadoutConfig(kind=readout, hidden=16),
        vision="frozen",
    )
    built = build_model(config, texts=texts, datasets=["a", "b"], seed=0)
    model = skeleton(config, texts=texts, datasets=["a", "b"])
    assert described(model) == described(built)
    assert trained_counts(model, model.family) == trained_counts(built, built.family)
    assert (model.info.datasets, len(model.frozen)) == (built.info.datasets, len(built.frozen))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["lora", "lora of vision, projector full"])
def test_adapters_on_a_bf16_base(family: str, kind: str, texts: list[str], tmp_path: Path) -> None:
    config = lora_config(save_base(tmp_path, texts, family), **ADAPTED[kind])
    built = build_model(config, seed=0, dtype=torch.bfloat16)
    assert described(skeleton(config, dtype=torch.bfloat16)) == described(built)


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_a_base_that_holds_an_adapter(tuning: Any, texts: list[str], tmp_path: Path) -> None:
    first = lora_config(save_base(tmp_path / "base", texts), vision="lora",
                        lora=LoraConfig(rank=3))  # fmt: skip
    save_model(build_model(first, seed=0), tmp_path / "adapter")
    config = ModelConfig(base=str(tmp_path / "adapter"), tuning=tuning)
    assert described(skeleton(config)) == described(build_model(config, seed=0))


def test_only_configuration_and_tokenizer_are_read(texts: list[str], tmp_path: Path) -> None:
    config = lora_config(save_base(tmp_path, texts))
    expected = described(build_model(config, seed=0))
    (tmp_path / "model.safetensors").unlink()
    assert described(skeleton(config)) == expected
    (tmp_path / "config.json").unlink()
    (tmp_path / "artimuse.json").unlink()
    with pytest.raises(ConfigError, match=r"expected config\.json"):
        skeleton(config)
