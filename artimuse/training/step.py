"""One optimizer step: forward, joint objective, backward over the step's micro-batches, update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator

from artimuse.data.loader import StepData
from artimuse.objectives.joint import Objective
from artimuse.training.accelerator import seed_micro_batch


@dataclass(frozen=True, slots=True)
class StepResult:
    """The step's losses over all processes, unweighted, and the gradient's norm before clipping."""

    text: float
    score: float
    rank: float
    align: float
    grad_norm: float


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

    Raises:
        FloatingPointError: for a loss or gradient that is not finite, with the samples of this process.
    """
    scale = float(accelerator.num_processes * len(data.micro_batches))
    parts = torch.zeros(4, device=accelerator.device)
    norm = torch.zeros((), device=accelerator.device)
    for number, batch in enumerate(data.micro_batches):
        seed_micro_batch(seed, data.step, number, accelerator.process_index)
        with accelerator.accumulate(model):
            on_device = batch.to(accelerator.device)
            losses = objective(model(on_device), on_device, data.counts, scale=scale)
            # Before backward: with DeepSpeed the optimizer steps inside it.
            _require_finite(losses.total, "loss", data, number)
            accelerator.backward(losses.total)
            parts += torch.stack([losses.text, losses.score, losses.rank, losses.align])
            if accelerator.sync_gradients:
                # Under ZeRO a number: backward has clipped already.
                found = accelerator.clip_grad_norm_(model.parameters(), clip or float("inf"))
                assert found is not None
                norm = torch.as_tensor(found)
                _require_finite(norm, "gradient norm", data, number)
            optimizer.step()
            optimizer.zero_grad()
    text, score, rank, align = accelerator.reduce(parts, "sum").tolist()  # type: ignore[union-attr]
    return StepResult(text=text, score=score, rank=rank, align=align, grad_norm=float(norm))


def _require_finite(value: torch.Tensor, what: str, data: StepData, number: int) -> None:
    if not torch.isfinite(value):
        raise FloatingPointError(
            f"step {data.step}: the {what} is {float(value)}; samples of this micro-batch: "
            f"{', '.join(data.sample_ids[number])}. Lower train.lr, or look at these samples"
        )
