"""Images on the page: those judged worst and best, and series in both orders.

wall([Miss(...)], pictures)          # thumbnails with what was true and what was predicted
strip(order, pictures)               # a series in its true order, with lines to the places the model gave
"""

from __future__ import annotations

from collections.abc import Sequence

from artimuse.data.pages.html import Html, tag
from artimuse.evaluation.report.breakdowns import Miss
from artimuse.evaluation.report.orders import Order
from artimuse.evaluation.report.pictures import Pictures

HEIGHT = 40
"""Of the lines between both orders; each place is 100 wide."""


def wall(misses: Sequence[Miss], pictures: Pictures) -> Html:
    """Figures in rows, as many as the window is wide."""
    return tag("div", *(_figure(miss, pictures) for miss in misses), class_="wall")


def framed(image: str | None, name: str, pictures: Pictures) -> Html:
    """A picture in a square frame, which says so where there is none; nothing for a row that names no file."""
    source = pictures(image)
    if image is None:
        return Html("")
    inside = "no picture" if source is None else tag("img", src=source, alt=name, loading="lazy")
    return tag("div", inside, class_="frame")


def strip(order: Order, pictures: Pictures) -> Html:
    """A series: lettered by the true order, and the same letters as the model orders them."""
    number = len(order.images)
    columns = f"grid-template-columns: repeat({number}, minmax(0, 1fr))"
    shown = [
        tag("div", framed(image.image, image.id, pictures), tag("span", letter(k), class_="letter"))
        for k, image in enumerate(order.images)
    ]
    by_model = sorted(range(number), key=lambda k: order.places[k])
    letters = [
        tag("span", letter(k), class_="letter", title=f"{order.images[k].id}: "
            f"predicted {order.images[k].predicted:.2f}")
        for k in by_model
    ]  # fmt: skip
    paths = [
        tag("path", d=f"M{50 + 100 * k} 0 C{50 + 100 * k} {HEIGHT / 2} {50 + 100 * place} {HEIGHT / 2} "
                      f"{50 + 100 * place} {HEIGHT}",
            vector_effect="non-scaling-stroke", class_="moved" if place != k else None)
        for k, place in enumerate(order.places)
    ]  # fmt: skip
    said = " ".join(letter(k) for k in by_model)
    lines = tag(
        "svg", *paths, viewBox=f"0 0 {100 * number} {HEIGHT}", preserveAspectRatio="none", role="img",
        aria_label=f"the model orders them {said}",
    )  # fmt: skip
    series = order.series.removeprefix(f"{order.category}/")
    name = " · ".join(filter(None, (order.category, f"series {series}")))
    return tag(
        "div",
        tag("div", tag("span", name), tag("span", f"SRCC {order.srcc:.2f}"), class_="side"),
        tag("div", *shown, class_="strip", style=columns),
        lines,
        tag("div", *letters, class_="strip", style=columns),
        tag("div", tag("span", "← better"), tag("span", "the model's order"), class_="side"),
        class_="series",
    )


def letter(place: int) -> str:
    """A for the first, B for the second; numbers after Z."""
    return chr(ord("A") + place) if place < 26 else str(place + 1)


def _figure(miss: Miss, pictures: Pictures) -> Html:
    row = miss.row
    told = " · ".join(filter(None, (row["id"], row.get("category"))))
    sign = "up" if miss.error > 0 else "down"
    return tag(
        "figure",
        framed(row.get("image"), row["id"], pictures),
        tag(
            "figcaption",
            tag("span", "true ", tag("b", f"{miss.label:.1f}"), ", predicted ",
                tag("b", f"{miss.prediction:.1f}"), " ",
                tag("span", f"({miss.error:+.1f})", class_=sign), class_="versus"),
            tag("span", told, class_="id"),
        ),
    )  # fmt: skip
