"""How far a long scoring is: a bar on a terminal, now and then a plain line elsewhere; and what it came to."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

PLAIN_LINE_EVERY_S = 10.0


class Progress:
    """Counts images, on stderr.

    Args:
        total: images (or what `unit` says) of the whole call. skipped: those that are done already.

    Attributes:
        scored, not_scored: images with and without a row now. cut_texts: texts that the limit of new tokens
            cut off.
    """

    def __init__(self, total: int, *, skipped: int, unit: str = "image") -> None:
        self.total, self.skipped, self.unit = total, skipped, unit
        self.scored = self.not_scored = self.cut_texts = 0
        self._start = self._last = time.monotonic()
        self._bar = (
            tqdm(total=total, initial=skipped, unit=unit, dynamic_ncols=True, file=sys.stderr)
            if sys.stderr.isatty()
            else None
        )

    def row(self, *, cut_texts: int) -> None:
        """An image has its row."""
        self.scored += 1
        self.cut_texts += cut_texts
        self._step()

    def no_row(self, reason: str) -> None:
        """An image cannot be read."""
        self.not_scored += 1
        self.say(f"not scored: {reason}")
        self._step()

    def say(self, text: str) -> None:
        """A line of its own, also beside a bar."""
        if self._bar is not None:
            tqdm.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def summary(self) -> str:
        """Counts, and the mean time of an image."""
        mean_s = self._elapsed_s / max(self.scored, 1)
        return (
            f"scored={self.scored} not_scored={self.not_scored} skipped={self.skipped} "
            f"cut_texts={self.cut_texts} mean_s={mean_s:.3f}"
        )

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._start

    def _step(self) -> None:
        if self._bar is not None:
            self._bar.update(1)
            return
        now = time.monotonic()
        if now - self._last >= PLAIN_LINE_EVERY_S:
            self._last = now
            here = self.scored + self.not_scored
            rate = here / self._elapsed_s
            done = here + self.skipped
            left_s = (self.total - done) / rate
            self.say(
                f"{self.unit}={done}/{self.total} {self.unit}s/s={rate:.2f} left_s={left_s:.0f}"
            )
