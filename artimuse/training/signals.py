"""SIGTERM and SIGINT while a run trains: all processes stop after the same step, and save.

with StopSignal() as signals:
    for step in ...:
        ...
        if signals.agreed(accelerator):     # True in every process, or in none
            save(); break
"""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator

SIGNALS = (signal.SIGTERM, signal.SIGINT)
PATIENCE_S = 5.0
"""A launcher passes on what a terminal has sent already; what comes later than this is meant."""


class StopSignal:
    """Takes note of SIGTERM and SIGINT, and leaves what it is in the middle of whole.

    A further signal after `PATIENCE_S` seconds ends the process at once. Signals that are ignored (nohup) stay
    so, and outside of the main thread nothing is done.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._since = 0.0
        self._acted = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.received is not None and not self._acted and kind is None:
            # It came too late to stop after a step: it ends the process as if it came now. An error is let
            # through: a launcher signals the others when one process is gone, and they have to say why.
            os.kill(os.getpid(), self.received)

    def agreed(self, accelerator: Accelerator) -> bool:
        """Whether any process was told to stop; every process asks after the same step."""
        told = self.received is not None
        if accelerator.num_processes > 1:
            flag = torch.tensor([float(told)], device=accelerator.device)
            told = bool(accelerator.reduce(flag, "sum") > 0)  # type: ignore[operator]
        self._acted = told
        return told

    @property
    def name(self) -> str:
        """Of the signal, for messages; another process may have been told."""
        if self.received is None:
            return "a signal to another process"
        return signal.Signals(self.received).name

    def _note(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self.received is None:
            self.received, self._since = number, now
        elif now - self._since > PATIENCE_S:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
