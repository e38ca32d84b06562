"""Made-up results with everything a report can show: scores, series, choices and critiques."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

CATEGORIES = ("Daily Photo", "Digital Art", "AIGC", "Product", "Calligraphy")
LEVELS = ("High", "Medium", "Low")
ATTRIBUTES = ("Composition & Design", "Technical Execution", "Emotion & Viewer Response")


def score_rows(n: int = 300, *, seed: int = 0, noise: float = 9.0) -> list[dict[str, Any]]:
    """Labels around a mean per category, predictions pulled to the middle."""
    random = np.random.default_rng(seed)
    category = random.choice(len(CATEGORIES), n, p=[0.4, 0.25, 0.2, 0.1, 0.05])
    label = np.clip(random.normal(52 + 4 * category, 14), 1, 99)
    prediction = 56 + 0.6 * (label - 56) + random.normal(0, noise, n)
    return [
        {"kind": "score", "id": f"made/{k:05d}.jpg", "label": float(label[k]),
         "prediction": float(prediction[k]), "aspect": "overall", "dataset": "made",
         "category": CATEGORIES[category[k]], "image": f"{k:05d}.jpg"}
        for k in range(n)
    ]  # fmt: skip


def series_rows(series: int = 24, *, seed: int = 1) -> list[dict[str, Any]]:
    """Pairs and ranked images of series of 2 to 5 images in three categories."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(series):
        category = ("natural", "aigc", "cropping")[number % 3]
        of = {"dataset": "fine", "category": category, "series": f"{category}/{number}"}
        size = int(random.integers(2, 6))
        true = random.normal(0, 1, size)
        score = 50 + 8 * true + random.normal(0, 9, size)
        names = [f"{category}/{number:04d}-{k}.jpg" for k in range(size)]
        rows += [
            of | {"kind": "rank", "id": name, "image": name, "label": float(y), "prediction": float(x)}
            for name, y, x in zip(names, true, score, strict=True)
        ]  # fmt: skip
        for a, b in itertools.combinations(range(size), 2):
            rows.append(
                of | {"kind": "pair", "id": f"{names[a]}|{names[b]}", "images": [names[a], names[b]],
                      "label": 1 / (1 + math.exp(true[b] - true[a])),
                      "prediction": 1 / (1 + math.exp((score[b] - score[a]) / 11)),
                      "scores": [float(score[a]), float(score[b])]}
            )  # fmt: skip
    return rows


def choice_rows(n: int = 240, *, seed: int = 2) -> list[dict[str, Any]]:
    """Two dimensions: one with shared options and a preferred answer, one with options of their own."""
    random = np.random.default_rng(seed)
    marks = ["A)", "B)", "C)"]
    rows: list[dict[str, Any]] = []
    for k in range(n):
        shared = k % 2 == 0
        label = marks[int(random.choice(3, p=[0.4, 0.35, 0.25]))]
        said = label if random.random() < 0.5 else str(random.choice(marks, p=[0.7, 0.2, 0.1]))
        rows.append(
            {"kind": "choice", "id": f"bench/{k}#0", "label": label, "options": marks,
             "prediction": None if random.random() < 0.06 else said, "dataset": "bench",
             "texts": list(LEVELS) if shared else [f"{k} one", f"{k} two", f"{k} three"],
             "aspect": "AesA" if shared else "AesP", "question": "?", "response": said}
        )  # fmt: skip
    return rows


def critique_rows(n: int = 12, *, seed: int = 3) -> list[dict[str, Any]]:
    """Likelihoods, critiques that the model wrote, and their sentiment."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for k, aspect in itertools.product(range(n), ATTRIBUTES):
        own = float(random.normal(1.0, 0.1))
        rows.append(
            {"kind": "critique", "id": f"text/{k}#{aspect}", "aspect": aspect, "dataset": "text",
             "label": own, "prediction": own + float(random.normal(0.08, 0.08)), "other": "text/0"}
        )  # fmt: skip
        rows.append(
            {"kind": "text", "id": f"text/{k}#{ATTRIBUTES.index(aspect)}", "aspect": aspect, "dataset": "text",
             "label": "The diagonal leads the eye, <b>and</b> the light is soft.", "cut": k == 0,
             "prediction": "A calm composition; the horizon is level.", "image": f"{k:05d}.jpg"}
        )  # fmt: skip
    for k in range(n):
        label = float(random.uniform(20, 80))
        rows.append(
            {"kind": "sentiment", "id": f"text/{k}", "dataset": "text", "label": label,
             "prediction": label * 0.6 + float(random.normal(20, 8)), "critique": "Soft light."}
        )  # fmt: skip
    return rows


def metric(value: float, n: int, width: float = 0.04, **counts: int) -> dict[str, Any]:
    """A metric as results.json holds it."""
    return {"value": value, "ci95": [value - width, value + width], "n": n, **counts}


def results(
    benchmark: str,
    metrics: dict[str, Any],
    *,
    n: dict[str, int],
    relation: str = "in-domain",
    run: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A results.json with a whole protocol."""
    return {
        "benchmark": benchmark,
        "protocol": {
            "checkpoint": {"path": "runs/made/model", "weights_sha256": "0" * 64, "family": "internvl"},
            "prompt": {"name": "artimuse"},
            "read_out": {"kind": "regression"},
            "series_scores": "pairs",
            "split": {"data": "made.json", "sha256": "1" * 64, "n": sum(n.values()), "official_n": None,
                      "official": None},
            "training": {"relation": relation, "evidence": "The run's sources name it."},
            "run": run,
            "missing": [],
            "versions": {"artimuse": "0.1.0", "torch": "2.13.0"},
        },
        "n_expected": dict(n), "n_scored": dict(n), "metrics": metrics, "published": [], "baselines": {},
    } | more  # fmt: skip


def scored_results(n: int = 300, benchmark: str = "artimuse-10k") -> dict[str, Any]:
    """Of `score_rows`."""
    metrics = {
        "srcc": metric(0.592, n), "plcc": metric(0.614, n), "krcc": metric(0.431, n),
        "rmse": metric(9.7, n, 0.6), "mae": metric(7.6, n, 0.4), "srcc_category_floor": metric(0.281, n, 0.05),
        "srcc_noise_ceiling": metric(0.941, n, 0.01),
    }  # fmt: skip
    baselines = {
        "untrained": {"srcc": metric(-0.02, n, 0.1)},
        "pixel statistics": {"srcc": metric(0.35, n, 0.1)},
    }
    return results(benchmark, metrics, n={"score": n}, baselines=baselines)
