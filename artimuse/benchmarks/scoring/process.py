"""One variant of scoring in a process of its own, so that its peak memory is its own.

with VariantProcess(job) as process:
    process.run()                     # a Run: seconds, scores, texts
    process.stages()                  # of the variant `artimuse`: seconds per image by stage
    process.peak_memory_mb()
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import torch
from torch import nn

from artimuse.benchmarks.models import parts
from artimuse.benchmarks.presets import Shape
from artimuse.benchmarks.scoring.one_at_a_time import OneAtATime, never_end
from artimuse.benchmarks.scoring.stages import stage_times
from artimuse.config import ReadoutConfig
from artimuse.inference.asked import Asked
from artimuse.inference.assess import Assessed, assess, item_for, scorer_for
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.folder import assemble
from artimuse.models.info import ModelInfo
from artimuse.models.stock import from_config
from artimuse.prompts import ATTRIBUTES
from artimuse.records import OVERALL
from artimuse.training.speed import peak_memory_mb

Variant = Literal["artimuse", "artimuse_blas", "one_at_a_time"]
ReadoutKind = Literal["regression", "tokens"]


@dataclass(frozen=True, slots=True)
class Job:
    """What one process measures.

    new_tokens: of each of the eight critiques; 0 asks for the score alone. texts: that the tokenizer is trained
    on. threads: of torch; 0 leaves them as they are.
    """

    variant: Variant
    shape: Shape
    readout: ReadoutKind
    images: tuple[Path, ...]
    texts: tuple[str, ...]
    new_tokens: int
    device: str
    precision: Literal["fp32", "bf16"]
    threads: int = 0

    @property
    def asked(self) -> Asked:
        """As score.py would be asked, with --describe where there are critiques."""
        return Asked(describe=self.new_tokens > 0, max_new_tokens=max(1, self.new_tokens))


class BlasLinear(nn.Linear):
    """A linear layer that is no plain one, so that scoring leaves it to torch's own BLAS."""


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over the images: seconds, and per image the score and the critiques by attribute."""

    seconds: float
    scores: list[float]
    critiques: list[dict[str, str]] = field(default_factory=list)


def scoring_model(job: Job) -> AestheticModel:
    """A model of random weights that is scored with, on the device; the read-out is float32."""
    # The 101 words of the read-out `tokens` are one token each, as in the published vocabulary.
    shape = replace(job.shape, scratch=job.shape.scratch.model_copy(update={"score_words": True}))
    family, architecture = parts(shape, job.texts)
    device = torch.device(job.device)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[job.precision]
    torch.manual_seed(0)
    with device:
        backbone = from_config(architecture, dtype=dtype, attn_implementation="sdpa")
    info = ModelInfo(
        base=None, base_sha256=None, tuning="full", readout=ReadoutConfig(kind=job.readout),
        aspects=(OVERALL,), datasets=(), prompt="plain",
    )  # fmt: skip
    model = assemble(backbone, family, info, seed=1).to(device).eval()
    never_end(model)
    if job.variant == "artimuse_blas":
        for module in model.modules():
            if type(module) is nn.Linear:
                module.__class__ = BlasLinear
    return model


def runner(job: Job, model: AestheticModel) -> Callable[[int | None], Run]:
    """What asks a model as the variant does: number of images, None for all -> a Run."""
    ask = _alone if job.variant == "one_at_a_time" else _ours

    def run(images: int | None = None) -> Run:
        return ask(replace(job, images=job.images[:images]), model)

    return run


def _ours(job: Job, model: AestheticModel) -> Run:
    """The path of score.py, but for the file that it writes."""
    began = time.perf_counter()
    found = list(assess(model, job.images, job.asked, device=job.device))
    seconds = time.perf_counter() - began
    rows = [one.row for one in found if isinstance(one, Assessed)]
    if len(rows) < len(job.images):
        raise ValueError(f"expected {len(job.images)} scored images, found {len(rows)}")
    texts = [row["critiques"] for row in rows if "critiques" in row]
    if job.new_tokens and any(one.cut != len(ATTRIBUTES) for one in found):  # type: ignore[union-attr]
        raise ValueError(f"expected texts of {job.new_tokens} tokens, found shorter ones")
    return Run(seconds, [row["score"] for row in rows], texts)


def _alone(job: Job, model: AestheticModel) -> Run:
    alone = OneAtATime(model, torch.device(job.device))
    scores: list[float] = []
    critiques: list[dict[str, str]] = []
    began = time.perf_counter()
    for image in job.images:
        scores.append(alone.score(image))
        if job.new_tokens:
            critiques.append({a: alone.critique(image, a, job.new_tokens) for a in ATTRIBUTES})
    return Run(time.perf_counter() - began, scores, critiques)


class VariantProcess:
    """A process that holds a variant's model and runs it when it is told to."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(job, other), daemon=True)
        self._process.start()
        other.close()
        self._name = f"{job.variant} on {job.shape.name}"
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipe.close()
        self._process.join()

    def run(self) -> Run:
        """One timed pass over all images."""
        return self._ask("run")

    def stages(self) -> dict[str, float]:
        """Seconds per image by stage, of a pass that is not timed otherwise."""
        return self._ask("stages")

    def peak_memory_mb(self) -> float:
        """The most memory so far, in MiB: of the device, or of the process on a CPU."""
        return self._ask("memory")

    def _ask(self, what: str) -> Any:
        self._pipe.send(what)
        return self._answer()

    def _answer(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError(f"{self._name}: its process ended early; see above") from None


def _serve(job: Job, pipe: Connection) -> None:
    """Answer until the other side hangs up. The first pass, over few images, warms up and is told to nobody."""
    if job.threads:
        torch.set_num_threads(job.threads)
    model = scoring_model(job)
    run = runner(job, model)
    few = 1 if job.variant == "one_at_a_time" else 8
    run(few)
    pipe.send("ready")
    while True:
        try:
            what = pipe.recv()
        except EOFError:
            return
        if what == "run":
            # While others had their turn, the system may have taken caches and memory away.
            run(few)
            pipe.send(run(None))
        elif what == "stages":
            pipe.send(stages(job, model))
        else:
            pipe.send(peak_memory_mb(torch.device(job.device)))


def stages(job: Job, model: AestheticModel) -> dict[str, float]:
    """`stage_times` of what the variant `artimuse` does."""
    scorer = scorer_for(model, job.asked, device=job.device)
    return stage_times(scorer, job.images, lambda image: item_for(scorer, image, job.asked))
