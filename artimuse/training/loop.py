"""The training loop: restore, then step, log and checkpoint until the last step.

It is given its model, its data and the objective, and knows only `model(batch) -> Outputs`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from artimuse.config import Config
from artimuse.data.loader import StepDataset, step_loader
from artimuse.objectives.joint import Objective
from artimuse.training.checkpoint import list_checkpoints, load_checkpoint, save_checkpoint
from artimuse.training.log import RunLog
from artimuse.training.optimizer import build_optimizer, lr_factor, set_lr
from artimuse.training.step import train_step


def train(
    model: Any,
    data: StepDataset,
    config: Config,
    accelerator: Accelerator,
    *,
    folder: Path,
    fingerprint: dict[str, str],
    stop: Callable[[int], bool] | None = None,
) -> bool:
    """Train from the newest checkpoint, or from the start, to the last step.

    Args:
        model: on the CPU; moved to the accelerator's device and trained in place.
        data: optimizer steps, this process's share of each.
        folder: the run folder.
        fingerprint: of configuration and data; a checkpoint with another one is refused.
        stop: asked after every step with the number of steps done; True ends the run early.

    Returns:
        Whether the last step was done.
    """
    settings, steps = config.train, len(data)
    objective = Objective(config.objective)
    model.to(accelerator.device).train()
    bare_optimizer = build_optimizer(model, settings)
    checkpoints = list_checkpoints(folder / "checkpoints")
    start = 0
    if checkpoints:
        start = load_checkpoint(
            checkpoints[-1], model=model, optimizer=bare_optimizer, fingerprint=fingerprint
        )
    wrapped, optimizer = accelerator.prepare(model, bare_optimizer)
    main = accelerator.is_main_process
    log = RunLog(
        folder if main else None,
        steps=steps, start=start, every=settings.log_every, config=config.run,
    )  # fmt: skip
    done, stopping = start, False
    pin = accelerator.device.type == "cuda"
    for step_data in step_loader(data, start=start, workers=config.data.workers, pin_memory=pin):
        factor = lr_factor(step_data.step, steps, settings)
        set_lr(bare_optimizer, factor)
        result = train_step(
            wrapped, optimizer, objective, step_data, accelerator,
            seed=config.run.seed, clip=settings.clip,
        )  # fmt: skip
        done = step_data.step + 1
        log.step(
            _row(done, result, step_data.counts, settings.lr * factor, config),
            images=step_data.counts.images,
        )
        stopping = done < steps and stop is not None and stop(done)
        if main and (done % settings.checkpoint_every == 0 or done == steps):
            save_checkpoint(
                folder / "checkpoints",
                step=done, model=model, optimizer=bare_optimizer,
                fingerprint=fingerprint, keep=settings.checkpoints_kept,
            )  # fmt: skip
        if stopping:
            break
    log.close()
    if done < steps and not stopping:
        # A loop over a loader takes a StopIteration from inside a dataset for its end.
        raise RuntimeError(f"the data ended after step {done} of {steps}: this is a fault in it")
    accelerator.wait_for_everyone()
    return done == steps


def _row(done: int, result: Any, counts: Any, lr: float, config: Config) -> dict[str, Any]:
    """A row of metrics.jsonl; losses are the step's, over all processes, before weighting."""
    weights = config.objective
    return {
        "step": done,
        "loss": weights.text * result.text
        + weights.score * result.score
        + weights.rank * result.rank,
        "loss_text": result.text,
        "loss_score": result.score,
        "loss_rank": result.rank,
        "lr": lr,
        "grad_norm": result.grad_norm,
        "images": counts.images,
        "text_targets": counts.tokens,
        "readouts": counts.readouts,
        "pairs": counts.pairs,
    }


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory of the device (CUDA) or of this process (CPU), in MB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
