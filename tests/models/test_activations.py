"""Activation checkpointing changes what a step costs, and no number of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from trained import batches, disturb, lora_config, save_base

from artimuse.batch import Batch
from artimuse.config import LoraConfig, ModelConfig
from artimuse.models.activations import checkpoint_activations
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.records import Sample
from conftest import FAMILIES

KINDS: dict[str, dict[str, Any]] = {
    "lora": {"lora": LoraConfig(rank=4, dropout=0.3)},
    "lora of vision": {"lora": LoraConfig(rank=4, dropout=0.3), "vision": "lora"},
    "full": {"tuning": "full"},
}


def gradients(model: AestheticModel, batch: Batch) -> tuple[dict[str, torch.Tensor], int, int]:
    """All gradients of one step with dropout; and how often a layer of each tower was computed for it."""
    counts = {"language": 0, "vision": 0}

    def counter(part: str) -> Callable[..., None]:
        def count(*_: Any) -> None:
            counts[part] += 1

        return count

    for name, module in model.named_modules():
        # A layer's own forward is what is computed again; hooks are on what is inside it.
        if name.endswith(("layers.0.mlp", "layer.0.mlp", "blocks.0.mlp")):
            part = "language" if "language_model" in name else "vision"
            module.register_forward_pre_hook(counter(part))
    torch.manual_seed(7)
    outputs = model.train()(batch)
    (outputs.text_logits.float().pow(2).mean() + outputs.scores.mean()).backward()
    found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return found, counts["language"], counts["vision"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_are_the_same(
    family: str, kind: str, tmp_path: Path, texts: list[str], make_sample: Callable[..., Sample]
) -> None:
    base = save_base(tmp_path / "base", texts, family)
    config: ModelConfig = lora_config(base, **KINDS[kind])

    def model() -> AestheticModel:
        return disturb(build_model(config, seed=0))

    plain, recomputed = model(), model()
    checkpoint_activations(recomputed)
    batch = batches(make_sample)(plain)
    expected, *once = gradients(plain, batch)
    found, *twice = gradients(recomputed, batch)
    assert found.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []
    assert len(expected) > 10
    # A frozen tower is computed once; everything else again in the backward pass.
    frozen = kind == "lora"
    assert once == [1, 1]
    assert twice == [2, 1 if frozen else 2]


def test_nothing_is_computed_twice_when_it_is_not_trained(
    family_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    checkpoint_activations(family_model)
    batch = batches(make_sample)(family_model)
    with torch.no_grad():
        before = family_model.eval()(batch).scores
        assert torch.equal(family_model(batch).scores, before)
