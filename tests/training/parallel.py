"""Tiny runs as functions, and by `torchrun` the same as one of several real processes:

    torchrun --nproc-per-node 2 tests/training/parallel.py FOLDER CASE...

Every process trains each case in a folder of its own; the first one also writes its weights there, as
after.safetensors, and the model, as model/.
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import toy
from accelerate import Accelerator
from safetensors.torch import save_file

from artimuse.config import Config, LoraConfig, ModelConfig, ReadoutConfig
from artimuse.data.loader import StepDataset
from artimuse.data.order import Order
from artimuse.data.units import Unit
from artimuse.data.views import collator
from artimuse.models import mlp_blocks
from artimuse.models.activations import checkpoint_activations
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.fgaesq import FGAesQModel
from artimuse.models.folder import save_model
from artimuse.models.text_tower import attach_text_tower
from artimuse.objectives.joint import Losses, Objective
from artimuse.prompts import protocol
from artimuse.training.accelerator import build_accelerator, prepare_stage
from artimuse.training.loop import train

STEPS = 4
ROWS_OF_AN_MLP = 5
"""Tokens in a block, so that these short rows have several too."""
# Of a step cut in two, one share has all the text, and the other the only pairs.
CASES: dict[str, dict[str, Any]] = {
    "lora": {},
    "accumulated": {"accumulation": 2},
    "clipped": {"clip": 1e-7},
    "unequal": {"units": "unequal"},
    "plcc": {"objective": {"score_loss": "plcc"}},
    "checkpointed": {"activation_checkpointing": True},
    "fgaesq": {"model": "fgaesq"},
    "bf16": {"precision": "bf16"},
    # Without autocast these are those of "lora": a base in bf16 rounds by itself.
    "autocast": {"precision": "bf16", "base": "fp32"},
    "dropout": {"dropout": 0.3, "accumulation": 2},
    "stopped": {"dropout": 0.3, "accumulation": 2, "stop_after": 3},
    "resumed": {"dropout": 0.3, "accumulation": 2, "name": "stopped"},
    "two-steps": {"accumulation": 2, "stop_after": 2},
    "infinite": {"accumulation": 2, "stop_after": 3, "spoiled": (3, math.inf)},
    "spoiled-total": {"accumulation": 2, "stop_after": 3, "spoiled": (3, 0.0)},
}


def recipe(folder: Path, **changes: Any) -> Config:
    objective = changes.pop("objective", {"align": 1.0 if changes.pop("fgaesq", 0) else 0.0})
    train_settings = {
        "steps": STEPS,
        "batch_images": 12,
        "lr": 1e-2,
        "checkpoint_every": 2,
    } | changes
    source = {"name": "t", "format": "custom", "images": ".", "table": "t.csv", "scale": [0, 10]}
    raw = {
        "run": {"name": "r", "folder": str(folder)},
        "data": {"root": str(folder), "sources": [source], "workers": 0},
        "model": {"scratch": {}},
        "objective": objective,
        "train": train_settings,
    }
    return Config.model_validate_json(json.dumps(raw))


def write_base(folder: Path) -> Path:
    """A whole tiny InternVL with a read-out, for LoRA to be put on."""
    config = ModelConfig(scratch=toy.SCRATCH, readout=ReadoutConfig(hidden=16))
    save_model(build_model(config, texts=toy.LINES, seed=0), folder / "base")
    return folder / "base"


def tiny_model(
    folder: Path, kind: str, *, dropout: float = 0.0, precision: str = "fp32"
) -> AestheticModel:
    if kind == "fgaesq":
        config = toy.seen_config(ReadoutConfig(hidden=16), "corrected")
        model = build_model(config, texts=toy.LINES, seed=0)
        assert isinstance(model, FGAesQModel)
        attach_text_tower(model, config, toy.LINES, seed=1)
        return model
    lora = LoraConfig(rank=4, dropout=dropout)
    config = ModelConfig(base=str(folder / "base"), tuning="lora", lora=lora)
    return build_model(
        config, seed=0, dtype=torch.bfloat16 if precision == "bf16" else torch.float32
    )


def all_units(folder: Path, kind: str, how: str) -> list[Unit]:
    if kind == "fgaesq":
        return toy.seen_units(folder)
    if how == "unequal":
        return toy.unequal_units(folder)
    return [*toy.mixed_units(folder), toy.scored_unit(folder, "x", 9.0)]


def run_case(
    folder: Path, case: str, accelerator: Accelerator | None = None, **changes: Any
) -> tuple[AestheticModel, Path]:
    """Train one case from whatever is in its folder: the model, and that folder."""
    options = dict(CASES[case]) | changes
    kind, how = options.pop("model", "lora"), options.pop("units", "mixed")
    dropout, stop_after = options.pop("dropout", 0.0), options.pop("stop_after", None)
    spoiled, base = options.pop("spoiled", None), options.pop("base", None)
    place = folder / options.pop("name", case)
    config = recipe(folder, fgaesq=kind == "fgaesq", **options)
    if accelerator is None:
        toy.reset_accelerate()
        accelerator = build_accelerator(config.train)
    else:
        prepare_stage(accelerator, config.train)
    model = tiny_model(folder, kind, dropout=dropout, precision=base or config.train.precision)
    if config.train.activation_checkpointing:
        checkpoint_activations(model)
    units = all_units(folder, kind, how)
    order = Order(
        [units], weights=[1], batch_images=sum(u.images for u in units), seed=0, steps=STEPS
    )  # fmt: skip
    collate = collator(
        model.family, protocol=protocol("plain"), aspects=["overall"], datasets=["t"],
        texts=kind == "fgaesq",
    )  # fmt: skip
    steps = StepDataset(
        order, collate, seed=0, accumulation=config.train.accumulation,
        processes=accelerator.num_processes, process=accelerator.process_index,
    )  # fmt: skip
    place.mkdir(exist_ok=True)
    blocks = mock.patch.object(mlp_blocks, "MOST_ROWS", ROWS_OF_AN_MLP)
    with blocks, spoil(accelerator, *spoiled) if spoiled else nullcontext():
        train(
            model, steps, config, accelerator, folder=place, fingerprint={"data": "d"},
            stop=None if stop_after is None else lambda k: k >= stop_after,
        )  # fmt: skip
    return model, place


def spoil(accelerator: Accelerator, step: int, slope: float) -> AbstractContextManager[Any]:
    """The last process's first micro-batch (of two) of a step has an infinite loss.

    Args:
        slope: of it; with 0 the loss is infinite and its gradient is not.
    """
    real, calls = Objective.__call__, [0]

    def spoiled(self: Objective, *arguments: Any, **named: Any) -> Losses:
        losses = real(self, *arguments, **named)
        calls[0] += 1
        if calls[0] != 2 * step - 1 or not accelerator.is_last_process:
            return losses
        if slope == 0:
            return replace(losses, total=losses.total + math.inf)
        return replace(losses, total=losses.total * slope)

    return mock.patch.object(Objective, "__call__", spoiled)


def main(folder: str, *cases: str) -> None:
    torch.set_num_threads(1)
    precision = CASES[cases[0]].get("precision", "fp32")
    accelerator = build_accelerator(recipe(Path(folder), precision=precision).train)
    for case in cases:
        model, place = run_case(Path(folder), case, accelerator)
        if accelerator.is_main_process:
            weights = {n: p.detach().contiguous() for n, p in model.trainable().items()}
            save_file(weights, place / "after.safetensors")
            save_model(model, place / "model")
        accelerator.wait_for_everyone()
    accelerator.end_training()


if __name__ == "__main__":
    main(*sys.argv[1:])
