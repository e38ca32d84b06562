"""Where the time of scoring goes: seconds per stage of a pass in which nothing overlaps.

    found = stage_times(scorer, images, asked)       # {"decode": .., "preprocess": .., ..., "total": ..}

decode      files -> RGB images                       preprocess  resizing, patches, token ids, trees, stacking
transfer    the batch to the device                   vision      the image tower and its projector
language    the language model on the batch           writing     the language model, token by token
readout     the score's head, and the vocabulary's    other       the rest of the total

Each stage waits for the device. In the timed runs decode and preprocess run in threads, ahead of the model.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from artimuse.data.images import read_image
from artimuse.inference.scorer import Ready, Scorer

STAGES = ("decode", "preprocess", "transfer", "vision", "language", "writing", "readout", "other")
OVERLAPPING = ("decode", "preprocess")


class StageClock:
    """Adds up seconds by stage. Stages do not lie inside one another."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._device = device
        self._hooks: list[Any] = []
        self._began = 0.0

    def now(self) -> float:
        """Seconds, once the device has done all that it was given."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What is done inside belongs to a stage."""
        began = self.now()
        yield
        self.seconds[name] += self.now() - began

    def watch(self, module: nn.Module, name: Callable[[Any], str]) -> None:
        """Forward passes of a module belong to the stage that is told from their keyword arguments."""

        def begin(*_: Any) -> None:
            self._began = self.now()

        def end(_module: nn.Module, _args: Any, kwargs: Any, _output: Any) -> None:
            self.seconds[name(kwargs)] += self.now() - self._began

        self._hooks.append(module.register_forward_pre_hook(begin))
        self._hooks.append(module.register_forward_hook(end, with_kwargs=True))

    def release(self) -> None:
        """Take the hooks off the modules."""
        for hook in self._hooks:
            hook.remove()


def stage_times(
    scorer: Scorer, images: Sequence[Path], ask: Callable[..., Any]
) -> dict[str, float]:
    """Seconds per image of each stage, and in `total`, of one pass over images.

    Args:
        ask: an image source -> the item that is asked about it.
    """
    clock = StageClock(scorer.device)
    _watch(clock, scorer)
    try:
        began = clock.now()
        for start in range(0, len(images), scorer.batch_images):
            with clock.stage("decode"):
                pictures = [
                    read_image(path) for path in images[start : start + scorer.batch_images]
                ]
            with clock.stage("preprocess"):
                ready = scorer.ready([ask(picture) for picture in pictures])
            with clock.stage("transfer"):
                batch = ready.batch.to(scorer.device)
            list(scorer.answer_ready(Ready(ready.items, batch, ready.tips)))
        total = clock.now() - began
    finally:
        clock.release()
    found = {name: clock.seconds[name] for name in STAGES if name != "other"}
    found["other"] = total - sum(found.values())
    return {name: seconds / len(images) for name, seconds in {**found, "total": total}.items()}


def _watch(clock: StageClock, scorer: Scorer) -> None:
    model, family = scorer.model.transformers_model, scorer.model.family
    vision = [family.vision]
    if isinstance(family.projector, str):  # of Qwen-VL it is a part of the tower
        vision.append(family.projector)
    for name in vision:
        clock.watch(model.model.get_submodule(name), lambda _: "vision")
    clock.watch(model.model.language_model, _language_or_writing)
    clock.watch(model.lm_head, lambda _: "readout")
    if scorer.model.readout is not None:
        clock.watch(scorer.model.readout, lambda _: "readout")


def _language_or_writing(kwargs: Any) -> str:
    """Writing goes on from a cache that is filled; the hook sees it when the new tokens are in it too."""
    cache, given = kwargs.get("past_key_values"), kwargs["inputs_embeds"].shape[1]
    filled = 0 if cache is None else cache.get_seq_length()
    return "writing" if filled > given else "language"
