"""How the tree's cost grows: over images at fixed branches, and over branches at one image.

    rows = list(sweep_rows(PRESETS["tiny"], shape, repeats=5, threads=2, device="cpu"))
    plot(rows, Path("sweep.png"))

Beside every measured point stands what is predicted from the first: over images n times one image; over
branches the first branch's cost and, for every token that further branches add, what a branch token alone
costs. That is counted: the FLOPs of a tree of one branch less those of its prefix, over the branch's tokens;
apart from it what the vocabulary's head costs a target.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from artimuse.batch import Batch
from artimuse.benchmarks.flops import FlopCount
from artimuse.benchmarks.job import Job, Row, Running, Told
from artimuse.benchmarks.load import spread
from artimuse.benchmarks.presets import Preset, Shape
from artimuse.benchmarks.steps import Stepper, collator
from artimuse.benchmarks.training import make_job
from artimuse.data.collate import Item
from artimuse.data.loader import StepData, StepDataset
from artimuse.data.order import Order
from artimuse.data.units import Unit
from artimuse.models.aesthetic import AestheticModel
from artimuse.records import Sample

IMAGES = (1, 2, 3, 4, 6, 8)
BRANCH_POINTS = 7


@dataclass(frozen=True, slots=True)
class Point:
    axis: str
    images: int
    branches: int


def points(questions: int) -> list[Point]:
    """What is measured of a case with so many questions."""
    most = questions - 1
    steps = range(BRANCH_POINTS)
    branches = sorted({1 + round(most * n / (BRANCH_POINTS - 1)) for n in steps})
    over_images = [Point("images", images, questions) for images in IMAGES]
    return over_images + [Point("branches", 1, number) for number in branches]


def sweep_rows(
    preset: Preset, shape: Shape, *, repeats: int, threads: int, device: str, seed: int = 0
) -> Iterator[Row]:
    """A row a point, with seconds and FLOPs of a step, measured and predicted.

    Raises:
        RuntimeError: when the measuring process fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        job = make_job(
            shape, preset, Path(folder), device=device, threads=threads, seed=seed, repeats=repeats
        )
        job = replace(job, gradient=None)
        if preset.activation_checkpointing:
            # How much of a layer that computes again depends on the length of the row, see mlp_blocks.
            job = replace(job, variant="tree_uncheckpointed")
        with Running(job, run_sweep) as running:
            facts = running.ready()
    if "out_of_memory" in facts:
        raise RuntimeError(f"benchmark sweep: {facts['out_of_memory']}")
    for axis in ("images", "branches"):
        of_axis = [row for row in facts["points"] if row["axis"] == axis]
        for row in of_axis:
            yield {
                "case": "sweep",
                "variant": job.variant,
                "model": shape.name,
                **row,
                "seconds": spread(row["seconds"]),
                **_predicted(of_axis[0], row, facts),
            }


def _predicted(first: Row, row: Row, costs: Row) -> Row:
    if row["axis"] == "images":
        flops = first["flops"] * row["images"] / first["images"]
    else:
        flops = first["flops"]
        flops += costs["flops_per_branch_token"] * (row["tokens"] - first["tokens"])
        flops += costs["flops_per_target"] * (row["targets"] - first["targets"])
    seconds = spread(first["seconds"])["median"] * flops / first["flops"]
    return {"predicted_flops": flops, "predicted_seconds": seconds}


def run_sweep(job: Job, link: Told) -> None:
    """Measure every point, in turns."""
    stepper = Stepper(job)
    sample = job.samples[0]
    chosen = points(len(sample.questions))
    data = [_data(job, sample, point) for point in chosen]
    rows: list[Row] = []
    for point, step in zip(chosen, data, strict=True):
        with FlopCount() as counted:
            stepper.step(step)
        targets = sum(len(batch.supervised) for batch in step.micro_batches)
        rows.append(
            {"axis": point.axis, "images": point.images, "branches": point.branches}
            | {
                "tokens": step.tokens,
                "targets": targets,
                "flops": counted.total,
                "seconds": [],
            }
        )
    for _ in range(job.repeats):
        for row, step in zip(rows, data, strict=True):
            row["seconds"].append(stepper.timed(step))
    link.tell(points=rows, **_costs(job, stepper.model, sample))


def _data(job: Job, sample: Sample, point: Point) -> StepData:
    """A step of the same image with the same questions, under other names."""
    asked = replace(sample, questions=sample.questions[: point.branches])
    units = [Unit((replace(asked, id=f"{sample.id}/{n}"),)) for n in range(point.images)]
    order = Order([units], weights=[1], batch_images=point.images, seed=job.seed, steps=1)
    at_once = job.preset.images // job.preset.accumulation
    accumulation = -(-point.images // at_once)
    return StepDataset(order, collator(job), seed=job.seed, accumulation=accumulation)[0]


def _costs(job: Job, model: AestheticModel, sample: Sample) -> Row:
    """FLOPs, forward and backward, that a token of a branch adds to its prefix, and a target to its token."""
    collate = collator(job)
    batch = collate([Item(sample, sample.questions[:1])]).to(job.device)
    prefix = int((batch.branch[0] == 0).sum())

    def layers(read: Batch) -> Tensor:
        return model.hidden_states(read)

    whole, hidden = _counted(job, model, lambda: layers(batch))
    alone, _ = _counted(job, model, lambda: layers(_prefix(batch, prefix)))
    predicting = hidden.detach().index_select(0, batch.supervised).requires_grad_()
    head, _ = _counted(job, model, lambda: model.transformers_model.lm_head(predicting))
    return {
        "flops_per_branch_token": (whole - alone) / (batch.input_ids.shape[1] - prefix),
        "flops_per_target": head / len(predicting),
    }


def _counted(job: Job, model: AestheticModel, compute: Callable[[], Tensor]) -> tuple[int, Tensor]:
    """FLOPs of something forward and backward, and what came of it."""
    with (
        FlopCount() as counted,
        torch.autocast(job.device, torch.bfloat16, enabled=job.autocast),
    ):
        found = compute()
        found.float().sum().backward()
    model.zero_grad()
    return counted.total, found


def _prefix(batch: Batch, length: int) -> Batch:
    """The first tokens of a batch of one row, with nothing supervised."""
    cut: dict[str, Any] = {name: getattr(batch, name)[..., :length]
                           for name in ("input_ids", "tree", "branch", "positions")}  # fmt: skip
    nothing = batch.supervised[:0]
    return replace(batch, **cut, supervised=nothing, targets=nothing, weights=batch.weights[:0])


def require_matplotlib() -> None:
    """Raises ModuleNotFoundError, saying what to install, where there is no matplotlib."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "benchmark train --sweep: expected matplotlib to draw with, found none; install it with: "
            'pip install "artimuse[benchmark]" (or: pip install matplotlib)'
        ) from error


def plot(rows: list[Row], path: Path) -> None:
    """Two by two panels: seconds and FLOPs of a step, over images and over branches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = figure.subplots(2, 2)
    for column, axis in enumerate(("images", "branches")):
        found = [row for row in rows if row["axis"] == axis]
        across = [row[axis] for row in found]
        seconds = [row["seconds"] for row in found]
        middle = [s["median"] for s in seconds]
        below = [s["median"] - s["low"] for s in seconds]
        above = [s["high"] - s["median"] for s in seconds]
        time, work = panels[0][column], panels[1][column]
        time.errorbar(
            across, middle, yerr=[below, above], fmt="o", capsize=3,
            label="measured: median, lowest, highest",
        )  # fmt: skip
        work.plot(across, [row["flops"] / 1e9 for row in found], "o", label="counted")
        said = "n times one image" if axis == "images" else "first branch + branch tokens alone"
        time.plot(across, [row["predicted_seconds"] for row in found], "-", label=said)
        work.plot(across, [row["predicted_flops"] / 1e9 for row in found], "-", label=said)
        fixed = f"{found[0]['branches']} branches each" if axis == "images" else "one image"
        for panel, unit in ((time, "seconds a step"), (work, "GFLOP a step")):
            panel.set(xlabel=f"{axis} ({fixed})", ylabel=unit, ylim=(0, None))
            panel.legend()
    figure.suptitle(f"{rows[0]['model']}: cost of a training step as a tree")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
