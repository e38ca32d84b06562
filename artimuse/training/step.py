"""One optimizer step: forward, joint objective, backward over the step's micro-batches, update."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator

from artimuse.data.loader import StepData
from artimuse.objectives.joint import Objective
from artimuse.training.accelerator import seed_micro_batch
from artimuse.training.memory import step_memory


@dataclass(frozen=True, slots=True)
class StepResult:
    """The step's losses over all processes, unweighted, the gradient's norm before clipping, and how many
    tokens all processes read."""

    text: float
    score: float
    rank: float
    align: float
    grad_norm: float
    tokens: int
    skipped: bool = False
    """Whether a loss or the gradient's norm was not finite in some process; nothing was updated then."""
    suspects: list[str] = field(default_factory=list)
    """Samples of this process's micro-batches whose own loss is not finite."""


def train_step(
    model: Any,
    optimizer: Any,
    objective: Objective,
    data: StepData,
    accelerator: Accelerator,
    *,
    seed: int,
    clip: float | None,
) -> StepResult:
    """Train on one whole optimizer step.

    Args:
        model, optimizer: as `accelerator.prepare` returned them.
        data: this process's share, cut into micro-batches, with the step's global counts.
        seed: of the run; dropout is seeded from it, the step, the micro-batch and the process.
        clip: largest norm of the gradient, None for no clipping.

    A loss or gradient that is not finite, in whatever process, is no update in any of them.

    Raises:
        RunError: when memory is out, with the samples of the micro-batch.
    """
    scale = float(accelerator.num_processes * len(data.micro_batches))
    # Text, score, rank and align for the log; total and norm for what all processes decide alike.
    parts = torch.zeros(6, device=accelerator.device)
    tokens = torch.tensor(data.tokens, device=accelerator.device)
    norm = torch.zeros((), device=accelerator.device)
    suspects: list[str] = []
    finite = True
    for number, batch in enumerate(data.micro_batches):
        seed_micro_batch(seed, data.step, number, accelerator.process_index)
        with accelerator.accumulate(model):
            with step_memory(data, number):
                on_device = batch.to(accelerator.device)
                losses = objective(model(on_device), on_device, data.counts, scale=scale)
                every = (losses.text, losses.score, losses.rank, losses.align, losses.total)
                values = torch.stack(every).detach()
                # Also where it is not finite: the others wait for this gradient. ZeRO updates inside, unless
                # the gradient's norm is not finite: so that it is not, whatever the loss was.
                sound = bool(torch.isfinite(values).all())
                accelerator.backward(losses.total if sound else losses.total * math.nan)
            parts[:5] += values
            if not sound:
                suspects += data.sample_ids[number]
            if accelerator.sync_gradients:
                # Under ZeRO a number: backward has clipped already, and updated where it was finite.
                clipped = accelerator.clip_grad_norm_(model.parameters(), clip or float("inf"))
                assert clipped is not None
                norm = parts[5] = torch.as_tensor(clipped)
                parts = accelerator.reduce(parts, "sum")
                assert isinstance(parts, torch.Tensor)
                finite = bool(torch.isfinite(parts).all())
                if finite:
                    with step_memory(data, number):  # AdamW's moments are made in the first one
                        optimizer.step()
            optimizer.zero_grad()
    text, score, rank, align = parts[:4].tolist()
    read: Any = accelerator.reduce(tokens, "sum")
    return StepResult(
        text=text, score=score, rank=rank, align=align, grad_norm=float(norm),
        tokens=int(read), skipped=not finite, suspects=suspects,
    )  # fmt: skip
