"""Histograms as inline SVG, with their labels in HTML, so that the letters do not shrink with the drawing.

bars({"low": 0, "high": 10, "counts": [1, 4, 2]}, what="scores", mark=6.1)
"""

from __future__ import annotations

from typing import Any

from artimuse.data.pages.html import Html, tag

HEIGHT = 100
WIDTH = 10
"""Of a bar and the gap after it; the drawing is stretched to its box."""


def bars(
    histogram: dict[str, Any], *, what: str, mark: float | None = None, small: bool = False
) -> Html:
    """A histogram over its whole range; pointing at a bar tells its numbers.

    Args:
        what: is counted.
        mark: a value to draw a line at.
    """
    counts, low, high = histogram["counts"], histogram["low"], histogram["high"]
    most = max([*counts, 1])
    step = (high - low) / len(counts)
    drawn = [
        _bar(place, count / most, f"{number(low + place * step)} to {number(low + (place + 1) * step)}: "
             f"{count:,} {what}")
        for place, count in enumerate(counts)
        if count
    ]  # fmt: skip
    width = WIDTH * len(counts)
    if mark is not None:
        at = (mark - low) / (high - low) * width
        drawn.append(tag("line", x1=round(at, 2), x2=round(at, 2), y1=0, y2=HEIGHT,
                         vector_effect="non-scaling-stroke"))  # fmt: skip
    picture = tag(
        "svg",
        *drawn,
        viewBox=f"0 0 {width} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"histogram of {sum(counts):,} {what} from {number(low)} to {number(high)}",
    )
    ends = tag("div", tag("span", number(low)), tag("span", number(high)), class_="axis")
    return tag("div", picture, ends, class_="chart small" if small else "chart")


def _bar(place: int, share: float, title: str) -> Html:
    # A single item among thousands is to be seen too.
    height = max(share * HEIGHT, 1.5)
    return tag(
        "rect", tag("title", title),
        x=place * WIDTH, y=round(HEIGHT - height, 2), width=WIDTH - 1, height=round(height, 2),
    )  # fmt: skip


def number(value: float | None, digits: int = 3) -> str:
    """A number to read: whole ones with commas, others with so many significant digits, none as a dash."""
    if value is None:
        return "-"
    if float(value).is_integer():
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"
