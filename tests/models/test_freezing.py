"""Frozen parts: no graph through them, whatever asks for one, and the same words in every step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from trained import batches, lora_config, save_base

from artimuse.batch import Batch
from artimuse.config import ConfigError, LoraConfig, ModelConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.parts import part_of
from artimuse.records import Sample
from conftest import FAMILIES, TINY


@pytest.fixture(params=FAMILIES)
def base(request: pytest.FixtureRequest, tmp_path: Path, texts: list[str]) -> Path:
    return save_base(tmp_path / "base", texts, request.param)


@pytest.fixture
def batch_for(make_sample: Callable[..., Sample]) -> Callable[[AestheticModel], Batch]:
    return batches(make_sample)


def backward(model: AestheticModel, batch: Batch) -> tuple[dict[str, set[bool]], set[str]]:
    """One backward pass under activation checkpointing, as PEFT prepares a model for it.

    Returns:
        Per part, whether the outputs of its modules carried a graph; and the parts that got a gradient.
    """
    graphs: dict[str, set[bool]] = {}
    family = model.family

    def seen(name: str) -> Callable[..., None]:
        def look(_: nn.Module, inputs: Any, output: Any) -> None:
            tensors = output.values() if isinstance(output, dict) else [output]
            for tensor in tensors:
                if isinstance(tensor, torch.Tensor):
                    graphs.setdefault(part_of(name, family), set()).add(tensor.grad_fn is not None)

        return look

    # Activation checkpointing asks every embedding's output for a gradient, the patch embedding's too.
    model.transformers_model.activation_checkpointing_enable()
    model.transformers_model.enable_input_require_grads()
    for name, module in model.named_modules():
        # Not those that hold several parts, as Qwen-VL's vision module holds its projector.
        one = len({part_of(f"{name}.{p}", family) for p, _ in module.named_parameters()}) == 1
        if one and not name.endswith(("embeddings", "embedding", "patch_embed", "proj")):
            module.register_forward_hook(seen(name))
    outputs = model.train()(batch)
    (outputs.text_logits.float().pow(2).mean() + outputs.scores.mean()).backward()
    got = {
        part_of(name, family)
        for name, p in model.named_parameters()
        if p.grad is not None and p.grad.abs().max() > 0
    }
    return graphs, got


def test_no_graph_is_built_through_a_frozen_tower(
    base: Path, batch_for: Callable[..., Batch]
) -> None:
    model = build_model(lora_config(base), seed=0)
    graphs, got = backward(model, batch_for(model))
    assert graphs["vision"] == graphs["projector"] == {False}
    assert got == {"language", "read-out"}


@pytest.mark.parametrize("projector", ["full", "lora"])
def test_a_projector_on_a_frozen_tower_gets_its_gradient(
    projector: str, base: Path, batch_for: Callable[..., Batch]
) -> None:
    model = build_model(lora_config(base, projector=projector), seed=0)
    graphs, got = backward(model, batch_for(model))
    assert graphs["vision"] == {False}
    assert got == {"projector", "language", "read-out"}


@pytest.mark.parametrize("vision", ["full", "lora"])
def test_a_tower_gets_its_gradient_through_a_frozen_projector(
    vision: str, base: Path, batch_for: Callable[..., Batch]
) -> None:
    model = build_model(lora_config(base, vision=vision), seed=0)
    _, got = backward(model, batch_for(model))
    assert got == {"vision", "language", "read-out"}
    assert model.frozen == ()


def test_full_tuning_with_a_frozen_tower(base: Path, batch_for: Callable[..., Batch]) -> None:
    model = build_model(lora_config(base, tuning="full", vision="frozen"), seed=0)
    graphs, got = backward(model, batch_for(model))
    assert graphs["vision"] == {False}
    assert got == {"projector", "language", "head", "read-out"}
    assert "vision" not in {part_of(name, model.family) for name in model.trainable()}


def test_a_frozen_tower_says_the_same_in_training(base: Path) -> None:
    """Its dropout is off, also where `train()` is called on the whole model."""
    model = build_model(lora_config(base, projector="full"), seed=0).train()
    training: dict[str, set[bool]] = {}
    for name, module in model.named_modules():
        if list(module.parameters(recurse=False)):
            training.setdefault(part_of(name, model.family), set()).add(module.training)
    assert training["vision"] == {False}
    assert training["projector"] == training["language"] == training["read-out"] == {True}
    assert all(m.training for m in build_model(lora_config(base, vision="full"), seed=0).modules())


def test_a_copy_of_a_frozen_model_runs_its_own_weights(
    base: Path, batch_for: Callable[..., Batch]
) -> None:
    model = build_model(lora_config(base), seed=0).eval()
    twin = copy.deepcopy(model)
    batch = batch_for(model)
    before = model(batch).scores
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            if part_of(name, twin.family) == "vision":
                parameter.zero_()
    assert torch.equal(model(batch).scores, before)
    assert not torch.equal(twin(batch).scores, before)


def test_what_cannot_be_asked_for_together(base: Path) -> None:
    for part in ("vision", "projector"):
        with pytest.raises(ValueError, match=f"{part}: 'lora' belongs to tuning 'lora'"):
            ModelConfig.model_validate({"scratch": TINY, part: "lora"})
    with pytest.raises(ValueError, match="quantization: '4bit' is for frozen weights"):
        ModelConfig(scratch=TINY, quantization="4bit")
    for key, target, part in (
        ("target", ".*(lm_head|q_proj)", "language"),
        ("vision_target", ".*q_proj", "vision"),
    ):
        lora = LoraConfig.model_validate({key: target})
        with pytest.raises(
            ConfigError, match=rf"model\.lora\.{key}: .* no part of the {part} model"
        ):
            build_model(lora_config(base, vision="lora", lora=lora), seed=0)


@pytest.mark.parametrize("changes", [{"tuning": "full"}, {"vision": "full"}, {"vision": "lora"}])
def test_everything_that_is_trained_takes_part(
    changes: dict[str, Any], base: Path, batch_for: Callable[..., Batch]
) -> None:
    """A parameter that no output depends on would stop data parallel in its second step."""
    model = build_model(lora_config(base, **changes), seed=0).train()
    outputs = model(batch_for(model))
    (
        outputs.text_logits.float().pow(2).mean() + outputs.scores.mean() + outputs.spreads.mean()
    ).backward()
    assert not [name for name, p in model.trainable().items() if p.grad is None]
    if changes == {"tuning": "full"}:
        unread = {name for name, p in model.named_parameters() if not p.requires_grad}
        depth = model.transformers_model.config.vision_config.to_dict().get("num_hidden_layers")
        behind = (f".encoder.layers.{(depth or 0) - 1}.", ".post_layernorm.")
        assert bool(unread) == (model.family.name == "llava")
        assert all(any(part in name for part in behind) for name in unread)
