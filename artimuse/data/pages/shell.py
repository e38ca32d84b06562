"""The page around its cards, and the small parts that cards are made of.

document("Data report: quickstart", tag("header", ...), tag("section", ..., class_="card"))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from artimuse.data.pages.html import Html, join, tag
from artimuse.data.pages.style import STYLE

Thumbnail = Callable[[str], str | None]
"""Image file -> data URI; None for an image that cannot be shown."""


def document(title: str, *body: str, style: str = "") -> str:
    """A whole page; `style` is CSS after the shared sheet."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(STYLE + style)),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", *body), lang="en") + "\n"


def picture(file: str, caption: str, thumbnail: Thumbnail) -> Html:
    """A thumbnail with its caption, or an empty frame."""
    source = thumbnail(file)
    image = tag("div", "no picture", class_="absent")
    if source is not None:
        image = tag("img", src=source, alt=caption, loading="lazy")
    return tag("figure", image, tag("figcaption", caption), class_="picture")


def card(title: str, *content: str, id_: str | None = None) -> Html:
    """A part of the page, with its heading."""
    return tag("section", tag("h2", title), *content, class_="card", id=id_)


def panel(title: str, *content: str, wide: bool = False) -> Html:
    """A part of a card, with its heading."""
    return tag("div", tag("h3", title), *content, class_="panel wide" if wide else "panel")


def fact_list(found: Mapping[str, str]) -> Html:
    """Names and values, in two columns."""
    pairs = [part for key, text in found.items() for part in (tag("dt", key), tag("dd", text))]
    return tag("dl", join(pairs), class_="facts")
