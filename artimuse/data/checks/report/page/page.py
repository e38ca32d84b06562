"""The page from top to bottom: verdict, what needs attention, all splits at a glance, then each in detail."""

from __future__ import annotations

from typing import Any

from artimuse.data.checks.report.page.glossary import glossary
from artimuse.data.checks.report.page.likeness import broken, leakage, twins
from artimuse.data.checks.report.page.split import anchor, split_card
from artimuse.data.checks.report.page.style import DATA_STYLE
from artimuse.data.pages.html import Html, join, tag
from artimuse.data.pages.shell import Thumbnail, document

COLUMNS = ("images", "series", "texts", "choices", "scores", "pairs")


def page(report: dict[str, Any], thumbnail: Thumbnail) -> str:
    """The report as one HTML file.

    Args:
        thumbnail: image file -> data URI, or None for an image that cannot be shown.
    """
    return document(
        f"Data report: {report['recipe']['run']}",
        _title(report),
        _verdict(report),
        _findings(report["findings"]),
        _overview(report["splits"]),
        leakage(report["leakage"], thumbnail),
        twins(report["duplicates"], thumbnail),
        broken(report["images"]),
        *(split_card(split, report["model"], thumbnail) for split in report["splits"]),
        glossary(),
        style=DATA_STYLE,
    )


def _title(report: dict[str, Any]) -> Html:
    made, model = report["made"], report["model"]
    read = f"tokens of {model['name']}" if model["name"] else "tokens were not counted"
    told = [
        f"{report['images']['files']:,} image files under {report['recipe']['root']}",
        read,
        f"data {report['data_sha256'][:12]}",
        f"artimuse {made['version']}",
        f"{made['at'][:16].replace('T', ' ')} UTC",
    ]
    return tag(
        "header",
        tag("h1", "Data report: ", report["recipe"]["run"]),
        tag("p", " · ".join(told), class_="quiet"),
    )


def _verdict(report: dict[str, Any]) -> Html:
    refused = report["refused"]
    if refused:
        text = f"A training run would refuse this data, for {_some(len(refused), 'reason')}."
        return tag("section", tag("h2", text), class_="card verdict refused")
    warnings = sum(finding["level"] == "warning" for finding in report["findings"])
    text = "Nothing here that a training run would refuse."
    more = f"{_some(warnings, 'warning')} below." if warnings else "Nothing looks wrong."
    level = "warning" if warnings else "good"
    return tag("section", tag("h2", text), tag("p", more), class_=f"card verdict {level}")


def _findings(findings: list[dict[str, str]]) -> Html:
    if not findings:
        return Html("")
    listed = tag("ul", *(_finding(one) for one in findings), class_="findings")
    return tag("section", tag("h2", "What to look at"), listed, class_="card")


def _finding(one: dict[str, str]) -> Html:
    """A finding by its first line; what a longer one says besides is folded away."""
    first, _, rest = one["text"].partition("\n")
    more = tag("details", tag("summary", "which"), tag("div", rest, class_="text"))
    return tag(
        "li",
        tag("span", tag("span", one["level"], class_=f"chip {one['level']}")),
        tag("div", tag("b", one["about"]), ": ", first, more if rest else Html("")),
    )


def _overview(splits: list[dict[str, Any]]) -> Html:
    header = tag("tr", *(tag("th", name) for name in ("source", *COLUMNS, "left out")))
    rows = [_row(split) for split in splits]
    table = tag("table", tag("thead", header), tag("tbody", *rows), class_="stack")
    return tag("section", tag("h2", "At a glance"), table, class_="card")


def _row(split: dict[str, Any]) -> Html:
    name = tag(
        "td",
        tag("a", split["source"], href=f"#{anchor(split)}"),
        " ",
        tag("span", split["split"], class_="quiet"),
    )
    numbers = {key: split["counts"][key] for key in COLUMNS}
    numbers["left out"] = sum(split["bad"].values())
    cells = [
        tag("td", f"{n:,}", data_label=key, class_=None if n else "zero")
        for key, n in numbers.items()
    ]
    return tag("tr", name, join(cells))


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
