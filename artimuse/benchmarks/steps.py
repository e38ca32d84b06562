"""Variants `tree...`: this project's own training, from the loader to the optimizer; and what all variants
share.

The order of samples, the collator and the settings of a step are the same for every variant, so that each
takes its optimizer steps over the same images.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from artimuse.benchmarks.job import WORKERS, Job, Told
from artimuse.benchmarks.measured import Watch, gradients, save_gradient
from artimuse.benchmarks.models import PROMPT, make_model
from artimuse.config import ObjectiveConfig, TrainConfig
from artimuse.data.collate import Collator
from artimuse.data.loader import StepData, StepDataset, step_loader
from artimuse.data.order import Order
from artimuse.data.units import Unit
from artimuse.objectives.joint import Objective
from artimuse.prompts import protocol
from artimuse.records import OVERALL
from artimuse.training.accelerator import build_accelerator
from artimuse.training.computing import set_computing
from artimuse.training.optimizer import build_optimizer
from artimuse.training.speed import Speed, peak_memory_mb
from artimuse.training.step import train_step


def order_of(job: Job) -> Order:
    """Which samples make up each step of a job."""
    units = [Unit((sample,)) for sample in job.samples]
    images = job.preset.images
    return Order([units], weights=[1], batch_images=images, seed=job.seed, steps=job.total_steps)


def collator(job: Job) -> Collator:
    return Collator(
        job.family,
        protocol=protocol(PROMPT),
        aspects=[OVERALL],
        datasets=[],
        row_tokens=job.preset.row_tokens,
    )


def train_config(job: Job) -> TrainConfig:
    preset = job.preset
    return TrainConfig(
        steps=job.total_steps,
        batch_images=preset.images,
        accumulation=preset.accumulation,
        precision=preset.precision,
        threads=job.threads,
        onednn=job.variant != "tree_blas",
        activation_checkpointing=preset.activation_checkpointing
        and job.variant != "tree_uncheckpointed",
        clip=None,
    )


class Stepper:
    """Takes optimizer steps as the training loop does: its accelerator, optimizer, objective and step."""

    def __init__(self, job: Job) -> None:
        self.settings, self.seed = train_config(job), job.seed
        self.accelerator = build_accelerator(self.settings)
        self.device = self.accelerator.device
        self.model = make_model(
            job.family, job.architecture, device=self.device, dtype=job.dtype, seed=job.seed
        )
        set_computing(self.model, self.settings)
        self.bare = build_optimizer(self.model, self.settings)
        self._wrapped, self._optimizer = self.accelerator.prepare(self.model, self.bare)
        self._objective = Objective(ObjectiveConfig())

    def step(self, data: StepData) -> StepData:
        """One optimizer step, of however many micro-batches; returns its data."""
        self.accelerator.gradient_accumulation_steps = len(data.micro_batches)
        self.accelerator.step = 0
        result = train_step(
            self._wrapped, self._optimizer, self._objective, data, self.accelerator,
            seed=self.seed, clip=self.settings.clip,
        )  # fmt: skip
        if result.skipped:
            raise RuntimeError(f"step {data.step}: its loss is not finite: {result}")
        return data

    def timed(self, data: StepData) -> float:
        """Seconds of a step."""
        self.synchronize()
        began = time.perf_counter()
        self.step(data)
        self.synchronize()
        return time.perf_counter() - began

    def synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def run_tree(job: Job, link: Told) -> None:
    """Measure this project's training on a job, as `artimuse.benchmarks.job` says."""
    stepper = Stepper(job)
    device = stepper.device
    data = StepDataset(
        order_of(job), collator(job), seed=job.seed, accumulation=job.preset.accumulation
    )
    speed = Speed(device)
    loader = step_loader(data, start=0, workers=WORKERS, pin_memory=device.type == "cuda")
    steps: Iterator[StepData] = speed.waiting(loader)
    watch = Watch(stepper.model)
    with _kept_gradient(stepper, job.gradient):
        stepper.step(next(steps))
    for _ in range(job.warm_up - 1):
        stepper.step(next(steps))
    link.tell()
    for _ in range(job.repeats):
        link.wait()
        stepper.synchronize()
        speed.row()
        watch.restart()
        began = time.perf_counter()
        taken = [stepper.step(next(steps)) for _ in range(job.steps)]
        stepper.synchronize()
        seconds = time.perf_counter() - began
        link.tell(
            seconds=seconds,
            images=sum(data.counts.images for data in taken),
            tokens=round(sum(data.counts.tokens for data in taken)),
            peak_memory_mb=peak_memory_mb(device),
            data_wait=speed.row()["data_wait"],
            **watch.spent(seconds),
        )
    link.wait()
    with watch:
        stepper.step(next(steps))
    link.tell(**watch.facts())


@contextmanager
def _kept_gradient(stepper: Stepper, path: Path | None) -> Iterator[None]:
    """Write what the optimizer is given in the step inside, where a path says so."""
    if path is None:
        yield
        return
    handle = stepper.bare.register_step_pre_hook(
        lambda *_: save_gradient(gradients(stepper.model), path)
    )
    yield
    handle.remove()
