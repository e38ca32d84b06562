"""One training step of one model, three ways, side by side: the tree, a row per question, a conversation.

    rows = list(training_rows(PRESETS["tiny"], case="all", repeats=5, threads=2, device="cpu"))

tree       this project's training: its loader, its step (training/step.py), settings as the preset has them
tree_uncheckpointed   of a preset with train.activation_checkpointing, the same without: more memory, less work
tree_blas  on a CPU, the same with torch's own matrix products (train.onednn: false), as the two below have them
rows       the same model, weights, images and questions through transformers' own Trainer, a row per
           question, at the batch size that is fastest of those that fit
multiturn  an image's questions as turns of one row through Trainer; another loss, so compared in speed only

On a CPU the variants take turns, repetition by repetition; models that fill a GPU come one after the other.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from artimuse.benchmarks.cases import make_case
from artimuse.benchmarks.flops import peak_flops
from artimuse.benchmarks.job import Job, Row, Running, Variant
from artimuse.benchmarks.load import spread
from artimuse.benchmarks.measured import gradient_difference
from artimuse.benchmarks.models import parts
from artimuse.benchmarks.presets import Preset, Shape
from artimuse.benchmarks.steps import run_tree, train_config
from artimuse.benchmarks.stock import run_search, run_stock

STOCK: tuple[Variant, ...] = ("rows", "multiturn")
SETTLE_S = 3.0
POOL = 4
"""Steps' worth of different samples; longer runs see them again, in another order."""


def training_rows(
    preset: Preset,
    *,
    case: str = "all",
    models: Sequence[str] = (),
    repeats: int,
    threads: int,
    device: str,
    seed: int = 0,
) -> Iterator[Row]:
    """A row per model and variant, as soon as a model's are known.

    Args:
        case: nine, nineteen or all. models: names of the preset's; () for all of the case.
        repeats: of which median, lowest and highest are given.
        device: "cpu" or "cuda".

    Raises:
        ConfigError: for a model that the preset does not have.
        RuntimeError: when a variant's process fails.
    """
    for shape in preset.chosen(case, models):
        with tempfile.TemporaryDirectory() as folder:
            job = make_job(
                shape,
                preset,
                Path(folder),
                device=device,
                threads=threads,
                seed=seed,
                repeats=repeats,
            )
            yield from _of_a_model(shape, job, peak_of(device, job.dtype, threads))


def make_job(
    shape: Shape,
    preset: Preset,
    folder: Path,
    *,
    device: str,
    threads: int,
    seed: int,
    repeats: int,
) -> Job:
    """The tree's job: data drawn into the folder, tokenizer trained, nothing built yet."""
    vocabulary = shape.scratch.vocabulary
    case = make_case(
        shape.case, folder / "images", images=POOL * preset.images, vocabulary=vocabulary,
        seed=seed, shorter=preset.shorter, size=preset.photograph,
    )  # fmt: skip
    family, architecture = parts(shape, case.texts)
    return Job(
        variant="tree", preset=preset, family=family, architecture=architecture,
        samples=case.samples, device=device, threads=threads, seed=seed, folder=folder,
        steps=preset.steps, repeats=repeats, gradient=folder / "tree.safetensors",
    )  # fmt: skip


def peak_of(device: str, dtype: torch.dtype, threads: int) -> float | None:
    """`peak_flops`, measured with so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return peak_flops(torch.device(device), dtype)
    finally:
        torch.set_num_threads(before)


def _of_a_model(shape: Shape, tree: Job, peak: float | None) -> Iterator[Row]:
    gradient = tree.folder / "rows.safetensors"
    tried = search(replace(tree, gradient=None))
    jobs = [tree]
    for variant in other_trees(tree):
        own = tree.folder / f"{variant}.safetensors"
        jobs.append(replace(tree, variant=variant, gradient=own))
    for variant in STOCK:
        kept = gradient if variant == "rows" else None
        batch = best_batch(tried[variant])
        jobs.append(replace(tree, variant=variant, batch=batch, gradient=kept))
    measured = measure(jobs)
    rows = len(jobs) - len(STOCK)
    count_recomputed(jobs[:rows], [facts for facts, _ in measured[:rows]])
    found = [
        _row(shape, job, facts, repetitions, peak) | {"tried": tried.get(job.variant, [])}
        for job, (facts, repetitions) in zip(jobs, measured, strict=True)
    ]
    for number in range(rows):
        compare(found[number], found[rows], measured[number][1], measured[rows][1])
        own = jobs[number].gradient
        # Of a variant that memory was too small for there is none.
        if gradient.exists() and own is not None and own.exists():
            found[number]["gradient_difference"] = gradient_difference(own, gradient)
    yield from found


def other_trees(tree: Job) -> list[Variant]:
    """Beside `tree`, what else is measured of this project."""
    uncheckpointed: list[Variant] = ["tree_uncheckpointed"]
    blas: list[Variant] = ["tree_blas"]
    kept = uncheckpointed if tree.preset.activation_checkpointing else []
    return kept + (blas if tree.device == "cpu" else [])


def count_recomputed(jobs: Sequence[Job], trees: Sequence[Row]) -> None:
    """Into the facts of a model's trees: `flops` are the model's own, those of a tree that computes nothing
    twice, and `recomputed` is what this one did beyond them, as a share of them. Where memory was too small
    for such a tree, `recomputed` is None, and `flops` are what was done."""
    own = [
        facts["flops"]
        for job, facts in zip(jobs, trees, strict=True)
        if "flops" in facts and not train_config(job).activation_checkpointing
    ]
    for facts in trees:
        if "flops" in facts:
            facts["recomputed"] = facts["flops"] / own[0] - 1 if own else None
            facts["flops"] = own[0] if own else facts["flops"]


def search(job: Job) -> dict[str, list[Row]]:
    """Rows per second of every batch size, up to the first that does not fit, for both layouts of rows."""
    tried: dict[str, list[Row]] = {variant: [] for variant in STOCK}
    with Running(job, run_search) as running:
        while not (told := running.ready()).get("done"):
            if "variant" not in told:
                raise RuntimeError(f"benchmark: the model alone: {told['out_of_memory']}")
            tried[told.pop("variant")].append(told)
    return tried


def best_batch(tried: Sequence[Row]) -> int:
    """The batch size of most rows per second.

    Raises:
        RuntimeError: when none fitted the memory.
    """
    fitted = [row for row in tried if "rows_per_s" in row]
    if not fitted:
        raise RuntimeError("benchmark: not even one row fits the memory")
    return int(max(fitted, key=lambda row: row["rows_per_s"])["batch"])


def measure(jobs: Sequence[Job]) -> list[tuple[Row, list[Row]]]:
    """Per job what its first step tells, and its repetitions; on a CPU the jobs take turns."""
    if jobs[0].device != "cpu":
        return [_alone(job) for job in jobs]
    with ExitStack() as stack:
        running = []
        for job in jobs:
            running.append(stack.enter_context(_start(job)))
            running[-1].ready()
        turns = [[_settled(variant) for variant in running] for _ in range(jobs[0].repeats)]
        facts = [variant.repeat() for variant in running]
    return [(fact, [turn[n] for turn in turns]) for n, fact in enumerate(facts)]


def _settled(variant: Running) -> Row:
    """A repetition, once the loaders of the variant before have filled their queues, which takes CPU too."""
    time.sleep(SETTLE_S)
    return variant.repeat()


def _alone(job: Job) -> tuple[Row, list[Row]]:
    with _start(job) as running:
        told = [running.ready()]
        while "out_of_memory" not in told[-1] and len(told) < job.repeats + 2:
            told.append(running.repeat())
    if "out_of_memory" in told[-1]:
        return told[-1], []
    return told[-1], told[1:-1]


def _start(job: Job) -> Running:
    return Running(job, run_stock if job.variant in STOCK else run_tree)


def _row(shape: Shape, job: Job, facts: Row, repetitions: list[Row], peak: float | None) -> Row:
    row: Row = {
        "case": shape.case,
        "variant": job.variant,
        "model": shape.name,
        "images_per_step": job.preset.images,
        "steps": job.steps,
        "repeats": len(repetitions),
    }
    row |= (
        {"batch": job.batch} if job.variant in STOCK else {"accumulation": job.preset.accumulation}
    )
    if not repetitions:
        return row | {"out_of_memory": facts["out_of_memory"]}
    per_image = facts["flops"] / job.preset.images
    rates = [r["images"] / r["seconds"] for r in repetitions]
    achieved = [per_image * rate for rate in rates]
    row |= {
        "images_per_s": spread(rates),
        "tokens_per_s": spread([r["tokens"] / r["seconds"] for r in repetitions]),
        "seconds_per_step": spread([r["seconds"] / job.steps for r in repetitions]),
        "peak_memory_mb": max(r["peak_memory_mb"] for r in repetitions),
        "flops_per_image": per_image,
        "flops_per_s": spread(achieved),
        "peak_flops_per_s": peak,
        "flops_share": None if peak is None else spread([flops / peak for flops in achieved]),
        "vision_flops_share": facts["vision_flops_share"],
        "vision_time_share": spread([r["vision_time_share"] for r in repetitions]),
    }
    if job.variant not in STOCK:
        row |= {"recomputed_flops": facts["recomputed"]}
        return row | {"data_wait": spread([r["data_wait"] for r in repetitions])}
    # The tree's head need not be called as a module, part by part, so only of Trainer's rows it is known.
    return row | {"head_flops_share": facts["head_flops_share"]}


def compare(tree: Row, rows: Row, ours: Sequence[Row], theirs: Sequence[Row]) -> None:
    """Put into the tree's row how much faster it is than rows, and by FLOPs should be.

    speedup: of images per second, repetition by repetition. flops_ratio: FLOPs of an image as rows over those
    as a tree. of_predicted: median speedup over it. memory_ratio: the tree's peak over the rows'.
    """
    if not ours or not theirs:
        return
    speedups = [
        (a["images"] / a["seconds"]) / (b["images"] / b["seconds"])
        for a, b in zip(ours, theirs, strict=True)
    ]
    tree["speedup"] = spread(speedups)
    tree["flops_ratio"] = rows["flops_per_image"] / tree["flops_per_image"]
    tree["of_predicted"] = tree["speedup"]["median"] / tree["flops_ratio"]
    tree["memory_ratio"] = tree["peak_memory_mb"] / rows["peak_memory_mb"]
