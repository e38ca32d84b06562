"""What a run says of itself: metrics.jsonl always, a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from artimuse.config import RunConfig

PLAIN_LINE_EVERY_S = 10.0


class RunLog:
    """Logs the steps of one process; only the main process is given a folder.

    Args:
        folder: the run folder; None logs nothing (every process but the first).
        steps: of the whole run. start: steps done before (rows after it are cut from metrics.jsonl).
        every: steps between rows.
    """

    def __init__(
        self, folder: Path | None, *, steps: int, start: int, every: int, config: RunConfig
    ) -> None:
        self.folder = folder
        self.steps, self.every = steps, every
        self._images, self._since = 0, time.perf_counter()
        self._rate: float | None = None
        self._last_line = 0.0
        self._bar: Any = None
        self._wandb: Any = None
        if folder is None:
            return
        self._path = folder / "metrics.jsonl"
        cut_rows(self._path, start)
        if sys.stderr.isatty():
            self._bar = tqdm(total=steps, initial=start, unit="step", dynamic_ncols=True)
        if config.wandb != "off":
            self._wandb = _start_wandb(config, folder)

    def step(self, row: dict[str, Any], *, images: int) -> None:
        """Log one step. `row` holds its number (`step`, counted from 1 when done) and its values."""
        if self.folder is None:
            return
        self._images += images
        last, skipped = row["step"] == self.steps, "skipped_samples" in row
        if row["step"] % self.every == 0 or last or skipped:
            now = time.perf_counter()
            self._rate = self._images / max(now - self._since, 1e-9)
            self._images, self._since = 0, now
            full = row | {"images_per_s": round(self._rate, 2)}
            self._write(full)
        self._show(row)

    def validation(self, row: dict[str, Any], *, seconds: float) -> None:
        """Log an evaluation on the validation split, in a row of its own beside the step's.

        Args:
            row: its step, and the metrics.
            seconds: that it took; training's images per second are without them.
        """
        self._since += seconds
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

    def close(self) -> None:
        if self.folder is None:
            return
        if self._bar is not None:
            self._bar.close()
        if self._wandb is not None:
            self._wandb.finish()

    def _write(self, row: dict[str, Any]) -> None:
        # Opened for each row: a run that fails in between leaves no file open.
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        if self._wandb is not None:
            self._wandb.log(row, step=row["step"])

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


def cut_rows(path: Path, start: int) -> None:
    """Drop the rows of steps after `start`, and a half-written last row, from a metrics.jsonl."""
    if not path.exists():
        return
    kept: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break  # the process died while it wrote this row
        if row["step"] <= start:
            kept.append(line)
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    temporary.replace(path)


def _start_wandb(config: RunConfig, folder: Path) -> Any:
    # Imported by a run that uses it, and by no other.
    import wandb

    return wandb.init(
        project="artimuse",
        name=config.name,
        dir=str(folder),
        mode="offline" if config.wandb == "offline" else "online",
        resume="allow",
    )
