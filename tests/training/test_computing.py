"""The settings of how a step is computed reach the model."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from artimuse.config import TrainConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.cpu_linear import OneDNNLinear, has_onednn
from artimuse.training.computing import set_computing


def computing(model: AestheticModel, **settings: Any) -> dict[str, Any]:
    set_computing(model, TrainConfig(steps=1, **settings))
    layers = [module for module in model.modules() if isinstance(module, OneDNNLinear)]
    inner = model.transformers_model.model.language_model.layers[0]
    return {
        "tree_attention": model.tree_attention,
        "text_chunk": model.text_chunk,
        "onednn": bool(layers) and all(layer.trained for layer in layers),
        "activation_checkpointing": inner.gradient_checkpointing,
    }


def test_the_defaults(tiny_model: AestheticModel) -> None:
    assert computing(tiny_model) == {
        "tree_attention": True,
        "text_chunk": 256,
        "onednn": has_onednn(),
        "activation_checkpointing": False,
    }


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("tree_attention", False),
        ("text_chunk", None),
        ("text_chunk", 7),
        ("onednn", False),
        ("activation_checkpointing", True),
    ],
)
def test_each_setting_is_that_of_the_model(
    tiny_model: AestheticModel, setting: str, value: Any
) -> None:
    assert computing(tiny_model, **{setting: value})[setting] == value


@pytest.mark.skipif(not has_onednn(), reason="this torch has no oneDNN")
def test_what_was_trained_so_can_be_trained_plainly(tiny_model: AestheticModel) -> None:
    assert computing(tiny_model)["onednn"]
    assert not computing(tiny_model, onednn=False)["onednn"]
    assert torch.backends.mkldnn.is_available()
