"""Several data sets train one latent score: a link takes up what is only their scales' difference.

Two sources of grey pictures. Brightness is the truth; one source has the darker pictures, the other the
brighter ones, and both were labeled around 50 of 100, each with a slope of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from artimuse.config import ModelConfig, ObjectiveConfig, ReadoutConfig, ScratchConfig, TrainConfig
from artimuse.data.collate import Collator, Item
from artimuse.data.loader import StepDataset
from artimuse.data.order import Order
from artimuse.data.units import Unit
from artimuse.evaluation import metrics
from artimuse.models.build import build_model
from artimuse.objectives.joint import Objective
from artimuse.prompts import protocol
from artimuse.records import Question, Sample, ScoreLabel
from artimuse.training.accelerator import build_accelerator
from artimuse.training.optimizer import build_optimizer, lr_factor, set_lr
from artimuse.training.step import train_step

sys.path.insert(0, str(Path(__file__).parent))
import toy

pytestmark = pytest.mark.slow

SCRATCH = ScratchConfig(
    image_size=28, vision_width=16, vision_layers=1, vision_heads=2,
    language_width=32, language_layers=1, language_heads=4, key_value_heads=2, vocabulary=400,
)  # fmt: skip
STEPS = 250
# Darkest and brightest picture, and points of the label per unit of brightness.
RANGES = {"dark": (0.0, 0.65, 90.0), "bright": (0.35, 1.0, 60.0)}
# Floors of the test: how far below a source's own SRCC the shared model may be on it, what the order
# across sources has to reach, and how far below that it has to be without links.
ALONE, ACROSS, WORSE = 0.06, 0.92, 0.05


def pictures(folder: Path, source: str, number: int, seed: int) -> tuple[list[Unit], np.ndarray]:
    """Units of a source and their true brightness."""
    low, high, slope = RANGES[source]
    rng = np.random.default_rng(seed)
    truths = rng.uniform(low, high, number)
    units = []
    for n, truth in enumerate(truths):
        path = folder / f"{source}-{seed}-{n}.png"
        pixels = 255 * (0.1 + 0.8 * truth) + rng.normal(0, 20, (28, 28, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
        label = ScoreLabel(float(50 + slope * (truth - (low + high) / 2)), 0, 100, std=15.0)
        asked = (Question("score", aspect="overall", label=label),)
        units.append(Unit((Sample(f"{source}/{seed}-{n}", (path,), asked, source),)))
    return units, truths


def trained(sources: dict[str, list[Unit]], *, links: bool, loss: str, readout: str) -> Any:
    """A function from units to scores."""
    names = list(sources)
    head = ReadoutConfig(kind=readout, hidden=16)  # type: ignore[arg-type]
    config = ModelConfig(scratch=SCRATCH, readout=head, links=links)
    model = build_model(config, texts=["a picture"], datasets=names, seed=0)
    settings = TrainConfig(steps=STEPS, lr=3e-3, readout_lr=3e-2)
    collate = Collator(
        model.family, protocol=protocol("plain"), aspects=["overall"], datasets=names
    )
    order = Order(
        list(sources.values()), weights=[1] * len(names), batch_images=32, seed=0, steps=STEPS
    )
    steps = StepDataset(order, collate, seed=0)
    objective = Objective(ObjectiveConfig(text=0, rank=0, score=10, score_loss=loss))  # type: ignore[arg-type]
    toy.reset_accelerate()
    accelerator = build_accelerator(settings)
    optimizer = build_optimizer(model, settings)
    wrapped, prepared = accelerator.prepare(model, optimizer)
    for k in range(STEPS):
        set_lr(optimizer, lr_factor(k, STEPS, settings))
        train_step(wrapped.train(), prepared, objective, steps[k], accelerator, seed=0, clip=1.0)
    toy.reset_accelerate()

    @torch.no_grad()
    def score(units: list[Unit]) -> np.ndarray:
        items = [Item(unit.samples[0], unit.samples[0].questions) for unit in units]
        return model.eval()(collate(items)).scores.numpy()

    return score


@pytest.mark.parametrize(("loss", "readout"), [("huber", "regression"), ("soft_label", "bins")])
def test_two_sources_train_one_order(tmp_path: Path, loss: str, readout: str) -> None:
    sources = {name: pictures(tmp_path, name, 96, 0)[0] for name in RANGES}
    held_out = {name: pictures(tmp_path, name, 48, 1) for name in RANGES}
    together = [unit for units, _ in held_out.values() for unit in units]
    truth = np.concatenate([truths for _, truths in held_out.values()])

    def srcc(score: Any, units: list[Unit], truths: np.ndarray) -> float:
        return metrics.srcc(score(units), truths).value

    linked = trained(sources, links=True, loss=loss, readout=readout)
    for name, (units, truths) in held_out.items():
        alone = trained({name: sources[name]}, links=True, loss=loss, readout=readout)
        expected = srcc(alone, units, truths)
        assert expected > 0.95
        assert srcc(linked, units, truths) > expected - ALONE
    across = srcc(linked, together, truth)
    assert across > ACROSS
    bare = trained(sources, links=False, loss=loss, readout=readout)
    assert srcc(bare, together, truth) < across - WORSE
