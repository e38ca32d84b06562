"""TensorBoard and Weights & Biases: they show what metrics.jsonl holds, and nothing else.

    run: {trackers: [tensorboard, wandb]}
    tensorboard --logdir runs/NAME/tensorboard          wandb sync runs/NAME/wandb/offline-run-*

A process that goes on with a run tells its trackers the rows that stay before it adds to them. So each step is
there once, also where a process died with rows that it had not passed on, or after the checkpoint.
"""

from __future__ import annotations

import importlib.util
import secrets
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from artimuse.config import ConfigError, RunConfig

Row = dict[str, Any]


class Tracker(Protocol):
    def log(self, row: Row) -> None: ...
    def close(self) -> None: ...


def require_trackers(config: RunConfig) -> None:
    """Raise ConfigError for a tracker that is not installed; without importing it."""
    for name in config.trackers:
        if importlib.util.find_spec(name) is None:
            raise ConfigError(
                f"run.trackers: {name!r} is not installed; install it with "
                f'`pip install "artimuse[{name}]"`, or leave it out (metrics.jsonl is always written)'
            )


def start_trackers(config: RunConfig, folder: Path, rows: Sequence[Row]) -> list[Tracker]:
    """The trackers of a run, which know the rows that it has so far.

    Args:
        folder: the run folder; each has a folder in it. rows: of metrics.jsonl.
    """
    require_trackers(config)
    kinds = {"tensorboard": TensorBoard, "wandb": WandB}
    return [kinds[name](config, folder, rows) for name in config.trackers]


class TensorBoard:
    """Event files in `tensorboard/`, written anew when a run goes on."""

    def __init__(self, config: RunConfig, folder: Path, rows: Iterable[Row]) -> None:
        # Imported by a run that uses it, and by no other.
        from torch.utils.tensorboard import SummaryWriter

        place = folder / "tensorboard"
        shutil.rmtree(place, ignore_errors=True)
        self._writer = SummaryWriter(str(place))
        for row in rows:
            self._add(row)
        self._writer.flush()

    def log(self, row: Row) -> None:
        self._add(row)
        # Its own buffer is two minutes of rows, which a process that is killed would take along.
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()

    def _add(self, row: Row) -> None:
        for key, value in numbers(row).items():
            self._writer.add_scalar(_titled(key), value, row["step"])


class WandB:
    """A run in `wandb/`, by default offline: nothing is sent until `wandb sync` is called.

    Its id stays with the run folder. Offline a run that goes on is written anew; online it goes on where the
    server's ends, which ignores steps that it has.
    """

    def __init__(self, config: RunConfig, folder: Path, rows: Iterable[Row]) -> None:
        import wandb

        place = folder / "wandb"
        place.mkdir(exist_ok=True)
        name = place / "run-id"
        if not name.exists():
            name.write_text(secrets.token_hex(8) + "\n", encoding="utf-8")
        run_id = name.read_text(encoding="utf-8").strip()
        for old in place.glob(f"offline-run-*-{run_id}"):
            shutil.rmtree(old)
        self._run: Any = wandb.init(
            project="artimuse",
            name=config.name,
            id=run_id,
            dir=str(folder),
            mode=config.wandb_mode,
            resume="allow",
            # Rows alone: no console, no code, no figures of the machine.
            settings=wandb.Settings(
                console="off", x_disable_stats=True, x_disable_meta=True,
                disable_git=True, save_code=False, silent=True,
            ),
        )  # fmt: skip
        self._from = self._run.step
        for row in rows:
            self.log(row)

    def log(self, row: Row) -> None:
        if row["step"] >= self._from:
            self._run.log(numbers(row), step=row["step"])

    def close(self) -> None:
        self._run.finish()


def numbers(row: Row) -> dict[str, float]:
    """What of a row can be drawn; NaN and infinity are passed on as they are."""
    return {
        key: value
        for key, value in row.items()
        if key != "step" and isinstance(value, int | float) and not isinstance(value, bool)
    }


def _titled(key: str) -> str:
    """TensorBoard groups by what stands before a slash."""
    for group in ("validation", "evaluation", "loss"):
        if key.startswith(f"{group}_"):
            return f"{group}/{key.removeprefix(f'{group}_')}"
    return "loss/total" if key == "loss" else f"train/{key}"
