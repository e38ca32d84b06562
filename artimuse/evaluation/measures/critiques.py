"""Critique and sentiment rows -> does a model know its image's critique, and mean what it writes?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from artimuse.evaluation.intervals import grouped_mean
from artimuse.evaluation.measures.measured import Measured, unit_of
from artimuse.evaluation.metrics import LEAST_CORRELATED, Metric, srcc
from artimuse.evaluation.predictions import Prediction
from artimuse.evaluation.resampling import srcc_of


def of_critiques(rows: Sequence[Prediction]) -> dict[str, Measured]:
    """critique_bits, critique_told, critique_told_by_image: in all and by attribute; units are images.

    critique_bits: mean bits per character of the experts' own texts. critique_told: share of rows whose own
    text is likelier per character than another image's, given the image; critique_told_by_image: whose own
    text is likelier with its own image than with another. Chance is .5 in both, and a tie is wrong.
    """
    found: dict[str, Measured] = {}
    attributes = {str(row.get("aspect")) for row in rows if row.get("aspect") is not None}
    parts = {"": list(rows)} | {
        f"/{name}": [row for row in rows if row.get("aspect") == name]
        for name in sorted(attributes)
    }
    for suffix, part in parts.items():
        found |= {f"{key}{suffix}": value for key, value in _of_part(part).items()}
    return found


def of_sentiments(rows: Sequence[Prediction]) -> dict[str, Measured]:
    """sentiment_srcc: SRCC of a model's scores with how good its own critiques make the images."""
    if len(rows) < LEAST_CORRELATED:
        return {}
    x = [row["prediction"] for row in rows]
    y = [row["label"] for row in rows]
    predictions, labels = np.array(x, np.float64), np.array(y, np.float64)
    metric = srcc(predictions, labels)
    return {"sentiment_srcc": Measured(metric, srcc_of(predictions, labels), len(rows))}


def _of_part(rows: Sequence[Prediction]) -> dict[str, Measured]:
    if not rows:
        return {}
    own = np.array([row["label"] for row in rows], np.float64)
    other = np.array([row["prediction"] for row in rows], np.float64)
    found = {"critique_bits": _mean(own, rows), "critique_told": _mean(own < other, rows)}
    here = {row["id"]: row["label"] for row in rows}
    # The other's text with this image, against the same text with its own image.
    both = [(row, f"{row.get('other')}#{row.get('aspect')}") for row in rows]
    known = [(row, here[other]) for row, other in both if other in here]
    if known:
        told = np.array([float(own) < float(row["prediction"]) for row, own in known])  # type: ignore[arg-type]
        found["critique_told_by_image"] = _mean(told, [row for row, _ in known])
    return found


def _mean(values: np.ndarray, rows: Sequence[Prediction]) -> Measured:
    metric = Metric(float(np.mean(values)), len(rows))
    return Measured(metric, *grouped_mean(values, [unit_of(row) for row in rows]))
