"""Steps whose loss or gradient is not finite: skipped, counted, and a run of them ends the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelerate import Accelerator
from accelerate.utils import gather_object

from artimuse.data.loader import StepData
from artimuse.training.faults import RunError
from artimuse.training.step import StepResult


class SkippedSteps:
    """Counts them; part of every checkpoint, so that a resumed run counts as one that ran through.

    Args:
        most: so many in a row are one too many.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.total = 0
        self.in_a_row = 0

    def after_step(
        self, result: StepResult, data: StepData, accelerator: Accelerator
    ) -> dict[str, Any]:
        """What the step's row of metrics.jsonl says beside its true values; empty for a finite step.

        `skipped_steps` is their number so far. `skipped_samples` are the micro-batches' whose own loss is not
        finite, or all of the step where it is the gradient alone. Every process calls this.
        """
        if not result.skipped:
            self.in_a_row = 0
            return {}
        self.total += 1
        self.in_a_row += 1
        suspects = _gathered(result.suspects, accelerator)
        if not suspects:
            suspects = _gathered([i for ids in data.sample_ids for i in ids], accelerator)
        return {"skipped_steps": self.total, "skipped_samples": suspects}

    def line(self, row: Mapping[str, Any]) -> str:
        """A skipped step's row, for the reader."""
        return (
            f"step={row['step']} skipped: loss {row['loss']}, gradient norm {row['grad_norm']}; "
            f"{self.in_a_row} in a row, {self.total} in all; samples: {', '.join(row['skipped_samples'])}"
        )

    def enforce(self, row: Mapping[str, Any]) -> None:
        """Raise RunError where the row is that of one skipped step too many."""
        if self.in_a_row >= self.most:
            raise RunError(
                f"{self.in_a_row} steps in a row had a loss or gradient that is not finite "
                f"(train.nonfinite_in_a_row); the last one, {row['step']}, with the samples "
                f"{', '.join(row['skipped_samples'])}. The weights are those of step "
                f"{row['step'] - self.in_a_row}. Look at these samples, or start a new run with a lower "
                "train.lr (run.name=NAME)"
            )

    def state(self) -> dict[str, int]:
        """What a checkpoint holds of it."""
        return {"total": self.total, "in_a_row": self.in_a_row}

    def restore(self, state: Mapping[str, int] | None) -> None:
        if state is not None:
            self.total, self.in_a_row = state["total"], state["in_a_row"]


def _gathered(ids: list[str], accelerator: Accelerator) -> list[str]:
    every = gather_object(ids) if accelerator.num_processes > 1 else ids
    return sorted(set(every))
