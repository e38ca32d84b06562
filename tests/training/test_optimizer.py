"""Parameter groups, and the learning rate as a function of the step."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from artimuse.config import TrainConfig
from artimuse.training.optimizer import build_optimizer, lr_factor, set_lr


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
