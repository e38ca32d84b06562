"""A square plot as inline SVG: predicted against true, with axes, a diagonal and room for what is drawn in.

frame = Frame.same(labels, predictions)
plot(frame, marks, x="true score", y="predicted score", title="...")
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
class Axis:
    """The range of one axis."""

    low: float
    high: float

    @classmethod
    def around(cls, *columns: Iterable[float]) -> Axis:
        """The range that holds all values, rounded outward to the ticks."""
        values = [float(value) for column in columns for value in column]
        low, high = min(values), max(values)
        step = _step(max(high - low, 1.0))
        low, high = math.floor(low / step) * step, math.ceil(high / step) * step
        return cls(low, high if high > low else low + step)

    @property
    def ticks(self) -> list[float]:
        """The values that are written at the axis."""
        step = _step(self.high - self.low)
        first = math.ceil(self.low / step) * step
        return [first + k * step for k in range(int((self.high - first) / step + 1e-9) + 1)]

    def share(self, value: float) -> float:
        """Where a value lies in the range, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Frame:
    """Both axes, and the way from values to places in the drawing."""

    across: Axis
    up: Axis

    @classmethod
    def same(cls, *columns: Iterable[float]) -> Frame:
        """One range for both axes, so that the diagonal is where both values are equal."""
        axis = Axis.around(*columns)
        return cls(axis, axis)

    def x(self, value: float) -> float:
        """The place of a value on the horizontal axis, in units of the drawing."""
        return round(LEFT + self.across.share(value) * (SIDE - LEFT - EDGE), 1)

    def y(self, value: float) -> float:
        """The place of a value on the vertical axis."""
        return round(SIDE - BOTTOM - self.up.share(value) * (SIDE - BOTTOM - EDGE), 1)


def plot(frame: Frame, *marks: Html, x: str, y: str, title: str) -> Html:
    """The axes with what is drawn into them.

    Args:
        x, y: what the axes measure. title: what the picture shows, for those who cannot see it.
    """
    return tag(
        "svg",
        tag("title", title),
        *_axes(frame, x, y),
        *_diagonal(frame),
        *marks,
        viewBox=f"0 0 {SIDE} {SIDE}",
        role="img",
        class_="plot",
    )


def line(
    frame: Frame, start: tuple[float, float], end: tuple[float, float], class_: str, tip: str = ""
) -> Html:
    """A line between two points that lie inside the plot."""
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
    axis = frame.up if vertical else frame.across
    most, step = max([*counts, 1]), (axis.high - axis.low) / len(counts)
    drawn: list[Html] = []
    for place, count in enumerate(counts):
        if not count:
            continue
        start, end = axis.low + place * step, axis.low + (place + 1) * step
        size = round(max(count / most * (EDGE - 6), 0.8), 1)
        if vertical:
            box = {"x": SIDE - EDGE + 2, "y": frame.y(end), "width": size,
                   "height": round(frame.y(start) - frame.y(end), 1)}  # fmt: skip
        else:
            box = {"x": frame.x(start), "y": EDGE - 2 - size, "height": size,
                   "width": round(frame.x(end) - frame.x(start), 1)}  # fmt: skip
        drawn.append(tag("rect", tag("title", f"{start:.0f} to {end:.0f}: {count:,}"), **box))
    return tag("g", join(drawn), class_="spread")


def _diagonal(frame: Frame) -> Iterable[Html]:
    """Where predicted = true, for axes of one range."""
    if frame.across == frame.up:
        low, high = frame.up.low, frame.up.high
        yield line(frame, (low, low), (high, high), "diagonal")


def _axes(frame: Frame, x: str, y: str) -> Iterable[Html]:
    across, up = frame.across, frame.up
    for tick in across.ticks:
        yield line(frame, (tick, up.low), (tick, up.high), "grid")
        below = SIDE - BOTTOM + 15
        yield tag("text", f"{tick:g}", x=frame.x(tick), y=below, text_anchor="middle")
    for tick in up.ticks:
        yield line(frame, (across.low, tick), (across.high, tick), "grid")
        yield tag("text", f"{tick:g}", x=LEFT - 5, y=frame.y(tick) + 4, text_anchor="end")
    middle, height = frame.x((across.low + across.high) / 2), frame.y((up.low + up.high) / 2)
    yield tag("text", x, x=middle, y=SIDE - 7, text_anchor="middle", class_="name")
    turned = f"rotate(-90 11 {height})"
    yield tag("text", y, x=11, y=height, text_anchor="middle", class_="name", transform=turned)


def _step(width: float) -> float:
    """The least step that makes at most seven ticks of a range."""
    return next((step for step in STEPS if width / step <= 6), 50 * math.ceil(width / 300))
