"""What is looked at in a step, whatever runs it: its FLOPs and gradient, and the vision tower's time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from artimuse.benchmarks.flops import FlopCount
from artimuse.models.aesthetic import AestheticModel

HEAD = "lm_head"


class Watch:
    """Counts the FLOPs of a step inside it; from `restart` on, adds up the time of the vision tower."""

    def __init__(self, model: AestheticModel) -> None:
        self.vision = model.family.vision
        self._count = FlopCount()
        self._watch = _Stopwatch(_module(model, self.vision))

    def __enter__(self) -> Self:
        self._count.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._count.__exit__(None, None, None)

    def facts(self) -> dict[str, float]:
        """FLOPs of the step, and the shares of the vocabulary head and the vision tower."""
        return {
            "flops": self._count.total,
            "head_flops_share": self._count.share(HEAD),
            "vision_flops_share": self._count.share(self.vision),
        }

    def restart(self) -> None:
        self._watch.seconds()

    def spent(self, seconds: float) -> dict[str, float]:
        """Since the last call, or `restart`: the vision tower's share of so many seconds."""
        return {"vision_time_share": self._watch.seconds() / seconds}


class _Stopwatch:
    """Adds up the time that a module's forward takes, on its own device."""

    def __init__(self, module: nn.Module) -> None:
        self._began: Any = None
        self._spans: list[tuple[Any, Any]] = []
        self._cuda = next(module.parameters()).is_cuda
        module.register_forward_pre_hook(self._start)
        module.register_forward_hook(self._stop)

    def _now(self) -> Any:
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _start(self, *_: Any) -> None:
        self._began = self._now()

    def _stop(self, *_: Any) -> None:
        self._spans.append((self._began, self._now()))

    def seconds(self) -> float:
        """Since the last call; the device has to be done with it."""
        spans, self._spans = self._spans, []
        if self._cuda:
            torch.cuda.synchronize()
            return sum(began.elapsed_time(ended) for began, ended in spans) / 1000
        return sum(ended - began for began, ended in spans)


def _module(model: nn.Module, name: str) -> nn.Module:
    return next(m for path, m in model.named_modules() if path.rpartition(".")[2] == name)


def gradients(model: AestheticModel) -> dict[str, Tensor]:
    """The gradient of every trained parameter, on the CPU in float32.

    Raises:
        RuntimeError: for a trained parameter without a gradient.
    """
    found = {}
    for name, parameter in model.trainable().items():
        if parameter.grad is None:
            raise RuntimeError(f"{name}: expected a gradient, found none")
        found[name] = parameter.grad.detach().to("cpu", torch.float32, copy=True)
    return found


def save_gradient(gradient: dict[str, Tensor], path: Path) -> None:
    save_file(gradient, path)


def gradient_difference(ours: Path, theirs: Path) -> float:
    """|ours - theirs| / |theirs| over all trained parameters.

    Raises:
        ValueError: for gradients of different parameters, or an adapter's that is zero throughout.
    """
    a, b = load_file(ours), load_file(theirs)
    if a.keys() != b.keys():
        raise ValueError(f"gradients of different parameters: {sorted(a.keys() ^ b.keys())[:3]}")
    different = whole = 0.0
    for name in a:
        # Without a score question the read-out's is zero.
        if "lora_" in name and not b[name].any():
            raise ValueError(f"{name}: its gradient is zero, so nothing is compared")
        different += float((a[name].double() - b[name].double()).square().sum())
        whole += float(b[name].double().square().sum())
    return (different / whole) ** 0.5
