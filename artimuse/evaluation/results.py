"""From prediction rows to metrics and results.json.

    write_predictions(folder / PREDICTIONS, rows)          # first what was predicted ...
    results = results_json(rows, benchmark="demo", protocol={...}, n_expected={"score": 200})
    write_results(folder, results)                         # ... then what follows from it
    recompute(folder)["srcc"].value                        # the same number, from the rows alone

results.json: {"benchmark", "kind", "protocol": {...}, "n_expected": {kind: n}, "n_scored": {kind: n},
"metrics": {"srcc": {"value", "ci95": [low, high], "n"}, ...}, "published": [...],
"baselines": {system: {"srcc": ...}}}
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from artimuse.evaluation.measures.measured import with_intervals
from artimuse.evaluation.measures.rows import measures
from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.prediction_file import PREDICTIONS, read_predictions, write_atomically
from artimuse.evaluation.predictions import KINDS, Prediction, check_predictions

RESULTS = "results.json"


def compute_metrics(rows: Iterable[Prediction], *, seed: int = 0) -> dict[str, Metric]:
    """Every metric that the rows have items for (`measures`), with its 95 % bootstrap interval and n.

    Raises:
        ValueError: Bad rows (see `check_predictions`), or too few for a metric.
    """
    return with_intervals(measures(rows), seed=seed)


def results_json(
    rows: Sequence[Prediction],
    *,
    benchmark: str,
    protocol: Mapping[str, Any],
    n_expected: Mapping[str, int] | None,
    kind: str = "recipe",
    allow_missing: bool = False,
    published: Sequence[Mapping[str, Any]] = (),
    baselines: Mapping[str, Mapping[str, Metric]] | None = None,
) -> dict[str, Any]:
    """The content of results.json.

    n_scored counts rows, a choice that did not parse among them.

    Args:
        rows: What `predictions.jsonl` holds.
        benchmark: Its name.
        protocol: Everything that defines the numbers: checkpoint, prompt, preprocessing, split.
        n_expected: Items of each kind in the benchmark; None where that is not known, {} in the file.
        kind: Of the benchmark: scores, series, choices, critiques; a training run's own is "recipe".
        allow_missing: Accept fewer rows than expected; the caller prints what `missing` says.
        published: Published numbers for the same protocol.
        baselines: Metrics of other systems on the same items, by system.

    Raises:
        ValueError: Bad rows, fewer rows of a kind than expected, or more.
    """
    check_predictions(rows)
    lacking = {} if n_expected is None else missing(rows, n_expected)
    n_expected = n_expected or {}
    if lacking and not allow_missing:
        raise ValueError(
            f"{benchmark}: expected {dict(n_expected)} items, found fewer predictions (missing: "
            f"{lacking}): score the rest, or allow missing items by name"
        )
    return {
        "benchmark": benchmark,
        "kind": kind,
        "protocol": dict(protocol),
        "n_expected": dict(n_expected),
        "n_scored": _scored(rows, n_expected),
        "metrics": _as_json(compute_metrics(rows)),
        "published": [dict(row) for row in published],
        "baselines": {name: _as_json(found) for name, found in (baselines or {}).items()},
    }


def missing(rows: Iterable[Prediction], n_expected: Mapping[str, int]) -> dict[str, int]:
    """How many items of each kind have no row; kinds that are complete are left out.

    Raises:
        ValueError: A kind is unknown, or has more rows than expected.
    """
    unknown = set(n_expected) - set(KINDS)
    if unknown:
        raise ValueError(f"n_expected: expected kinds out of {KINDS}, found {sorted(unknown)}")
    scored = _scored(rows, n_expected)
    for kind, n in scored.items():
        if n > n_expected.get(kind, 0):
            raise ValueError(f"expected {n_expected.get(kind, 0)} {kind} rows, found {n}: too many")
    return {kind: n - scored[kind] for kind, n in n_expected.items() if scored[kind] < n}


def write_results(folder: str | Path, results: Mapping[str, Any]) -> Path:
    """Write results.json into a folder, complete or not at all."""
    path = Path(folder) / RESULTS
    write_atomically(
        path, json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )
    return path


def recompute(folder: str | Path) -> dict[str, Metric]:
    """The metrics of a results folder, from its predictions.jsonl alone."""
    return compute_metrics(read_predictions(Path(folder) / PREDICTIONS))


def chance_levels(rows: Iterable[Prediction]) -> dict[str, float]:
    """What random answers score on the rows: correlations 0, pairs .5, choices 1 / number of
    options.

    No level for choices where a row does not list its options.
    """
    levels = {"srcc": 0.0, "plcc": 0.0, "pair_accuracy": 0.5}
    options = [len(row.get("options") or ()) for row in rows if row["kind"] == "choice"]
    if options and all(options):
        levels["choice_accuracy"] = sum(1 / n for n in options) / len(options)
    return levels


def _scored(rows: Iterable[Prediction], n_expected: Mapping[str, int]) -> dict[str, int]:
    number = Counter(row["kind"] for row in rows)
    return {kind: number[kind] for kind in KINDS if kind in n_expected or number[kind]}


def _as_json(found: Mapping[str, Metric]) -> dict[str, Any]:
    return {key: metric.as_json() for key, metric in found.items()}
