"""Choices: right, wrong and unparsed answers per dimension and class, and what was answered instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import card
from artimuse.evaluation.report.answers import UNPARSED, Tally
from artimuse.evaluation.report.page.rows import HEIGHT, WIDTH
from artimuse.evaluation.report.words import interval

CLASSES = 8
"""Up to which the table of answers is worth its place."""


def choices(results: Mapping[str, Any], found: Sequence[Tally]) -> Html:
    """The card; nothing without choice questions."""
    if not found:
        return Html("")
    legend = tag(
        "div",
        tag("span", tag("i", class_="square"), "right"),
        tag("span", tag("i", class_="square wrong"), "wrong"),
        tag("span", tag("i", class_="square none"), "no option named: wrong, and counted"),
        class_="legend",
    )
    parts = [_dimension(tally, results["metrics"], only=len(found) == 1) for tally in found]
    return card("Choices", legend, *parts)


def _dimension(tally: Tally, metrics: Mapping[str, Any], *, only: bool) -> Html:
    metric = metrics.get(f"choice_accuracy/{tally.dimension}")
    if metric is None and only:
        metric = metrics.get("choice_accuracy")
    between = "" if metric is None else " " + interval(metric, "choice_accuracy")
    always = "" if tally.chance is None else f"always the most frequent answer: {tally.chance:.3f}"
    rows = [_bar("all", tally.n, tally.right(), tally.unparsed(), between)]
    for class_ in tally.classes:
        if tally.asked(class_):
            rows.append(
                _bar(class_, tally.asked(class_), tally.right(class_), tally.unparsed(class_), "")
            )
    classes = "by the right answer" if tally.of_texts else "by the mark of the right answer"
    return tag(
        "div",
        tag("h3", tally.dimension, " ", tag("span", f"{tally.n:,} questions, {classes}; {always}",
                                            class_="mark")),
        tag("div", tag("div", *rows, class_="lines"), class_="rows"),
        _table(tally) if len(tally.classes) <= CLASSES else Html(""),
    )  # fmt: skip


def _bar(name: str, n: int, right: int, unparsed: int, between: str) -> Html:
    ends = (0, right, n - unparsed, n)
    drawn = [
        tag("rect", tag("title", f"{end - start:,} of {n:,} {word}"), x=round(start / n * WIDTH, 1),
            width=round((end - start) / n * WIDTH, 1), y=4, height=HEIGHT - 8, class_=class_)
        for start, end, class_, word in zip(
            ends, ends[1:], ("good", "wrong", "none"), ("right", "wrong", "without an option"), strict=False
        )
        if end > start
    ]  # fmt: skip
    picture = tag(
        "svg", *drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none", role="img",
        aria_label=f"{name}: {right:,} right, {unparsed:,} without an option, of {n:,}",
    )  # fmt: skip
    note = f"n\u00a0{n:,}" + (f", {unparsed / n:.1%} unparsed" if unparsed else "")
    return tag(
        "div",
        tag("div", name, " ", tag("span", note, class_="quiet"), class_="what"),
        picture,
        tag("div", f"{right / n:.3f}{between}", class_="number"),
        class_="row plain",
    )


def _table(tally: Tally) -> Html:
    """What was answered (columns) where something was right (rows), as shares of the rows."""
    said = [*tally.classes, *([UNPARSED] if tally.unparsed() else [])]
    header = tag("tr", tag("th", "right answer"), *(tag("th", name) for name in said))
    rows = []
    for label in tally.classes:
        n = tally.asked(label)
        if n:
            cells = [_cell(tally.given[label, name], n, label == name) for name in said]
            rows.append(tag("tr", tag("td", label), *cells))
    table = tag("table", tag("thead", header), tag("tbody", *rows), class_="matrix")
    return tag("details", tag("summary", "What was answered"), tag("div", table, class_="scroll"))


def _cell(count: int, n: int, right: bool) -> Html:
    share = count / n
    colour = "var(--bar)" if right else "var(--wrong)"
    shade = f"background: color-mix(in srgb, {colour} {share * 60:.0f}%, transparent)"
    return tag("td", f"{share:.0%}", title=f"{count:,} of {n:,}", style=shade, class_="shade")
