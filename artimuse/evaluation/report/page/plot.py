"""A square plot as inline SVG: predicted against true, with axes, a diagonal and room for what is drawn in.

    frame = Frame.around(labels, predictions)
    plot(frame, marks, x="true score", y="predicted score", title="...")

Both axes have the same range, so that the diagonal is where predicted = true.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from artimuse.data.pages.html import Html, join, tag

SIDE = 360
"""Of the drawing, in its own units; on the page it is as wide as its column, up to 30 rem."""
LEFT, BOTTOM, EDGE = 38, 40, 34
"""Room for the numbers, and above and right for how the values are spread."""
STEPS = (1, 2, 5, 10, 20, 25)


@dataclass(frozen=True, slots=True)
class Frame:
    """The range of both axes."""

    low: float
    high: float

    @classmethod
    def around(cls, *columns: Iterable[float]) -> Frame:
        """The range that holds all values, rounded outward to the ticks."""
        values = [float(value) for column in columns for value in column]
        low, high = min(values), max(values)
        step = _step(max(high - low, 1.0))
        low, high = math.floor(low / step) * step, math.ceil(high / step) * step
        return cls(low, high if high > low else low + step)

    @property
    def ticks(self) -> list[float]:
        step = _step(self.high - self.low)
        first = math.ceil(self.low / step) * step
        return [first + k * step for k in range(int((self.high - first) / step + 1e-9) + 1)]

    def x(self, value: float) -> float:
        """The place of a value on the horizontal axis, in units of the drawing."""
        return round(LEFT + self.share(value) * (SIDE - LEFT - EDGE), 1)

    def y(self, value: float) -> float:
        """The place of a value on the vertical axis."""
        return round(SIDE - BOTTOM - self.share(value) * (SIDE - BOTTOM - EDGE), 1)

    def share(self, value: float) -> float:
        """Where a value lies in the range, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def plot(frame: Frame, *marks: Html, x: str, y: str, title: str) -> Html:
    """The axes with what is drawn into them.

    Args:
        x, y: what the axes measure. title: what the picture shows, for those who cannot see it.
    """
    return tag(
        "svg",
        tag("title", title),
        *_axes(frame, x, y),
        line(frame, (frame.low, frame.low), (frame.high, frame.high), "diagonal"),
        *marks,
        viewBox=f"0 0 {SIDE} {SIDE}",
        role="img",
        class_="plot",
    )


def line(
    frame: Frame, start: tuple[float, float], end: tuple[float, float], class_: str, tip: str = ""
) -> Html:
    """A line between two points of the plot, cut to nothing: give points that lie inside."""
    return tag(
        "line",
        *((tag("title", tip),) if tip else ()),
        x1=frame.x(start[0]), y1=frame.y(start[1]), x2=frame.x(end[0]), y2=frame.y(end[1]),
        class_=class_,
    )  # fmt: skip


def dot(frame: Frame, x: float, y: float, radius: float, class_: str, tip: str = "") -> Html:
    """A point, with what it says when it is pointed at."""
    return tag(
        "circle", *((tag("title", tip),) if tip else ()),
        cx=frame.x(x), cy=frame.y(y), r=radius, class_=class_,
    )  # fmt: skip


def spread(frame: Frame, counts: list[int], *, vertical: bool) -> Html:
    """How values are spread over the range: a small histogram above the plot, or right of it."""
    most, step = max([*counts, 1]), (frame.high - frame.low) / len(counts)
    drawn: list[Html] = []
    for place, count in enumerate(counts):
        if not count:
            continue
        start, end = frame.low + place * step, frame.low + (place + 1) * step
        size = round(max(count / most * (EDGE - 6), 0.8), 1)
        if vertical:
            box = {"x": SIDE - EDGE + 2, "y": frame.y(end), "width": size,
                   "height": round(frame.y(start) - frame.y(end), 1)}  # fmt: skip
        else:
            box = {"x": frame.x(start), "y": EDGE - 2 - size, "height": size,
                   "width": round(frame.x(end) - frame.x(start), 1)}  # fmt: skip
        drawn.append(tag("rect", tag("title", f"{start:.0f} to {end:.0f}: {count:,}"), **box))
    return tag("g", join(drawn), class_="spread")


def _axes(frame: Frame, x: str, y: str) -> Iterable[Html]:
    middle = (frame.low + frame.high) / 2
    for tick in frame.ticks:
        yield line(frame, (tick, frame.low), (tick, frame.high), "grid")
        yield line(frame, (frame.low, tick), (frame.high, tick), "grid")
        below = {"x": frame.x(tick), "y": SIDE - BOTTOM + 15, "text_anchor": "middle"}
        yield tag("text", f"{tick:g}", **below)
        yield tag("text", f"{tick:g}", x=LEFT - 5, y=frame.y(tick) + 4, text_anchor="end")
    yield tag("text", x, x=frame.x(middle), y=SIDE - 7, text_anchor="middle", class_="name")
    up = frame.y(middle)
    yield tag(
        "text", y, x=11, y=up, text_anchor="middle", class_="name", transform=f"rotate(-90 11 {up})"
    )


def _step(width: float) -> float:
    """The least step that makes at most seven ticks of a range."""
    return next((step for step in STEPS if width / step <= 6), 50 * math.ceil(width / 300))
