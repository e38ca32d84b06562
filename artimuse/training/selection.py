"""Which step's model is a run's result, and when training on is of no use.

    selection = Selection(config.train.select, evaluate, steps=600)
    better = selection.after_step(done, model, accelerator, log)       # in the loop, after every step
    selection.stopped, selection.state()

Decisions follow from the metric alone. What is best so far, and since how many evaluations, is in every
checkpoint; a better model has one of its own, which is not removed while a checkpoint names it. So a run
that was stopped anywhere decides as one that ran through.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from artimuse.config import SelectConfig
from artimuse.training.checkpoint import STATE_FILE, list_checkpoints, load_weights
from artimuse.training.log import RunLog

Evaluate = Callable[[Any], Mapping[str, float]]
"""The unwrapped model -> its metrics on the validation split; called by every process at once."""

LOWER_IS_BETTER = ("mae", "loss")


class Selection:
    """The best step so far; without a configuration it never evaluates, and the last step is the result.

    Args:
        evaluate: gives at least the configured metric.
        steps: of the whole run; after the last one there is always an evaluation.
    """

    def __init__(
        self, config: SelectConfig | None, evaluate: Evaluate | None, *, steps: int
    ) -> None:
        if config is not None and evaluate is None:
            raise ValueError("train.select: expected an `evaluate` callable to select by")
        self.config, self.evaluate, self.steps = config, evaluate, steps
        self.best: int | None = None
        """The step of the best model, None before the first evaluation."""
        self.value = math.nan
        self.waited = 0
        """Evaluations since the best one."""

    @property
    def stopped(self) -> bool:
        """Whether the patience is at its end."""
        patience = None if self.config is None else self.config.patience
        return patience is not None and self.waited >= patience

    def after_step(self, done: int, model: Any, accelerator: Accelerator, log: RunLog) -> bool:
        """Evaluate where it is due; whether the model is the best so far.

        Raises:
            FloatingPointError: for a metric that is not finite.
        """
        config = self.config
        if config is None or (done % config.every and done != self.steps):
            return False
        assert self.evaluate is not None
        began = time.perf_counter()
        metrics: list[Any] = [dict(self.evaluate(model))]
        model.train()
        # All processes have to decide alike: the main one's numbers count.
        broadcast_object_list(metrics)
        better = self._judge(done, metrics[0])
        row = {f"validation_{name}": value for name, value in metrics[0].items()}
        if self.best is not None:
            row["validation_best_step"] = self.best
        log.validation({"step": done, **row}, seconds=time.perf_counter() - began)
        value = metrics[0][config.metric]
        if not math.isfinite(value):  # after it is on record
            raise FloatingPointError(f"step {done}: the validation {config.metric} is {value}")
        return better

    def finish(self, done: int, model: Any, checkpoints: Path, log: RunLog) -> None:
        """Give the model the weights of the best step, after the last one that was trained."""
        if self.config is None or self.best is None:
            return
        if self.stopped:
            log.say(
                f"stopped early: {self.waited} evaluations without a better {self.config.metric}"
            )
        if self.best != done:
            load_weights(checkpoints, self.best, model)
        log.say(
            f"selected   step {self.best} of {done}: validation {self.config.metric} {self.value:.4g}; "
            "the result is the model of that step"
        )

    def state(self) -> dict[str, Any] | None:
        """What a checkpoint holds of it: JSON."""
        if self.config is None:
            return None
        return {
            "metric": self.config.metric,
            "best_step": self.best,
            "best_value": None if self.best is None else self.value,
            "waited": self.waited,
            "stopped_early": self.stopped,
        }

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Go on from a checkpoint's `state()`."""
        if self.config is not None and state is not None and state["best_step"] is not None:
            self.best, self.value = state["best_step"], state["best_value"]
            self.waited = state["waited"]

    def _judge(self, done: int, metrics: Mapping[str, float]) -> bool:
        assert self.config is not None
        name = self.config.metric
        if name not in metrics:
            raise ValueError(f"train.select.metric: {name!r} is none of {', '.join(metrics)}")
        value = metrics[name]
        higher = value < self.value if name in LOWER_IS_BETTER else value > self.value
        better = math.isfinite(value) and (
            self.best is None or higher
        )  # of equal ones, the earlier
        if better:
            self.best, self.value = done, value
        self.waited = 0 if better else self.waited + 1
        return better


def selected(folder: Path) -> dict[str, Any] | None:
    """What a run's newest checkpoint says of the selection; None for a run without one.

    Args:
        folder: the run folder.
    """
    *_, newest = [None, *list_checkpoints(folder / "checkpoints")]
    if newest is None:
        return None
    return json.loads((newest / STATE_FILE).read_text(encoding="utf-8")).get("selection")
