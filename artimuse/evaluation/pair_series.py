"""Series metrics from pair rows: is the best image of a series found, and how well is it ordered.

What an image is worth by the annotation is its mean P(better) over the pairs that are annotated (FGAesthetics
leaves out those near .5). What the model says is the row's `image_scores`, its mean over all pairs of its
series where it scores pairs; where rows have none, the mean of `scores`. An image without an annotated pair is
a partner of the others, and has no place of its own to be found at (arXiv 2603.03907).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.stats import rankdata

from artimuse.evaluation.intervals import mean_interval
from artimuse.evaluation.metrics import Metric, correlation
from artimuse.evaluation.predictions import Prediction


def pair_series_metrics(rows: Iterable[Prediction], seed: int) -> dict[str, Metric]:
    """s_acc: is the best image of a series found. s_srcc: Spearman's correlation within a series, its mean.

    A series whose images are annotated alike has no best image, and is counted as `ties`; of equal scores
    none is found. Empty where no row has scores and a series.
    """
    series: dict[tuple[str | None, str], dict[str, list[tuple[float, float]]]] = {}
    for row in rows:
        scores, name = row.get("image_scores") or row.get("scores"), row.get("series")
        if scores is None or name is None:
            continue
        images = series.setdefault((row.get("dataset"), name), {})
        label = float(row["label"])  # pyright: ignore[reportArgumentType]
        ends = row["id"].split("|")
        for end, score, odds in zip(ends, scores, (label, 1 - label), strict=True):
            images.setdefault(end, []).append((float(score), odds))
    found: list[float] = []
    ordered: list[float] = []
    ties = 0
    for images in series.values():
        values = np.array([np.mean(pairs, axis=0) for pairs in images.values()])
        predicted, annotated = values[:, 0], np.round(values[:, 1], 9)
        best = annotated == annotated.max()
        if best.all():
            ties += 1
            continue
        first = predicted == predicted.max()
        found.append(float(first.sum() == 1 and best[first].all()))
        ordered.append(correlation(rankdata(predicted), rankdata(annotated)))
    if not found:
        return {}
    return {
        name: Metric(
            float(np.mean(values)), len(values), mean_interval(values, seed=seed), {"ties": ties}
        )
        for name, values in (("s_acc", found), ("s_srcc", ordered))
    }
