"""Two bf16 steps with a learning rate whose updates round away in bf16: a function, and one of two processes.

torchrun --nproc-per-node 2 tests/training/small_updates.py BASE IMAGES KIND OUTPUT
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import toy
from safetensors.torch import save_file

from artimuse.config import LoraConfig, ModelConfig, ObjectiveConfig, TrainConfig
from artimuse.data.collate import Collator
from artimuse.data.loader import StepDataset
from artimuse.data.order import Order
from artimuse.models.build import build_model
from artimuse.objectives.joint import Objective
from artimuse.prompts import protocol
from artimuse.training.accelerator import build_accelerator
from artimuse.training.optimizer import build_optimizer, set_lr
from artimuse.training.setup import base_dtype
from artimuse.training.step import train_step

LR, STEPS = 1e-6, 2  # data parallel shows in the second step what got no gradient in the first
KINDS: dict[str, dict[str, Any]] = {
    "lora": {"tuning": "lora", "lora": LoraConfig(dropout=0.0), "vision": "full", "projector": "full"},
    "full": {"tuning": "full"},
}  # fmt: skip


def small_step(base: str, images: Path, kind: str) -> dict[str, torch.Tensor]:
    """Trainable parameters before and after the steps, as `before|name` and `after|name`."""
    settings = TrainConfig(steps=STEPS, lr=LR, warmup_frac=0.0, precision="bf16")
    accelerator = build_accelerator(settings)
    config = ModelConfig(base=base, **KINDS[kind])
    model = build_model(config, seed=0, dtype=base_dtype(config, settings)).train()
    with torch.no_grad():  # lora_A has no gradient while lora_B is zero
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.add_(0.1)
    before = {f"before|{name}": p.detach().clone() for name, p in model.trainable().items()}
    order = Order([toy.mixed_units(images)], weights=[1], batch_images=10, seed=0, steps=STEPS)
    collate = Collator(model.family, protocol=protocol("plain"), aspects=["overall"], datasets=[])
    steps = StepDataset(
        order, collate, seed=0, accumulation=1,
        processes=accelerator.num_processes, process=accelerator.process_index,
    )  # fmt: skip
    bare = build_optimizer(model, settings)
    set_lr(bare, 1.0)
    wrapped, optimizer = accelerator.prepare(model, bare)
    objective = Objective(ObjectiveConfig())
    for step in range(STEPS):
        train_step(wrapped, optimizer, objective, steps[step], accelerator, seed=0, clip=1.0)
    return before | {f"after|{name}": p.detach() for name, p in model.trainable().items()}


def main(base: str, images: str, kind: str, output: str) -> None:
    torch.set_num_threads(1)
    found = small_step(base, Path(images), kind)
    save_file(found, f"{output}.{torch.distributed.get_rank()}")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
