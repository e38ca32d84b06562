"""Ablations: several recipes over several seeds, and whether what was taken away mattered.

A variant is a name and the overrides that make it from a recipe. What is compared is read from the
results.json of finished runs, so a table can be made again from the run folders alone.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from artimuse.evaluation.metrics import LOWER_IS_BETTER
from artimuse.evaluation.studies import BASE

SECONDS = "train_s"
"""How long training took, evaluations and what is before and after it left out."""
_LOWER = {*LOWER_IS_BETTER, SECONDS}


@dataclass(frozen=True, slots=True)
class Spread:
    """A metric over seeds: values in the order of the seeds, mean, and sample standard deviation."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def std(self) -> float:
        return statistics.stdev(self.values) if len(self.values) > 1 else math.nan


def read_metrics(results: Path) -> dict[str, float]:
    """The metrics of one results.json by name."""
    record = json.loads(results.read_text(encoding="utf-8"))
    return {name: metric["value"] for name, metric in record["metrics"].items()}


def training_seconds(run: Path) -> float:
    """From the images and the rates of a run's metrics.jsonl, and of those of its stages."""
    seconds = 0.0
    for path in (run / "metrics.jsonl", *sorted(run.glob("stages/*/metrics.jsonl"))):
        before = 0
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if "images_per_s" in row:
                seconds += (row["images_seen"] - before) / row["images_per_s"]
                before = row["images_seen"]
    return seconds


def spreads(runs: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    """Metric -> its spread over the runs of one variant (metrics that all of them have)."""
    shared = set.intersection(*(set(run) for run in runs))
    return {name: Spread(tuple(run[name] for run in runs)) for name in sorted(shared)}


def worse_by(base: Spread, other: Spread, metric: str) -> float:
    """By how many pooled standard deviations `other` is worse than `base`; negative where better.

    pooled = sqrt((s1^2 + s2^2) / 2); infinite where both variants do not vary and differ.
    """
    sign = 1.0 if metric in _LOWER else -1.0
    difference = sign * (other.mean - base.mean)
    pooled = math.sqrt((base.std**2 + other.std**2) / 2)
    if pooled == 0:
        return 0.0 if difference == 0 else math.copysign(math.inf, difference)
    return difference / pooled


def markdown(variants: Mapping[str, Mapping[str, Spread]], metrics: Sequence[str]) -> str:
    """A table with a row per variant: mean +- std, and how much worse than the first of them, the recipe."""
    lines = [
        "| variant | " + " | ".join(metrics) + " |",
        "|---" * (len(metrics) + 1) + "|",
    ]
    for name, found in variants.items():
        cells = []
        for metric in metrics:
            if metric not in found:
                cells.append("-")
                continue
            spread = found[metric]
            several = len(spread.values) > 1
            text = f"{spread.mean:.3f}" + (f" ± {spread.std:.3f}" if several else "")
            if several and name != BASE and BASE in variants:
                text += f" ({worse_by(variants[BASE][metric], spread, metric):+.1f} sd)"
            cells.append(text)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def csv_rows(
    study: str, variants: Mapping[str, Mapping[str, Spread]], metrics: Sequence[str]
) -> list[list[str]]:
    """A row per variant: study, variant, mean and standard deviation of each metric (empty: it has none)."""
    rows = []
    for name, found in variants.items():
        cells: list[str] = []
        for metric in metrics:
            spread = found.get(metric)
            cells += ["", ""] if spread is None else [f"{spread.mean:.4f}", f"{spread.std:.4f}"]
        rows.append([study, name, *cells])
    return rows


def csv_header(metrics: Sequence[str]) -> list[str]:
    """Of `csv_rows`."""
    return ["study", "variant", *(f"{m}_{part}" for m in metrics for part in ("mean", "std"))]


def latex(study: str, variants: Mapping[str, Mapping[str, Spread]], metrics: Sequence[str]) -> str:
    """A booktabs table of one study; the best mean of each metric is bold."""
    best = {
        metric: (min if metric in _LOWER else max)(
            found[metric].mean for found in variants.values() if metric in found
        )
        for metric in metrics
        if any(metric in found for found in variants.values())
    }
    lines = [
        rf"\begin{{tabular}}{{l{'c' * len(metrics)}}}",
        r"\toprule",
        " & ".join([study, *(metric.replace("_", " ") for metric in metrics)]) + r" \\",
        r"\midrule",
    ]
    for name, found in variants.items():
        cells = [name]
        for metric in metrics:
            spread = found.get(metric)
            if spread is None:
                cells.append("--")
                continue
            mean = f"{spread.mean:.3f}"
            mean = rf"\mathbf{{{mean}}}" if spread.mean == best[metric] else mean
            cells.append(rf"${mean} \pm {spread.std:.3f}$")
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])
