"""Rows of one chart: a name, a line of its own with what was measured and its interval, and the number.

    interval_rows([Row("AIGC", .61, (.5, .7), "n 146")], low=0, high=1)

The names and numbers are HTML, so they wrap and do not shrink with the drawing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from artimuse.data.pages.html import Html, join, tag

WIDTH, HEIGHT = 1000, 24


@dataclass(frozen=True, slots=True)
class Row:
    """One line.

    value: None where it is not defined. kind: its look, one of "ours", "same" (protocol), "other", "bound".
    note: smaller, behind the name. text: the number as it is to be read.
    """

    name: str
    value: float | None
    ci95: tuple[float, float] | None = None
    note: str = ""
    text: str = ""
    kind: str = "ours"


def extent(rows: Sequence[Row], *, at_least: tuple[float, float]) -> tuple[float, float]:
    """The range that holds all rows, and what has to be in it, rounded outward."""
    values = [end for row in rows for end in (row.value, *(row.ci95 or ())) if end is not None]
    low, high = min([*values, at_least[0]]), max([*values, at_least[1]])
    step = 10 ** math.floor(math.log10(max(high - low, 1e-9)))
    step = step / 5 if (high - low) / step < 2 else step / 2
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def interval_rows(
    rows: Sequence[Row],
    *,
    low: float,
    high: float,
    what: str,
    bars: bool = False,
    band: tuple[float, float] | None = None,
    ends: tuple[str, str] | None = None,
    mark: float = 0.0,
) -> Html:
    """The rows under one another on one scale.

    Args:
        what: is measured, for those who cannot see it.
        bars: from zero to the value, else a dot.
        band: a range that is shaded behind all rows: the interval of this model.
        mark: where a line is drawn through all rows, if it lies inside the scale.
        ends: what the ends of the scale are called, if not by their numbers.
    """
    drawn = [_row(row, (low, high), what, bars=bars, band=band, mark=mark) for row in rows]
    names = ends or (f"{low:g}", f"{high:g}")
    axis = tag("div", tag("span", names[0]), tag("span", names[1]), class_="axis")
    foot = tag("div", tag("span"), axis, tag("span"), class_="row foot")
    return tag("div", tag("div", join(drawn), foot, class_="lines"), class_="rows")


def _row(
    row: Row,
    scale: tuple[float, float],
    what: str,
    *,
    bars: bool,
    band: tuple[float, float] | None,
    mark: float,
) -> Html:
    low, high = scale

    def x(value: float) -> float:
        return round((min(max(value, low), high) - low) / (high - low) * WIDTH, 1)

    drawn: list[Html] = []
    if band is not None:
        drawn.append(tag("rect", x=x(band[0]), width=round(x(band[1]) - x(band[0]), 1), y=0,
                         height=HEIGHT, class_="band"))  # fmt: skip
    if low < mark < high:
        drawn.append(_tick(x(mark), "zero"))
    if row.value is not None:
        if bars:
            start, end = sorted((x(0), x(row.value)))
            drawn.append(tag("rect", x=start, width=max(round(end - start, 1), 2), y=5,
                             height=HEIGHT - 10, class_="bar"))  # fmt: skip
        if row.ci95 is not None:
            y = HEIGHT / 2
            drawn.append(tag("line", x1=x(row.ci95[0]), x2=x(row.ci95[1]), y1=y, y2=y,
                             vector_effect="non-scaling-stroke", class_="reach"))  # fmt: skip
        if not bars:
            # A line without length and with round ends is a dot that stays round when stretched.
            drawn.append(tag("path", d=f"M{x(row.value)} {HEIGHT / 2}h0.01",
                             vector_effect="non-scaling-stroke", class_="point halo"))  # fmt: skip
            drawn.append(tag("path", d=f"M{x(row.value)} {HEIGHT / 2}h0.01",
                             vector_effect="non-scaling-stroke", class_="point"))  # fmt: skip
    picture = tag(
        "svg", join(drawn),
        viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none", role="img",
        aria_label=f"{row.name}, {what}: {row.text or 'not defined'}",
    )  # fmt: skip
    note = tag("span", row.note, class_="quiet") if row.note else Html("")
    return tag(
        "div",
        tag("div", row.name, " ", note, class_="what"),
        picture,
        tag("div", row.text or "-", class_="number"),
        class_=f"row {row.kind}",
    )


def _tick(x: float, class_: str) -> Html:
    return tag("line", x1=x, x2=x, y1=0, y2=HEIGHT, vector_effect="non-scaling-stroke",
               class_=class_)  # fmt: skip
