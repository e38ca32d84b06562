"""The one number that a benchmark is quoted by, where it takes more than metrics: what is there, what lacks.

    overall("aesbench", metrics, rows)   -> {"value": None, "is": ..., "parts": {"AesP": 71.2}, "lacking": ...}

AesBench's overall is the mean of AesP, AesE and AesA in per cent and of 100 x AesI (arXiv 2401.08276, inferred
from its table). AesI is a judge's: texts that a person or a model gives 0, 1 or 2 points. So no evaluation has
the overall alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artimuse.evaluation.predictions import Prediction

DIMENSIONS, JUDGED = ("AesP", "AesE", "AesA"), "AesI"
DEFINED = "the mean of AesP, AesE and AesA in per cent and of 100 x AesI"


def overall(
    benchmark: str, metrics: Mapping[str, Mapping[str, Any]], rows: Sequence[Prediction]
) -> dict[str, Any] | None:
    """What results.json says of the overall; None for a benchmark whose metrics say it themselves.

    Args:
        metrics: as results.json has them; shares in [0, 1]. rows: that they were taken over.
    """
    if benchmark != "aesbench":
        return None
    keys = {name: f"choice_accuracy/{name}" for name in DIMENSIONS}
    parts = {name: 100 * metrics[key]["value"] for name, key in keys.items() if key in metrics}
    asked = {row.get("aspect") for row in rows if row["kind"] == "choice"}
    lacking = {
        name: "the authors keep the answers" if name in asked else "not asked in this file"
        for name in DIMENSIONS
        if name not in parts
    }
    texts = sum(row["kind"] == "text" and row.get("aspect") == JUDGED for row in rows)
    lacking[JUDGED] = (
        f"to be judged, 0 to 2 points: {texts:,} texts in judge/answers.jsonl, scored by --judged"
        if texts
        else "not asked in this file, and to be judged"
    )
    return {"value": None, "is": DEFINED, "parts": parts, "lacking": lacking}
