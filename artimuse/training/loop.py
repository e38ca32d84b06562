"""The training loop: restore, then step, log and checkpoint until the last step.

It is given its model, its data and the objective, and knows only `model(batch) -> Outputs`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from artimuse.config import Config
from artimuse.data.loader import StepDataset, step_loader
from artimuse.objectives.joint import Objective
from artimuse.training import shards, zero
from artimuse.training.accelerator import wait_for_all
from artimuse.training.log import RunLog
from artimuse.training.memory import fetched
from artimuse.training.nonfinite import SkippedSteps
from artimuse.training.optimizer import build_optimizer, learning_rates, lr_factor, set_lr
from artimuse.training.progress import Progress
from artimuse.training.selection import Evaluate, Selection
from artimuse.training.signals import StopSignal
from artimuse.training.speed import Speed
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
        stop: asked after every step with the number of steps done; True ends the run early, without
            saving.

    Returns:
        Whether training is complete; it is not where SIGTERM or SIGINT stopped it after a step.

    Raises:
        CheckpointError: for a checkpoint that is damaged, or of another configuration or other data.
        RunError: for memory or a disk that is full, and too many steps in a row that are not finite.
    """
    zero.fit_model(model, accelerator)
    settings, steps = config.train, len(data)
    objective = Objective(config.objective)
    model.to(accelerator.device).train()
    bare_optimizer = build_optimizer(model, settings)
    selection = Selection(settings.select, evaluate, steps=steps)
    skipped = SkippedSteps(settings.nonfinite_in_a_row)
    progress = Progress(
        folder / "checkpoints", selection, skipped, accelerator,
        fingerprint=fingerprint, keep=settings.checkpoints_kept,
    )  # fmt: skip
    progress.restore(model, bare_optimizer)
    wrapped, optimizer = accelerator.prepare(model, bare_optimizer)
    progress.restore_shard(optimizer)
    log = RunLog(
        folder if accelerator.is_main_process else None,
        steps=steps, start=progress.done, every=settings.log_every, config=config.run,
        speed=Speed(accelerator.device),
    )  # fmt: skip
    first = steps if selection.stopped else progress.done
    pin = accelerator.device.type == "cuda"
    loader = step_loader(data, start=first, workers=config.data.workers, pin_memory=pin)
    stopping = told = False
    with StopSignal() as signals:
        for step_data in log.speed.waiting(fetched(loader, data, first)):
            factor = lr_factor(step_data.step, steps, settings)
            set_lr(bare_optimizer, factor)
            result = train_step(
                wrapped, optimizer, objective, step_data, accelerator,
                seed=config.run.seed, clip=settings.clip,
            )  # fmt: skip
            row = progress.after_step(step_data, result, config.objective)
            log.step(row | {"lr": settings.lr * factor} | learning_rates(bare_optimizer))
            if result.skipped:
                log.say(skipped.line(row))
                skipped.enforce(row)
            done = progress.done
            better = selection.after_step(done, model, accelerator, log)
            complete, told = progress.complete(steps), signals.agreed(accelerator)
            if better or complete or told or done % settings.checkpoint_every == 0:
                log.sync()
                progress.save(model, bare_optimizer, optimizer)
            if told:
                log.say(f"stopped by {signals.name} after step {done} of {steps}, which is saved")
            stopping = complete or told or (stop is not None and stop(done))
            if stopping:
                break
    # Also after the last step: what would follow, an evaluation or another stage, may take hours.
    complete = progress.complete(steps) and not told
    if not (complete or stopping):
        # A loop over a loader takes a StopIteration from inside a dataset for its end.
        raise RuntimeError(f"the data ended after step {progress.done} of {steps}: a fault in it")
    wait_for_all(accelerator)
    shards.release(model, accelerator)
    if complete:
        selection.finish(progress.done, model, folder / "checkpoints", log)
    log.close()
    return complete
