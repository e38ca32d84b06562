"""Scores: predicted against true, calibration, categories, bands, and the images behind the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import card, panel
from artimuse.evaluation.report import breakdowns
from artimuse.evaluation.report.breakdowns import Columns, Part
from artimuse.evaluation.report.page.gallery import wall
from artimuse.evaluation.report.page.rows import Row, extent, interval_rows
from artimuse.evaluation.report.page.scatter import calibration_plot, scatter
from artimuse.evaluation.report.pictures import Pictures
from artimuse.evaluation.report.words import value

CATEGORIES = 16
"""That are shown at once; the others are folded away."""


def scores(name: str, columns: Columns, pictures: Pictures | None) -> Html:
    """The card of one data set's and aspect's scores.

    Args:
        name: of data set and aspect; empty for the overall score of the only data set.
        pictures: None leaves the images out: they are shown for one aspect.
    """
    bins = breakdowns.calibration(columns)
    error = breakdowns.calibration_error(bins)
    bias = float((columns.prediction - columns.label).mean())
    plots = tag(
        "div",
        panel("Predicted against true", scatter(columns)),
        panel(
            "Calibration",
            calibration_plot(bins),
            tag("p", f"Where a score is predicted, the true mean lies {error:.1f} points away on average; over "
                     f"all images predictions are {abs(bias):.1f} points too {'high' if bias > 0 else 'low'}. "
                     "On the dashed line, predicted = true.", class_="mark"),
        ),
        class_="plots",
    )  # fmt: skip
    parts = [
        plots,
        _categories(breakdowns.by_category(columns)),
        _bands(breakdowns.by_band(columns)),
    ]
    if pictures is not None:
        parts.append(_images(columns, pictures))
    return card(f"Scores: {name}" if name else "Scores", *(part for part in parts if part))


def _categories(parts: Sequence[Part]) -> Html:
    if not parts:
        return Html("")
    # One scale for those folded away too.
    first, rest = _within(parts, parts[:CATEGORIES]), Html("")
    if parts[CATEGORIES:]:
        more = f"{len(parts) - CATEGORIES:,} more"
        rest = tag("details", tag("summary", more), _within(parts, parts[CATEGORIES:]))
    return tag("div", panel(f"SRCC within {len(parts):,} categories", first, rest), class_="plots")


def _bands(parts: Sequence[Part]) -> Html:
    rows = [
        Row(part.name, part.bias.value, part.bias.ci95, f"n\u00a0{part.n:,}",
            f"{part.bias.value:+.1f}, MAE {part.mae.value:.1f}", "ours plain")
        for part in parts
    ]  # fmt: skip
    widest = max(abs(end) for row in rows for end in (row.value or 0.0, *(row.ci95 or ())))
    reach = extent([], at_least=(0.0, max(widest, 1.0)))[1]
    bias = interval_rows(
        rows, low=-reach, high=reach, what="mean of predicted - true", bars=True,
        ends=(f"{reach:g} too low", f"{reach:g} too high"),
    )  # fmt: skip
    return tag(
        "div",
        panel("By true score: SRCC within each fifth", _within(parts, parts)),
        panel("By true score: points too low or too high", bias),
        class_="plots",
    )


def _within(all_parts: Sequence[Part], parts: Sequence[Part]) -> Html:
    low, high = extent([_row(part) for part in all_parts], at_least=(0.0, 1.0))
    return interval_rows([_row(part) for part in parts], low=low, high=high, what="SRCC", bars=True)


def _row(part: Part) -> Row:
    note = f"n\u00a0{part.n:,}, MAE {part.mae.value:.1f}"
    if part.srcc is None:
        return Row(part.name, None, note=note, text="too few", kind="ours plain")
    ends = part.srcc.ci95
    told = (
        "no interval" if ends is None else f"[{value(ends[0], 'srcc')}, {value(ends[1], 'srcc')}]"
    )
    return Row(part.name, part.srcc.value, ends, note, f"{value(part.srcc.value, 'srcc')} {told}",
               "ours plain")  # fmt: skip


def _images(columns: Columns, pictures: Pictures) -> Html:
    walls = (
        ("Furthest off", breakdowns.furthest(columns), True),
        ("Closest", breakdowns.closest(columns), True),
        ("Predicted highest", breakdowns.highest(columns), False),
        ("Predicted lowest", breakdowns.lowest(columns), False),
    )
    return tag(
        "div",
        *(
            tag("details", tag("summary", f"{name}: {len(misses)} images"), wall(misses, pictures), open=open_)
            for name, misses, open_ in walls
        ),
    )  # fmt: skip
