"""Pair and rank rows -> how series of nearly equal images are ordered; units are whole series."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from artimuse.evaluation import metrics as measure
from artimuse.evaluation import series_metrics as series
from artimuse.evaluation.intervals import grouped_mean
from artimuse.evaluation.measures.measured import Measured, Unit, unit_of
from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.predictions import Prediction
from artimuse.evaluation.resampling import numbered, sums_of

Floats = NDArray[np.float64]
# Half of fewer pairs says nothing.
CLOSE_PAIRS_LEAST = 10


def of_series(pairs: Sequence[Prediction], ranks: Sequence[Prediction]) -> dict[str, Measured]:
    """pair_accuracy, pair_accuracy_close, pair_f1 of pairs; s_acc, s_srcc of ranked images; `pair`, `series`.

    Without rank rows, images are ranked by their pairs (`ranked_by_pairs`). Where the rows have several
    categories, each metric also by category (`pair_f1/natural`). `pair` is the mean of accuracy and F1 over
    the categories, `series` that of s-Acc and s-SRCC: both as the paper has them.
    """
    ranks = ranks or ranked_by_pairs(pairs)
    found = _all(pairs, ranks)
    names = sorted({name for row in (*pairs, *ranks) if (name := row.get("category")) is not None})
    if len(names) > 1:
        for name in names:
            inside = (
                [row for row in rows if row.get("category") == name] for rows in (pairs, ranks)
            )
            found |= {f"{key}/{name}": value for key, value in _all(*inside).items()}
    if ranks and "pair_accuracy" in found:
        found["pair"] = _over_categories(pairs, _pair_columns, _accuracy_and_f1)
    if "s_acc" in found:
        found["series"] = _over_categories(ranks, _series_columns, _acc_and_srcc)
    return found


def ranked_by_pairs(rows: Sequence[Prediction]) -> list[Prediction]:
    """Rank rows of the images of pair rows that have scores and a series.

    What an image is worth is its mean P(better) over the pairs that are annotated. What the model says is its
    `image_scores`, its mean over all pairs of its series where it scores pairs, and otherwise its mean score:
    just where every pair of a series is annotated.
    """
    images: dict[tuple[Unit, str], tuple[Prediction, list[tuple[float, float]]]] = {}
    for row in rows:
        scores = row.get("image_scores") or row.get("scores")
        label = float(row["label"])  # pyright: ignore[reportArgumentType]
        if scores is None or row.get("series") is None:
            continue
        for id_, score, odds in zip(row["id"].split("|"), scores, (label, 1 - label), strict=True):
            images.setdefault((unit_of(row), id_), (row, []))[1].append((score, odds))
    found: list[Prediction] = []
    for (_, id_), (row, said) in images.items():
        score, worth = np.mean(said, axis=0)
        found.append(
            {
                "kind": "rank",
                "id": id_,
                # Rounded: .3 + .7 and .5 + .5 differ in the last bit.
                "label": round(float(worth), 9),
                "prediction": float(score),
                "series": row.get("series"),
                "dataset": row.get("dataset"),
                "category": row.get("category"),
            }
        )
    return found


def scores_of(rows: Sequence[Prediction]) -> tuple[Floats, Floats]:
    """(P, 2) scores of pairs, ordered by `scores` where given, else by the prediction; (P) their labels."""
    scores = np.array([row.get("scores") or (row["prediction"], 0.5) for row in rows], np.float64)
    return scores.reshape(-1, 2), np.array([row["label"] for row in rows], np.float64)


def _all(pairs: Sequence[Prediction], ranks: Sequence[Prediction]) -> dict[str, Measured]:
    return _of_pairs(pairs) | _of_ranks(ranks)


def _of_pairs(rows: Sequence[Prediction]) -> dict[str, Measured]:
    untied = [row for row in rows if row["label"] != 0.5]
    if not untied:
        return {}
    found = {"pair_accuracy": _accuracy(rows)}
    if len(untied) >= CLOSE_PAIRS_LEAST:
        # Rounded: |.7 - .5| and |.3 - .5| differ in the last bit.
        distance = np.array([row["label"] for row in untied], np.float64)
        distance = np.round(np.abs(distance - 0.5), 9)
        limit = np.sort(distance)[len(untied) // 2 - 1]
        close = [row for row, far in zip(untied, distance, strict=True) if far <= limit]
        found["pair_accuracy_close"] = _accuracy(close)
    scores, label = scores_of(rows)
    metric = series.pair_f1(scores[:, 0], scores[:, 1], label)
    columns, units = _by_unit(_decided(rows), _pair_columns(rows)[:, 2:])
    found["pair_f1"] = Measured(metric, sums_of(columns, series.f1_of), units)
    return found


def _accuracy(rows: Sequence[Prediction]) -> Measured:
    scores, label = scores_of(rows)
    metric = measure.pair_accuracy(scores[:, 0], scores[:, 1], label)
    correct, decided = measure.pair_outcomes(scores[:, 0], scores[:, 1], label)
    return Measured(metric, *grouped_mean(correct[decided], [unit_of(r) for r in _decided(rows)]))


def _decided(rows: Sequence[Prediction]) -> list[Prediction]:
    return [row for row in rows if row["label"] != 0.5]


def _of_ranks(rows: Sequence[Prediction]) -> dict[str, Measured]:
    members = _members(rows)
    predictions = [np.array([row["prediction"] for row in m], float) for m in members.values()]
    labels = [np.array([row["label"] for row in m], float) for m in members.values()]
    columns = _series_columns(rows)
    if not len(columns):
        return {}
    each = range(len(columns))
    return {
        "s_acc": Measured(
            series.series_accuracy(predictions, labels), *grouped_mean(columns[:, 1], each)
        ),
        "s_srcc": Measured(
            series.series_srcc(predictions, labels), *grouped_mean(columns[:, 2], each)
        ),
    }


def _members(rows: Sequence[Prediction]) -> dict[Unit, list[Prediction]]:
    members: dict[Unit, list[Prediction]] = {}
    for row in rows:
        members.setdefault(unit_of(row), []).append(row)
    return members


def _pair_columns(rows: Sequence[Prediction]) -> Floats:
    """(decided pairs, 5): 1, correct, and the three counts of F1."""
    scores, label = scores_of(rows)
    correct, decided = measure.pair_outcomes(scores[:, 0], scores[:, 1], label)
    counted, _ = series.pair_counts(scores[:, 0], scores[:, 1], label)
    right = correct[decided].astype(np.float64)[:, None]
    return np.concatenate([np.ones_like(right), right, counted], axis=1)


def _series_columns(rows: Sequence[Prediction]) -> Floats:
    """(decided series, 3): 1, the best image found, SRCC within the series."""
    found: list[tuple[float, float, float]] = []
    for images in _decided_series(rows).values():
        x = np.array([row["prediction"] for row in images], np.float64)
        y = np.array([row["label"] for row in images], np.float64)
        found.append((1.0, series.best_found(x, y), series.within_srcc(x, y)))
    return np.array(found, np.float64).reshape(-1, 3)


def _decided_series(rows: Sequence[Prediction]) -> dict[Unit, list[Prediction]]:
    return {
        unit: images
        for unit, images in _members(rows).items()
        if not series.undecided(np.array([row["label"] for row in images], np.float64))
    }


def _accuracy_and_f1(sums: Floats) -> float:
    return (sums[1] / sums[0] + series.f1_of(sums[2:])) / 2


def _acc_and_srcc(sums: Floats) -> float:
    return (sums[1] + sums[2]) / 2 / sums[0]


def _over_categories(
    rows: Sequence[Prediction],
    columns: Callable[[Sequence[Prediction]], Floats],
    function: Callable[[Floats], float],
) -> Measured:
    """The mean over categories of a function of each one's sums; a resample without a category skips it."""
    held = columns(rows)
    decided = (
        _decided(rows)
        if columns is _pair_columns
        else [images[0] for images in _decided_series(rows).values()]
    )
    kind, kinds = numbered([row.get("category") for row in decided])
    width = held.shape[1]
    wide = np.zeros((len(held), kinds * width))
    for number in range(kinds):
        wide[kind == number, number * width : (number + 1) * width] = held[kind == number]

    def mean(sums: Floats) -> float:
        parts = [part for part in sums.reshape(kinds, width) if part[0]]
        return float(np.mean([function(part) for part in parts]))

    by_unit, units = _by_unit(decided, wide)
    statistic = sums_of(by_unit, mean)
    metric = Metric(statistic(np.ones(units, np.intp)), len(held), counts={"categories": kinds})
    return Measured(metric, statistic, units)


def _by_unit(rows: Sequence[Prediction], columns: Floats) -> tuple[Floats, int]:
    """(units, K) sums of what the rows of each unit hold, and the number of units."""
    unit, number = numbered([unit_of(row) for row in rows])
    summed = np.zeros((number, columns.shape[1]))
    np.add.at(summed, unit, columns)
    return summed, number
