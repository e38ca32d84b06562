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
from artimuse.training import shards, zero
from artimuse.training.checkpoint import list_checkpoints, load_checkpoint, save_checkpoint
from artimuse.training.log import RunLog
from artimuse.training.optimizer import build_optimizer, lr_factor, set_lr
from artimuse.training.selection import Evaluate, Selection
from artimuse.training.step import train_step


def train(
    model: Any,
    data: StepDataset,
    config: Config,
    accelerator: Accelerator,
    *,
    folder: Path,
    fingerprint: dict[str, str],
    evaluate: Evaluate | None = None,
    stop: Callable[[int], bool] | None = None,
) -> bool:
    """Train from the newest checkpoint, or from the start, to the last step or an early stop.

    At the end the model is that of the best step where `train.select` is given, else of the last.

    Args:
        model: on the CPU; moved to the accelerator's device and trained in place.
        data: optimizer steps, this process's share of each.
        folder: the run folder.
        fingerprint: of configuration and data; a checkpoint with another one is refused.
        evaluate: gives the metrics that `train.select` selects by; None where nothing is selected.
        stop: asked after every step with the number of steps done; True ends the run early.

    Returns:
        Whether training is complete.
    """
    zero.refuse_model(model, accelerator)
    settings, steps = config.train, len(data)
    objective = Objective(config.objective)
    model.to(accelerator.device).train()
    bare_optimizer = build_optimizer(model, settings)
    checkpoints = list_checkpoints(folder / "checkpoints")
    selection = Selection(settings.select, evaluate, steps=steps)
    start = 0
    if checkpoints:
        shards.require_same_sharding(checkpoints[-1], accelerator)
        state = load_checkpoint(
            checkpoints[-1], model=model, optimizer=bare_optimizer, fingerprint=fingerprint
        )
        start = state["step"]
        selection.restore(state.get("selection"))
    wrapped, optimizer = accelerator.prepare(model, bare_optimizer)
    if checkpoints:
        shards.load_shard(checkpoints[-1], optimizer, accelerator)
    main = accelerator.is_main_process
    log = RunLog(
        folder if main else None,
        steps=steps, start=start, every=settings.log_every, config=config.run,
    )  # fmt: skip
    done, stopping = start, False
    pin = accelerator.device.type == "cuda"
    first = steps if selection.stopped else start
    for step_data in step_loader(data, start=first, workers=config.data.workers, pin_memory=pin):
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
        better = selection.after_step(done, model, accelerator, log)
        complete = done == steps or selection.stopped
        stopping = complete or (stop is not None and stop(done))
        if better or complete or done % settings.checkpoint_every == 0:
            parts = shards.write_shards(folder / "checkpoints", optimizer, accelerator)
            with shards.whole(model, accelerator):
                if main:
                    save_checkpoint(
                        folder / "checkpoints",
                        step=done, model=model, optimizer=bare_optimizer, shards=parts,
                        fingerprint=fingerprint, keep=settings.checkpoints_kept,
                        selection=selection.state(),
                    )  # fmt: skip
        if stopping:
            break
    complete = done == steps or selection.stopped
    if not (complete or stopping):
        # A loop over a loader takes a StopIteration from inside a dataset for its end.
        raise RuntimeError(f"the data ended after step {done} of {steps}: this is a fault in it")
    accelerator.wait_for_everyone()
    shards.release(model, accelerator)
    if complete:
        selection.finish(done, model, folder / "checkpoints", log)
    log.close()
    return complete


def _row(done: int, result: Any, counts: Any, lr: float, config: Config) -> dict[str, Any]:
    """A row of metrics.jsonl; losses are the step's, over all processes, before weighting."""
    weights = config.objective
    return {
        "step": done,
        "loss": weights.text * result.text
        + weights.score * result.score
        + weights.rank * result.rank
        + weights.align * result.align,
        "loss_text": result.text,
        "loss_score": result.score,
        "loss_rank": result.rank,
        **({"loss_align": result.align} if weights.align else {}),
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
