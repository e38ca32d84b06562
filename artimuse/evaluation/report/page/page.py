"""The page from top to bottom: verdict, numbers, where they stand, each kind of answer, the protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artimuse.data.pages.html import Html
from artimuse.data.pages.shell import card, document
from artimuse.evaluation.published import beside
from artimuse.evaluation.report.answers import tallies
from artimuse.evaluation.report.breakdowns import Columns
from artimuse.evaluation.report.orders import orders
from artimuse.evaluation.report.page import head
from artimuse.evaluation.report.page.choices import choices
from artimuse.evaluation.report.page.critiques import critiques
from artimuse.evaluation.report.page.scores import scores
from artimuse.evaluation.report.page.series import series
from artimuse.evaluation.report.page.standing import standing
from artimuse.evaluation.report.page.style import REPORT_STYLE
from artimuse.evaluation.report.pictures import Pictures
from artimuse.evaluation.report.words import benchmark_name, model_name
from artimuse.records import OVERALL


def page(results: Mapping[str, Any], rows: Sequence[Any], pictures: Pictures) -> str:
    """One result as an HTML file.

    Args:
        results: what results.json holds. rows: its prediction rows.
    """
    numbers = card(
        "Numbers",
        head.tiles(results),
        head.overall(results),
        head.all_metrics(results["metrics"]),
    )
    cards = [
        numbers,
        standing(results, results.get("published") or beside(results)),
        *_scores(rows, pictures),
        series(results, orders(rows), pictures),
        choices(results, tallies(rows)),
        critiques(results, rows, pictures),
        head.protocol(results),
    ]
    return document(
        f"{benchmark_name(results['benchmark'])}: {model_name(results)}",
        head.title(results),
        # After the cards are made: it says which of their pictures were not found.
        head.completeness(results, pictures),
        *cards,
        style=REPORT_STYLE,
    )


def score_groups(rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Score rows by data set (where there are several) and aspect, overall scores first.

    The name of overall scores of the only data set is empty.
    """
    listed = [row for row in rows if row["kind"] == "score"]
    several = len({row.get("dataset") for row in listed}) > 1
    found: dict[str, list[Any]] = {}
    for row in listed:
        aspect = row.get("aspect") or OVERALL
        of = [str(row.get("dataset"))] if several else []
        name = ", ".join([*of, *([] if aspect == OVERALL else [aspect])])
        found.setdefault(name, []).append(row)
    return dict(sorted(found.items()))


def _scores(rows: Sequence[Any], pictures: Pictures) -> list[Html]:
    shown: list[Html] = []
    for name, group in score_groups(rows).items():
        # The images of one aspect are those of the others.
        shown.append(scores(name, Columns.of(group), None if shown else pictures))
    return shown
