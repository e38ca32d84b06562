"""What a run says of itself: metrics.jsonl always, a progress bar on a terminal, plain lines elsewhere, and
the trackers of `run.trackers`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from artimuse.config import RunConfig
from artimuse.training.checkpoint_folder import sync
from artimuse.training.metric_rows import RESULT, as_line, cut_rows, read_rows
from artimuse.training.speed import Speed
from artimuse.training.trackers import Tracker, start_trackers

PLAIN_LINE_EVERY_S = 10.0


class RunLog:
    """Logs the steps of one process; only the main process is given a folder.

    Args:
        folder: the run folder; None logs nothing (every process but the first).
        steps: of the whole run. start: steps done before (rows after it are cut from metrics.jsonl).
        every: steps between rows. speed: measures between them.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        steps: int,
        start: int,
        every: int,
        config: RunConfig,
        speed: Speed,
    ) -> None:
        self.folder = folder
        self.steps, self.every, self.speed = steps, every, speed
        self._rate: float | None = None
        self._last_line = 0.0
        self._bar: Any = None
        self._trackers: list[Tracker] = []
        if folder is None:
            return
        self._path = folder / "metrics.jsonl"
        self._trackers = start_trackers(config, folder, cut_rows(self._path, start))
        if sys.stderr.isatty():
            self._bar = tqdm(total=steps, initial=start, unit="step", dynamic_ncols=True)

    def step(self, row: dict[str, Any]) -> None:
        """Log one step. `row` holds its number (`step`, counted from 1 when done) and its values."""
        if self.folder is None:
            return
        last, skipped = row["step"] == self.steps, "skipped_samples" in row
        if row["step"] % self.every == 0 or last or skipped:
            timed = self.speed.row()
            self._rate = timed["images_per_s"]
            self._write(row | timed)
        self._show(row)

    def validation(self, row: dict[str, Any], *, seconds: float) -> None:
        """Log an evaluation on the validation split, in a row of its own beside the step's.

        Args:
            row: its step, and the metrics.
            seconds: that it took; training's images per second are without them.
        """
        self.speed.pause(seconds)
        if self.folder is None:
            return
        self._write(row)
        values = (
            f"{key.removeprefix('validation_')}={value:.4g}"
            for key, value in row.items()
            if key != "step"
        )
        self.say(f"validation step={row['step']}/{self.steps} {' '.join(values)}")

    def say(self, text: str) -> None:
        """A line for the reader, above the progress bar where there is one."""
        if self._bar is not None:
            self._bar.write(text)
        elif self.folder is not None:
            print(text, flush=True)

    def sync(self) -> None:
        """Wait until the rows so far are on the disk: a checkpoint never knows more steps than they do."""
        if self.folder is not None and self._path.exists():
            sync(self._path)

    def close(self) -> None:
        if self.folder is None:
            return
        if self._bar is not None:
            self._bar.close()
        for tracker in self._trackers:
            tracker.close()

    def _write(self, row: dict[str, Any]) -> None:
        # Opened for each row: a run that fails in between leaves no file open.
        with self._path.open("a", encoding="utf-8") as file:
            file.write(as_line(row) + "\n")
        for tracker in self._trackers:
            tracker.log(row)

    def _show(self, row: dict[str, Any]) -> None:
        rate = f"{self._rate:.1f}" if self._rate else "-"
        values = {
            "text": f"{row['loss_text']:.3f}",
            "score": f"{row['loss_score']:.4f}",
            "rank": f"{row['loss_rank']:.3f}",
            **({"align": f"{row['loss_align']:.3f}"} if "loss_align" in row else {}),
            "lr": f"{row['lr']:.2e}",
            "images/s": rate,
        }
        if self._bar is not None:
            self._bar.set_postfix(values, refresh=False)
            self._bar.update(1)
            return
        now = time.monotonic()
        if now - self._last_line >= PLAIN_LINE_EVERY_S or row["step"] == self.steps:
            self._last_line = now
            text = " ".join(f"{key}={value}" for key, value in values.items())
            print(f"step={row['step']}/{self.steps} {text}", flush=True)


def log_results(folder: Path, config: RunConfig) -> None:
    """Add what the finished model scores, where it was evaluated, in a row after all others.

    Args:
        folder: the run folder, with results/results.json.
    """
    results, path = folder / "results" / "results.json", folder / "metrics.jsonl"
    if not results.exists():
        return
    metrics = json.loads(results.read_text(encoding="utf-8"))["metrics"]
    step = max(row["step"] for row in read_rows(path))
    row = {"step": step} | {f"{RESULT}{name}": found["value"] for name, found in metrics.items()}
    trackers = start_trackers(config, folder, cut_rows(path, step))
    with path.open("a", encoding="utf-8") as file:
        file.write(as_line(row) + "\n")
    for tracker in trackers:
        tracker.log(row)
        tracker.close()
