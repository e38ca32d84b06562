"""HTML by construction: text is escaped unless it was made here.

tag("p", "a < b", class_="muted")        # <p class="muted">a &lt; b</p>
tag("p", tag("b", name), " is bad")      # what comes from the data is never markup
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_EMPTY = ("img", "meta", "rect", "line", "circle", "path")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | int | float | bool | None) -> Html:
    """An element; children that are not `Html` are escaped, and so are the values of attributes.

    An attribute's name is written without its last underscore and with dashes for the others (`class_`,
    `data_label`). True is an attribute without a value; None and False leave it out.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _EMPTY and not children:
        return Html(f"<{name}{written}>" if name in ("img", "meta") else f"<{name}{written}/>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[str]) -> Html:
    """Children one after the other, escaped where they are not `Html`."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def _attribute(key: str, value: str | int | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
