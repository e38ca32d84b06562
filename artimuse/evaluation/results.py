"""From prediction rows to metrics and results.json.

    write_predictions(folder / PREDICTIONS, rows)          # first what was predicted ...
    results = results_json(rows, benchmark="demo", protocol={...}, n_expected={"score": 200})
    write_results(folder, results)                         # ... then what follows from it
    recompute(folder)["srcc"].value                        # the same number, from the rows alone

results.json: {"benchmark", "protocol": {...}, "n_expected": {kind: n}, "n_scored": {kind: n},
"metrics": {"srcc": {"value", "ci95": [low, high], "n"}, ...}, "published": [...],
"baselines": {system: {"srcc": ...}}}
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from artimuse.evaluation import metrics as measure
from artimuse.evaluation.intervals import mean_interval, plcc_interval, srcc_interval
from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.pair_series import pair_series_metrics
from artimuse.evaluation.predictions import (
    KINDS,
    Prediction,
    aspect_of,
    check_predictions,
    read_predictions,
    write_atomically,
    write_predictions,
)
from artimuse.records import OVERALL

__all__ = [
    "CLOSE_PAIRS_LEAST",
    "PREDICTIONS",
    "RESULTS",
    "Prediction",
    "chance_levels",
    "compute_metrics",
    "missing",
    "read_predictions",
    "recompute",
    "results_json",
    "write_predictions",
    "write_results",
]

PREDICTIONS = "predictions.jsonl"
RESULTS = "results.json"
# Half of fewer pairs says nothing.
CLOSE_PAIRS_LEAST = 10


def compute_metrics(rows: Iterable[Prediction], *, seed: int = 0) -> dict[str, Metric]:
    """Every metric that the rows have items for, with its 95 % bootstrap interval and n.

    srcc, plcc, mae (points of 0-100): score rows. Other aspects than "overall" and, where there are
        several, data sets are never pooled: their keys read `srcc/dataset/aspect`.
    pair_accuracy, pair_accuracy_close: pair rows; ordered by `scores` where given, else by the
        prediction. Close are the half of the untied pairs with P nearest to .5, and all as near as
        the last of them; given from 10 untied pairs on.
    s_acc, s_srcc: of the series of pair rows (`pair_series`).
    choice_accuracy: choice rows; `unparsed` of them answered with no option, and count as wrong.

    The order of the rows does not matter.

    Raises:
        ValueError: Bad rows (see `check_predictions`), or too few for a metric.
    """
    ordered = sorted(rows, key=lambda row: str(row.get("id")))
    check_predictions(ordered)
    groups: dict[str, list[Prediction]] = {}
    scores = [row for row in ordered if row["kind"] == "score"]
    several = len({row.get("dataset") for row in scores}) > 1
    for row in scores:
        groups.setdefault(_group(row, several), []).append(row)
    found: dict[str, Metric] = {}
    for group in sorted(groups):
        found |= {key + group: value for key, value in _of_scores(groups[group], seed).items()}
    found |= _of_pairs([row for row in ordered if row["kind"] == "pair"], seed)
    return found | _of_choices([row for row in ordered if row["kind"] == "choice"], seed)


def results_json(
    rows: Sequence[Prediction],
    *,
    benchmark: str,
    protocol: Mapping[str, Any],
    n_expected: Mapping[str, int],
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
        n_expected: Items of each kind in the benchmark.
        allow_missing: Accept fewer rows than expected; the caller prints what `missing` says.
        published: Published numbers for the same protocol.
        baselines: Metrics of other systems on the same items, by system.

    Raises:
        ValueError: Bad rows, fewer rows of a kind than expected, or more.
    """
    check_predictions(rows)
    lacking = missing(rows, n_expected)
    if lacking and not allow_missing:
        raise ValueError(
            f"{benchmark}: expected {dict(n_expected)} items, found fewer predictions (missing: "
            f"{lacking}): score the rest, or allow missing items by name"
        )
    return {
        "benchmark": benchmark,
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


def _of_scores(rows: list[Prediction], seed: int) -> dict[str, Metric]:
    x = np.array([row["prediction"] for row in rows], np.float64)
    y = np.array([row["label"] for row in rows], np.float64)
    return {
        "srcc": replace(measure.srcc(x, y), ci95=srcc_interval(x, y, seed=seed)),
        "plcc": replace(measure.plcc(x, y), ci95=plcc_interval(x, y, seed=seed)),
        "mae": replace(measure.mae(x, y), ci95=mean_interval(np.abs(x - y), seed=seed)),
    }


def _of_pairs(rows: list[Prediction], seed: int) -> dict[str, Metric]:
    untied = [row for row in rows if row["label"] != 0.5]
    if not untied:
        return {}
    found = {"pair_accuracy": _pair_metric(rows, seed)} | pair_series_metrics(rows, seed)
    if len(untied) >= CLOSE_PAIRS_LEAST:
        # Rounded: |.7 - .5| and |.3 - .5| differ in the last bit.
        distance = np.array([row["label"] for row in untied], np.float64)
        distance = np.round(np.abs(distance - 0.5), 9)
        limit = np.sort(distance)[len(untied) // 2 - 1]
        close = [row for row, far in zip(untied, distance, strict=True) if far <= limit]
        found["pair_accuracy_close"] = _pair_metric(close, seed)
    return found


def _pair_metric(rows: list[Prediction], seed: int) -> Metric:
    """Accuracy of pair rows; the interval resamples whole series (or a pair that has none)."""
    scores = np.array([row.get("scores") or (row["prediction"], 0.5) for row in rows], np.float64)
    label = np.array([row["label"] for row in rows], np.float64)
    found = measure.pair_accuracy(scores[:, 0], scores[:, 1], label)
    correct, decided = measure.pair_outcomes(scores[:, 0], scores[:, 1], label)
    series = [_series(row) for row, kept in zip(rows, decided, strict=True) if kept]
    return replace(found, ci95=mean_interval(correct[decided], series, seed=seed))


def _of_choices(rows: list[Prediction], seed: int) -> dict[str, Metric]:
    if not rows:
        return {}
    given = [_answer(row) for row in rows]
    labels = [str(row["label"]) for row in rows]
    right = [answer == label for answer, label in zip(given, labels, strict=True)]
    interval = mean_interval(right, [_series(row) for row in rows], seed=seed)
    return {"choice_accuracy": replace(measure.choice_accuracy(given, labels), ci95=interval)}


def _answer(row: Prediction) -> str | None:
    """The option that was chosen; None where the answer names none of the options."""
    prediction, options = row["prediction"], row.get("options")
    known = prediction is not None and (options is None or prediction in options)
    return str(prediction) if known else None


def _series(row: Prediction) -> tuple[str | None, str]:
    """What a row was drawn with: its series within its data set, or itself."""
    series = row.get("series")
    return row.get("dataset"), f"series {series}" if series is not None else f"row {row['id']}"


def _group(row: Prediction, several: bool) -> str:
    """The suffix of a score row's metrics: empty for the overall score of the only data set."""
    dataset = f"/{row.get('dataset')}" if several else ""
    return dataset if aspect_of(row) == OVERALL else f"{dataset}/{aspect_of(row)}"


def _scored(rows: Iterable[Prediction], n_expected: Mapping[str, int]) -> dict[str, int]:
    number = Counter(row["kind"] for row in rows)
    return {kind: number[kind] for kind in KINDS if kind in n_expected or number[kind]}


def _as_json(found: Mapping[str, Metric]) -> dict[str, Any]:
    return {key: metric.as_json() for key, metric in found.items()}
