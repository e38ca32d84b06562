"""Predicted against true: every image a dot while they can be told apart, then how many lie where.

scatter(columns, x="true score", y="predicted score")
"""

from __future__ import annotations

import math

import numpy as np

from artimuse.data.pages.html import Html, join, tag
from artimuse.evaluation.report.breakdowns import Bin, Columns, Floats
from artimuse.evaluation.report.page.plot import (
    BOTTOM,
    EDGE,
    LEFT,
    SIDE,
    Axis,
    Frame,
    dot,
    line,
    plot,
    spread,
)

DOTS = 1000
"""Images up to which each has its dot: the page of 19,930 images is no heavier than that of 1,000."""
CELLS = 48
MARGIN = 32


def scatter(
    columns: Columns, *, x: str = "true score", y: str = "predicted score", same: bool = True
) -> Html:
    """The plot of score rows (or rows of that form), with the spread of both at its edges.

    Args:
        same: one range for both axes: label and prediction are to be equal, not only ordered alike.
    """
    if same:
        frame = Frame.same(columns.label, columns.prediction)
    else:
        frame = Frame(Axis.around(columns.label), Axis.around(columns.prediction))
    drawn = _dots(frame, columns) if len(columns) <= DOTS else _cells(frame, columns)
    edges = [
        _edge(frame, frame.across, columns.label, vertical=False),
        _edge(frame, frame.up, columns.prediction, vertical=True),
    ]
    return plot(frame, drawn, *edges, x=x, y=y, title=f"{y} against {x} of {len(columns):,} images")


def calibration_plot(bins: list[Bin]) -> Html:
    """Mean true score of images that were predicted alike, with its interval, against their mean prediction."""
    reach = [end for one in bins for end in (one.true.ci95 or (one.true.value,))]
    frame = Frame.same(reach, [one.predicted for one in bins])
    places = [(one.predicted, one.true.value) for one in bins]
    path = "M" + " L".join(f"{frame.x(x)} {frame.y(y)}" for x, y in places)
    marks = [tag("path", d=path, class_="link")]
    for one in bins:
        tip = (
            f"predicted {one.low:.1f} to {one.high:.1f}, {one.predicted:.1f} on average: "
            f"true {one.true.value:.1f} on average, {one.n:,} images"
        )
        if one.true.ci95 is not None:
            low, high = one.true.ci95
            marks.append(line(frame, (one.predicted, low), (one.predicted, high), "reach", tip))
        marks.append(dot(frame, one.predicted, one.true.value, 4, "mean", tip))
    return plot(
        frame, *marks, x="predicted score, mean of a tenth", y="true score, mean",
        title="mean true score against mean predicted score, in bins of equal size",
    )  # fmt: skip


def _edge(frame: Frame, axis: Axis, values: Floats, *, vertical: bool) -> Html:
    counts = np.histogram(values, MARGIN, (axis.low, axis.high))[0]
    return spread(frame, counts.tolist(), vertical=vertical)


def _dots(frame: Frame, columns: Columns) -> Html:
    """One by one, with their names."""
    radius = 3.4 if len(columns) <= 300 else 2.4
    drawn = (
        dot(frame, label, prediction, radius, "one",
            f"{row['id']}: true {label:.1f}, predicted {prediction:.1f}")
        for row, label, prediction in zip(columns.rows, columns.label, columns.prediction, strict=True)
    )  # fmt: skip
    return tag("g", join(drawn), class_="dots")


def _cells(frame: Frame, columns: Columns) -> Html:
    """Counts in a grid, darker where there are more (on a logarithmic scale)."""
    ends = [(axis.low, axis.high) for axis in (frame.across, frame.up)]
    counts = np.histogram2d(columns.label, columns.prediction, CELLS, ends)[0]
    most = math.log1p(counts.max())
    across, up = (SIDE - LEFT - EDGE) / CELLS, (SIDE - BOTTOM - EDGE) / CELLS
    drawn = [
        tag(
            "rect",
            tag("title", f"{int(counts[i, j]):,} images"),
            x=round(LEFT + i * across, 1), y=round(SIDE - BOTTOM - (j + 1) * up, 1),
            width=round(across + 0.1, 1), height=round(up + 0.1, 1),
            fill_opacity=round(0.08 + 0.92 * math.log1p(counts[i, j]) / most, 2),
        )
        for i, j in zip(*np.nonzero(counts), strict=True)
    ]  # fmt: skip
    return tag("g", join(drawn), class_="cells")
