"""Models as training leaves them, what they answer, and a base on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from artimuse.batch import Batch
from artimuse.config import LoraConfig, ModelConfig, ReadoutConfig
from artimuse.data.collate import Collator, Item
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.folder import save_model
from artimuse.prompts import protocol
from artimuse.records import Sample
from conftest import TINY, build_family_tiny, build_tiny

ADAPTED: dict[str, dict[str, Any]] = {
    "lora": {},
    "lora with projector": {"projector": "full"},
    "lora with all of vision": {"vision": "full", "projector": "full"},
    "lora of vision and projector": {"vision": "lora", "projector": "lora"},
    "lora of vision, projector full": {"vision": "lora", "projector": "full"},
    "lora by the square root of its rank": {"lora": LoraConfig(rank=8, rslora=True)},
    "lora with magnitudes": {"vision": "lora", "lora": LoraConfig(rank=4, dora=True)},
    "lora with vision, projector frozen": {"vision": "full"},
}
"""Kinds of adapters, as changes to `lora_config`."""


def disturb(model: AestheticModel) -> AestheticModel:
    """Stand-in for training: every trainable weight moves, the others stay."""
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.trainable().values():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=random))
    return model.eval()


def lora_config(base: Path, **changes: Any) -> ModelConfig:
    settings: dict[str, Any] = {
        "base": str(base),
        "tuning": "lora",
        "readout": ReadoutConfig(hidden=16),
    }
    return ModelConfig(**settings | changes)


def trained(kind: str, base: Path, texts: list[str]) -> AestheticModel:
    datasets = ["ava", "para"]
    if kind.startswith("lora"):
        model = build_model(lora_config(base, **ADAPTED[kind]), datasets=datasets, seed=3)
    else:
        readout = ReadoutConfig(kind="bins" if kind == "bins" else "regression", hidden=16)
        config = ModelConfig(scratch=TINY, readout=readout, aspects=["overall", "light"])
        names = datasets if kind == "links" else ()
        model = build_model(config, texts=texts, datasets=names, seed=3)
    return disturb(model)


def answers(model: AestheticModel, batch: Batch) -> list[torch.Tensor]:
    with torch.inference_mode():
        outputs = model(batch)
    found = [outputs.text_logits, outputs.scores, outputs.linked]
    return found if outputs.bins is None else [*found, outputs.bins]


def save_base(folder: Path, texts: list[str], family: str | None = None) -> Path:
    """A model folder to start from: the usual tiny one, or that of a family."""
    save_model(build_family_tiny(family, texts) if family else build_tiny(texts), folder)
    return folder


def batches(make_sample: Callable[..., Sample]) -> Callable[[AestheticModel], Batch]:
    """Model -> the same two images, asked as that model is asked."""
    items = [Item(s, s.questions) for s in (make_sample("a", texts=3), make_sample("b", texts=1))]

    def make(model: AestheticModel) -> Batch:
        collate = Collator(
            model.family, protocol=protocol("plain"), aspects=model.info.aspects, datasets=["made"]
        )
        return collate(items)

    return make
