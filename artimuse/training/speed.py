"""How fast a run goes, and what it waits for: images a second, the share of waiting for data, memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from artimuse.data.loader import StepData


@dataclass(slots=True)
class Seen:
    """What a run was trained on so far, over all processes; part of every checkpoint.

    images: read in all steps, one that is drawn again is counted again. tokens: that the language model read
    of them, without padding; of a model without language those of its image encoder.
    """

    images: int = 0
    tokens: int = 0

    def add(self, images: int, tokens: int) -> None:
        self.images += images
        self.tokens += tokens


class Speed:
    """Measures between two rows of the log.

    Args:
        device: whose memory is told.
        clock: seconds.
    """

    def __init__(
        self, device: torch.device, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._device, self._clock = device, clock
        self._began = clock()
        self._waited, self._images = 0.0, 0

    def waiting(self, steps: Iterator[StepData]) -> Iterator[StepData]:
        """The same steps; the time until each is there counts as waiting for data."""
        while True:
            began = self._clock()
            step = next(steps, None)
            self._waited += self._clock() - began
            if step is None:
                return
            self._images += step.counts.images
            yield step

    def pause(self, seconds: float) -> None:
        """Leave out what was no training: an evaluation."""
        self._began += seconds

    def row(self) -> dict[str, float]:
        """Since the last call: images a second (over all processes) and the share of the time that this process
        waited for data, 0 to 1; and the most memory so far."""
        now = self._clock()
        seconds = max(now - self._began, 1e-9)
        found = {
            "images_per_s": round(self._images / seconds, 2),
            "data_wait": round(min(self._waited / seconds, 1.0), 4),
            "memory_mb": round(peak_memory_mb(self._device), 1),
        }
        self._began, self._waited, self._images = now, 0.0, 0
        return found


def peak_memory_mb(device: torch.device) -> float:
    """The most memory of the device (CUDA), or of this process (CPU, its loaders apart), in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: a process that another one started is told its parent's peak there.
        words = status.read_text(encoding="ascii").split()
        return int(words[words.index("VmHWM:") + 1]) / 2**10
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
