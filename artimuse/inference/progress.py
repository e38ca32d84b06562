"""How far a long scoring is: a bar on a terminal, now and then a plain line elsewhere, on stderr."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

PLAIN_LINE_EVERY_S = 10.0


class Progress:
    """Counts images.

    Args:
        total: images of the whole call. done: those that need no work.
    """

    def __init__(self, total: int, *, done: int) -> None:
        self.total, self.done = total, done
        self._begun = done
        self._start = self._last = time.monotonic()
        self._bar = (
            tqdm(total=total, initial=done, unit="image", dynamic_ncols=True, file=sys.stderr)
            if sys.stderr.isatty()
            else None
        )

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._start

    def step(self) -> None:
        """One image more."""
        self.done += 1
        if self._bar is not None:
            self._bar.update(1)
            return
        now = time.monotonic()
        if now - self._last >= PLAIN_LINE_EVERY_S:
            self._last = now
            rate = (self.done - self._begun) / self.elapsed_s
            left_s = (self.total - self.done) / rate
            self.say(f"image={self.done}/{self.total} images/s={rate:.2f} left_s={left_s:.0f}")

    def say(self, text: str) -> None:
        """A line of its own, also beside a bar."""
        if self._bar is not None:
            tqdm.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
