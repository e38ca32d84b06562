"""Parameter groups, and the learning rate as a function of the step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from models.trained import lora_config, save_base
from torch import nn

from artimuse.config import ConfigError, TrainConfig
from artimuse.data.collate import Item
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.parts import part_of
from artimuse.objectives.text import text_loss
from artimuse.records import Sample
from artimuse.training.optimizer import build_optimizer, learning_rates, lr_factor, set_lr
from conftest import build_tiny, make_collator


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(3, 3)
        self.readout = nn.Linear(3, 1)


def test_decay_is_for_matrices_and_the_readout_has_its_own_rate() -> None:
    model = Model()
    settings = TrainConfig(steps=1, lr=1e-3, readout_lr=1e-2, weight_decay=0.1)
    optimizer = build_optimizer(model, settings)
    found = {
        id(p): (group["base_lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    assert found == {
        id(model.backbone.weight): (1e-3, 0.1),
        id(model.backbone.bias): (1e-3, 0.0),
        id(model.readout.weight): (1e-2, 0.1),
        id(model.readout.bias): (1e-2, 0.0),
    }


def test_frozen_parameters_are_left_out_and_all_frozen_is_an_error() -> None:
    model = Model()
    model.backbone.requires_grad_(False)
    optimizer = build_optimizer(model, TrainConfig(steps=1))
    assert sum(len(g["params"]) for g in optimizer.param_groups) == 2
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="nothing to train"):
        build_optimizer(model, TrainConfig(steps=1))


def test_cosine_with_warmup() -> None:
    settings = TrainConfig(steps=100, warmup_frac=0.1)
    factors = [lr_factor(step, 100, settings) for step in range(100)]
    assert factors[:10] == pytest.approx([(n + 1) / 10 for n in range(10)])
    assert factors[10] == 1.0
    assert all(a > b for a, b in pairwise(factors[10:]))
    assert 0 < factors[-1] < 0.001


def test_constant_and_no_warmup() -> None:
    settings = TrainConfig(steps=5, warmup_frac=0, schedule="constant")
    assert [lr_factor(step, 5, settings) for step in range(5)] == [1.0] * 5


def test_set_lr_scales_every_group() -> None:
    optimizer = build_optimizer(Model(), TrainConfig(steps=1, lr=1e-3, readout_lr=1e-2))
    set_lr(optimizer, 0.5)
    assert {group["lr"] for group in optimizer.param_groups} == {5e-4, 5e-3}
    assert isinstance(optimizer, torch.optim.AdamW)


def rates(model: AestheticModel, settings: TrainConfig) -> dict[str, float]:
    """Base learning rate of every trained parameter, by name."""
    names = {id(parameter): name for name, parameter in model.trainable().items()}
    groups = build_optimizer(model, settings).param_groups
    return {names[id(p)]: group["base_lr"] for group in groups for p in group["params"]}


def test_a_part_has_its_own_rate(family_model: AestheticModel) -> None:
    settings = TrainConfig(steps=1, lr=1e-4, readout_lr=1e-3, vision_lr=1e-5, projector_lr=1e-6)
    expected = {"vision": 1e-5, "projector": 1e-6, "read-out": 1e-3}
    found = rates(family_model, settings)
    assert found == {name: expected.get(part_of(name, family_model.family), 1e-4) for name in found}
    assert set(found.values()) == {1e-4, 1e-3, 1e-5, 1e-6}


def test_adapters_of_a_part_have_its_rate(texts: list[str], tmp_path: Path) -> None:
    """LLaVA-1.5's own: adapters at 2e-4, the projector, fully trained, at 2e-5."""
    base = save_base(tmp_path, texts)
    model = build_model(lora_config(base, vision="lora", projector="full"), seed=0)
    found = rates(model, TrainConfig(steps=1, lr=2e-4, vision_lr=1e-5, projector_lr=2e-5))
    for name, rate in found.items():
        part = part_of(name, model.family)
        assert rate == {"vision": 1e-5, "projector": 2e-5}.get(part, 2e-4), name
    assert any("lora_" in name and rate == 1e-5 for name, rate in found.items())
    assert any("modules_to_save" in name and rate == 2e-5 for name, rate in found.items())


def test_without_rates_of_parts_the_groups_are_those_of_one_rate(
    tiny_model: AestheticModel,
) -> None:
    """At most four, in this order: other and read-out, each vectors before matrices."""
    groups = build_optimizer(tiny_model, TrainConfig(steps=1, readout_lr=1e-2)).param_groups
    read = {id(p) for p in tiny_model.readout.parameters()}
    seen = [
        ({id(p) in read for p in g["params"]}, {p.ndim > 1 for p in g["params"]}) for g in groups
    ]
    assert seen == [({False}, {False}), ({False}, {True}), ({True}, {False}), ({True}, {True})]


def test_every_group_has_its_learning_rate_in_the_log(tiny_model: AestheticModel) -> None:
    optimizer = build_optimizer(
        tiny_model, TrainConfig(steps=1, lr=1e-3, readout_lr=1e-2, projector_lr=1e-4)
    )
    set_lr(optimizer, 0.5)
    assert learning_rates(optimizer) == {"lr": 5e-4, "readout_lr": 5e-3, "projector_lr": 5e-5}


def test_equal_rates_train_to_the_same_bits(
    texts: list[str], make_sample: Callable[..., Sample]
) -> None:
    sample = make_sample("a")

    def trained(**more: Any) -> dict[str, torch.Tensor]:
        model = build_tiny(texts)
        batch = make_collator(model)([Item(sample, sample.questions)])
        optimizer = build_optimizer(model, TrainConfig(steps=3, lr=1e-3, weight_decay=0.1, **more))
        set_lr(optimizer, 1.0)
        for _ in range(3):
            outputs = model(batch)
            (text_loss(outputs, batch)[0] + outputs.linked.sum()).backward()
            optimizer.step()
            optimizer.zero_grad()
        return dict(model.state_dict())

    one, several = trained(), trained(vision_lr=1e-3, projector_lr=1e-3, readout_lr=1e-3)
    assert all(torch.equal(one[name], several[name]) for name in one)
    other = trained(projector_lr=1e-5)
    assert any(not one[name].equal(other[name]) for name in one)


def test_a_rate_of_what_is_frozen_is_refused(texts: list[str], tmp_path: Path) -> None:
    model = build_model(lora_config(save_base(tmp_path, texts)), seed=0)
    with pytest.raises(ConfigError, match=r"train\.vision_lr: nothing of the vision is trained"):
        build_optimizer(model, TrainConfig(steps=1, vision_lr=1e-5))
