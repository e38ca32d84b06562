"""Rows of `scripts/benchmark.py score`: both variants, taking turns, and how far their answers are apart.

for row in scoring_rows(PRESETS["cpu"], folder, repeats=5, threads=2, device="cpu"):
    ...
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from artimuse.benchmarks.cases import make_case
from artimuse.benchmarks.load import spread
from artimuse.benchmarks.presets import Preset, Shape
from artimuse.benchmarks.scoring.process import Job, ReadoutKind, Run, Variant, VariantProcess
from artimuse.benchmarks.scoring.stages import OVERLAPPING

Row = dict[str, Any]
VARIANTS: tuple[Variant, ...] = ("artimuse", "artimuse_blas", "one_at_a_time")
"""artimuse_blas: the same with torch's own matrix products, as the last has them; on a CPU."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Images of a repetition, and of one for the slower variant, which takes the first of them: its time an
    image does not depend on how many there are. The same with critiques, and the tokens of each."""

    images: int
    alone: int
    described: int
    described_alone: int
    new_tokens: int


SIZES = {
    "cpu": Sizes(images=32, alone=16, described=8, described_alone=2, new_tokens=64),
    "gpu": Sizes(images=256, alone=32, described=16, described_alone=1, new_tokens=128),
    "tiny": Sizes(images=4, alone=4, described=2, described_alone=2, new_tokens=6),
}
CASES: tuple[tuple[str, ReadoutKind], ...] = (
    ("score", "regression"),
    ("score", "tokens"),
    ("score+critiques", "regression"),
)


def scoring_rows(
    preset: Preset,
    folder: Path,
    *,
    repeats: int,
    threads: int,
    device: str,
    models: Sequence[str] = (),
) -> Iterator[Row]:
    """A row a case, model and variant, `artimuse` first.

    Args:
        folder: where photographs are drawn.
        threads: of torch in each process.
        models: names of the preset's models; () takes those of the case `nine`.
    """
    for shape in preset.chosen("all" if models else "nine", models):
        for case, readout in CASES:
            jobs = make_jobs(preset, shape, case, readout, folder)
            given = [replace(job, device=device, threads=threads) for job in jobs]
            if device != "cpu":
                given = [job for job in given if job.variant != "artimuse_blas"]
            yield from measure(case, given, repeats=repeats)


def make_jobs(
    preset: Preset, shape: Shape, case: str, readout: ReadoutKind, folder: Path
) -> list[Job]:
    """A job per variant: the same model and images, of which the slower variant takes the first."""
    sizes = SIZES[preset.name]
    describes = case == "score+critiques"
    ours, alone = (
        (sizes.described, sizes.described_alone) if describes else (sizes.images, sizes.alone)
    )
    made = make_case(
        "nine",
        folder,
        images=max(sizes.images, sizes.described),
        vocabulary=shape.scratch.vocabulary,
        seed=0,
        shorter=preset.shorter,
        size=preset.photograph,
    )
    files = [sample.images[0] for sample in made.samples]
    return [
        Job(
            variant, shape, readout, tuple(files[: alone if variant == "one_at_a_time" else ours]),
            made.texts, sizes.new_tokens if describes else 0, "cpu", preset.precision,
        )
        for variant in VARIANTS
    ]  # fmt: skip


def measure(case: str, jobs: Sequence[Job], *, repeats: int) -> Iterator[Row]:
    """The variants in turn, each in its process, compared with the last; the first's stages are told."""
    runs: list[list[Run]] = [[] for _ in jobs]
    with ExitStack() as stack:
        processes = [stack.enter_context(VariantProcess(job)) for job in jobs]
        for _ in range(repeats):
            for process, found in zip(processes, runs, strict=True):
                found.append(process.run())
        memory = [process.peak_memory_mb() for process in processes]
        stages = processes[0].stages()
    rates = [
        [len(job.images) / run.seconds for run in found]
        for job, found in zip(jobs, runs, strict=True)
    ]
    for number, job in enumerate(jobs):
        row: Row = {
            "case": case,
            "variant": job.variant,
            "model": job.shape.name,
            "readout": job.readout,
            "precision": job.precision,
            "images": len(job.images),
            "new_tokens": job.new_tokens,
            "images_per_s": spread(rates[number]),
            "peak_memory_mb": round(memory[number], 1),
            **compared(runs[number if number < len(jobs) - 1 else 0][0], runs[-1][0]),
        }
        if number < len(jobs) - 1:
            pairs = zip(rates[number], rates[-1], strict=True)
            row["speedup"] = spread([fast / slow for fast, slow in pairs])
        if number == 0:
            ms = {name: round(1000 * seconds, 3) for name, seconds in stages.items()}
            row |= {"stages_ms": ms, "overlapping": list(OVERLAPPING)}
        yield row


def compared(ours: Run, theirs: Run) -> Row:
    """The largest difference of scores over the images that both have, and the share of equal critiques."""
    pairs = list(zip(ours.scores, theirs.scores, strict=False))
    found: Row = {"score_difference": max(abs(a - b) for a, b in pairs)}
    texts = [
        one[attribute] == other[attribute]
        for one, other in zip(ours.critiques, theirs.critiques, strict=False)
        for attribute in other
    ]
    return found | ({"critiques_equal": sum(texts) / len(texts)} if texts else {})
