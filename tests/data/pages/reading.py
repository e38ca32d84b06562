"""Reads a page as a browser does: its elements, its text, and whether anything is loaded or run."""

from __future__ import annotations

from html.parser import HTMLParser

EVIL = "<script>alert('x')</script>\"&"


class Reading(HTMLParser):
    """The elements and the text of a page, and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reading:
    reading = Reading()
    reading.feed(html)
    reading.close()
    assert not reading.open
    return reading


def needs_nothing(html: str) -> bool:
    """Whether a page runs nothing, loads nothing, and links to nothing but itself."""
    reading = read(html)
    names = {name for name, _ in reading.tags}
    attributes = [(key, value) for _, found in reading.tags for key, value in found.items()]
    links = [
        value or ""
        for key, value in attributes
        if key in ("src", "href", "srcset", "data", "action")
    ]
    return (
        not names & {"script", "link", "iframe", "object", "embed", "form", "base"}
        and not any(key.startswith("on") for key, _ in attributes)
        and all(link.startswith(("data:image/", "#")) for link in links)
        and "@import" not in html
        and "url(" not in html
    )
