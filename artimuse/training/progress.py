"""How far a run is: what it has done, decided and seen, and the checkpoints that carry it over a stop.

progress = Progress(folder / "checkpoints", selection, skipped, accelerator, fingerprint=..., keep=3)
progress.restore(model, optimizer)                  # before `prepare`, from the newest checkpoint
progress.restore_shard(prepared_optimizer)          # after it: what ZeRO has in shards
progress.save(model, optimizer, prepared_optimizer)
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import nn

from artimuse.config import ObjectiveConfig
from artimuse.data.loader import StepData
from artimuse.training import shards
from artimuse.training.accelerator import wait_for_all
from artimuse.training.checkpoint import load_checkpoint, save_checkpoint
from artimuse.training.checkpoint_folder import newest_checkpoint
from artimuse.training.nonfinite import SkippedSteps
from artimuse.training.selection import Selection
from artimuse.training.speed import Seen
from artimuse.training.step import StepResult


class Progress:
    """A run's counts and decisions; every process has the same.

    Args:
        checkpoints: the run's checkpoints folder.
        fingerprint: of configuration and data; a checkpoint with another one is refused.
        keep: so many of the newest checkpoints stay, and the best.
    """

    def __init__(
        self,
        checkpoints: Path,
        selection: Selection,
        skipped: SkippedSteps,
        accelerator: Accelerator,
        *,
        fingerprint: dict[str, str],
        keep: int,
    ) -> None:
        self.checkpoints, self.accelerator = checkpoints, accelerator
        self.fingerprint, self.keep = fingerprint, keep
        self.selection, self.skipped = selection, skipped
        self.done = 0
        """Steps; also those that were skipped."""
        self.seen = Seen()
        self._from: Path | None = None

    def complete(self, steps: int) -> bool:
        """Whether there is nothing left to train of so many steps."""
        return self.done == steps or self.selection.stopped

    def after_step(
        self, data: StepData, result: StepResult, weights: ObjectiveConfig
    ) -> dict[str, Any]:
        """Count a step that was taken or skipped: its row of metrics.jsonl, but for learning rates and times.

        Losses are the step's, over all processes, before weighting; `loss` is their weighted sum. Every
        process calls this.
        """
        self.done = data.step + 1
        self.seen.add(data.counts.images, result.tokens)
        return {
            "step": self.done,
            "loss": weights.text * result.text
            + weights.score * result.score
            + weights.rank * result.rank
            + weights.align * result.align,
            "loss_text": result.text,
            "loss_score": result.score,
            "loss_rank": result.rank,
            **({"loss_align": result.align} if weights.align else {}),
            "grad_norm": result.grad_norm,
            "images": data.counts.images,
            "text_targets": data.counts.tokens,
            "readouts": data.counts.readouts,
            "pairs": data.counts.pairs,
            "tokens": result.tokens,
            "images_seen": self.seen.images,
            "tokens_seen": self.seen.tokens,
            **self.skipped.after_step(result, data, self.accelerator),
        }

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Go on from the newest complete checkpoint, where there is one.

        Args:
            model, optimizer: before `prepare`.

        Raises:
            CheckpointError: for one that is damaged, or of another configuration, data or version.
            ConfigError: for one that was written under another stage of ZeRO, or by more or fewer processes.
        """
        # The main process looks, and the others take its word.
        found: list[Any] = [None]
        if self.accelerator.is_main_process:
            found = [newest_checkpoint(self.checkpoints, lambda text: print(text, flush=True))]
        broadcast_object_list(found)
        self._from = found[0]
        if self._from is None:
            return
        shards.require_same_sharding(self._from, self.accelerator)
        state = load_checkpoint(
            self._from, model=model, optimizer=optimizer, fingerprint=self.fingerprint
        )
        self.done = state["step"]
        self.selection.restore(state["selection"])
        self.skipped.restore(state["skipped"])
        self.seen = Seen(**state["seen"])

    def restore_shard(self, prepared: Any) -> None:
        """Give an optimizer as `prepare` returned it its part of the checkpoint, where ZeRO cuts it."""
        if self._from is not None:
            shards.load_shard(self._from, prepared, self.accelerator)

    def save(self, model: nn.Module, optimizer: torch.optim.Optimizer, prepared: Any) -> None:
        """Write a checkpoint; every process calls this.

        Args:
            model, optimizer: unwrapped. prepared: the optimizer as `prepare` returned it.

        Raises:
            RunError: when it cannot be written; the checkpoints before stay.
        """
        parts = shards.write_shards(self.checkpoints, prepared, self.accelerator)
        with shards.whole(model, self.accelerator):
            if self.accelerator.is_main_process:
                save_checkpoint(
                    self.checkpoints, step=self.done, model=model, optimizer=optimizer, shards=parts,
                    fingerprint=self.fingerprint, keep=self.keep, selection=self.selection.state(),
                    seen=asdict(self.seen), skipped=self.skipped.state(),
                )  # fmt: skip
                shards.forget(parts)
            wait_for_all(self.accelerator)
