"""The training loop: restore, then step, log and checkpoint until the last step.

It is given its model, its data and the objective, and knows only `model(batch) -> Outputs`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from artimuse.config import Config
from artimuse.data.loader import StepDataset, step_loader
from artimuse.objectives.joint import Objective
from artimuse.training import shards, zero
from artimuse.training.checkpoint import load_checkpoint, save_checkpoint
from artimuse.training.checkpoint_folder import newest_checkpoint
from artimuse.training.log import RunLog
from artimuse.training.memory import fetched
from artimuse.training.nonfinite import SkippedSteps
from artimuse.training.optimizer import build_optimizer, learning_rates, lr_factor, set_lr
from artimuse.training.selection import Evaluate, Selection
from artimuse.training.signals import StopSignal
from artimuse.training.speed import Seen, Speed
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
    zero.refuse_model(model, accelerator)
    settings, steps = config.train, len(data)
    objective = Objective(config.objective)
    model.to(accelerator.device).train()
    bare_optimizer = build_optimizer(model, settings)
    selection = Selection(settings.select, evaluate, steps=steps)
    skipped = SkippedSteps(settings.nonfinite_in_a_row)
    start, seen = 0, Seen()
    newest = _newest(folder, accelerator)
    if newest is not None:
        shards.require_same_sharding(newest, accelerator)
        state = load_checkpoint(
            newest, model=model, optimizer=bare_optimizer, fingerprint=fingerprint
        )
        start = state["step"]
        selection.restore(state.get("selection"))
        seen = Seen(**state["seen"])
        skipped.restore(state.get("skipped"))
    wrapped, optimizer = accelerator.prepare(model, bare_optimizer)
    if newest is not None:
        shards.load_shard(newest, optimizer, accelerator)
    main = accelerator.is_main_process
    log = RunLog(
        folder if main else None,
        steps=steps, start=start, every=settings.log_every, config=config.run,
        speed=Speed(accelerator.device),
    )  # fmt: skip
    done, stopping = start, False
    pin = accelerator.device.type == "cuda"
    first = steps if selection.stopped else start
    loader = step_loader(data, start=first, workers=config.data.workers, pin_memory=pin)
    with StopSignal() as signals:
        for step_data in log.speed.waiting(fetched(loader, data, first)):
            factor = lr_factor(step_data.step, steps, settings)
            set_lr(bare_optimizer, factor)
            result = train_step(
                wrapped, optimizer, objective, step_data, accelerator,
                seed=config.run.seed, clip=settings.clip,
            )  # fmt: skip
            done = step_data.step + 1
            seen.add(step_data.counts.images, result.tokens)
            rates = {"lr": settings.lr * factor} | learning_rates(bare_optimizer)
            row = _row(done, result, step_data.counts, rates, seen, config)
            row |= skipped.after_step(result, step_data, accelerator)
            log.step(row)
            if result.skipped:
                log.say(skipped.line(row))
                skipped.enforce(row)
            better = selection.after_step(done, model, accelerator, log)
            complete = done == steps or selection.stopped
            told = signals.agreed(accelerator)
            stopping = complete or told or (stop is not None and stop(done))
            if better or complete or told or done % settings.checkpoint_every == 0:
                log.sync()
                parts = shards.write_shards(folder / "checkpoints", optimizer, accelerator)
                with shards.whole(model, accelerator):
                    if main:
                        save_checkpoint(
                            folder / "checkpoints",
                            step=done, model=model, optimizer=bare_optimizer, shards=parts,
                            fingerprint=fingerprint, keep=settings.checkpoints_kept,
                            selection=selection.state(), seen=asdict(seen), skipped=skipped.state(),
                        )  # fmt: skip
            if told and not complete:
                log.say(f"stopped by {signals.name} after step {done} of {steps}, which is saved")
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


def _newest(folder: Path, accelerator: Accelerator) -> Path | None:
    """The checkpoint to go on from: the main process looks, and the others take its word."""
    found: list[Any] = [None]
    if accelerator.is_main_process:
        found = [newest_checkpoint(folder / "checkpoints", lambda text: print(text, flush=True))]
    broadcast_object_list(found)
    return found[0]


def _row(
    done: int, result: Any, counts: Any, rates: dict[str, float], seen: Seen, config: Config
) -> dict[str, Any]:
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
        **rates,
        "grad_norm": result.grad_norm,
        "images": counts.images,
        "text_targets": counts.tokens,
        "readouts": counts.readouts,
        "pairs": counts.pairs,
        "tokens": result.tokens,
        "images_seen": seen.images,
        "tokens_seen": seen.tokens,
    }
