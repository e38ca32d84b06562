"""All rows of a predictions file -> everything that is measured of them."""

from __future__ import annotations

from collections.abc import Iterable

from artimuse.evaluation.measures.choices import of_choices
from artimuse.evaluation.measures.critiques import of_critiques, of_sentiments
from artimuse.evaluation.measures.measured import Measured
from artimuse.evaluation.measures.scores import of_scores
from artimuse.evaluation.measures.series import of_series
from artimuse.evaluation.predictions import (
    KINDS,
    Kind,
    Prediction,
    aspect_of,
    check_predictions,
)
from artimuse.records import OVERALL


def measures(rows: Iterable[Prediction]) -> dict[str, Measured]:
    """Every metric that the rows have items for; `of_scores`, `of_series`, ... say which.

    Other aspects than "overall" and, where there are several, data sets are never pooled: their keys read
    `srcc/dataset/aspect`. The order of the rows does not matter.

    Raises:
        ValueError: Bad rows (see `check_predictions`), or too few for a metric.
    """
    ordered = sorted(rows, key=lambda row: str(row.get("id")))
    check_predictions(ordered)
    kinds: dict[Kind, list[Prediction]] = {kind: [] for kind in KINDS}
    for row in ordered:
        kinds[row["kind"]].append(row)
    found: dict[str, Measured] = {}
    for group, scores in _groups(kinds["score"]).items():
        found |= {key + group: value for key, value in of_scores(scores).items()}
    found |= of_series(kinds["pair"], kinds["rank"])
    found |= of_choices(kinds["choice"])
    return found | of_critiques(kinds["critique"]) | of_sentiments(kinds["sentiment"])


def _groups(rows: list[Prediction]) -> dict[str, list[Prediction]]:
    """Score rows by the suffix of their metrics: none for the overall score of the only data set."""
    several = len({row.get("dataset") for row in rows}) > 1
    groups: dict[str, list[Prediction]] = {}
    for row in rows:
        suffix = f"/{row.get('dataset')}" if several else ""
        if aspect_of(row) != OVERALL:
            suffix += f"/{aspect_of(row)}"
        groups.setdefault(suffix, []).append(row)
    return dict(sorted(groups.items()))
