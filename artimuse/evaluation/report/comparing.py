"""Two results, paired: is B better than A, worse, or not separable, metric by metric.

Reads what `comparison.json` holds: {"a", "b", "benchmark", "metrics": {name: {"a", "b", "difference", "ci95",
"n", "verdict"}}}; a difference is b - a, and a verdict speaks of b.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import card, document
from artimuse.evaluation.report.page.rows import Row, extent, interval_rows
from artimuse.evaluation.report.page.style import REPORT_STYLE
from artimuse.evaluation.report.tables import escaped
from artimuse.evaluation.report.words import (
    LOWER_IS_BETTER,
    benchmark_name,
    decimals,
    interval,
    metric_name,
    value,
)

BETTER, WORSE, OPEN = "better", "worse", "not separable"
NAMED = 4
"""Metrics that a verdict names; of more it says how many."""
LOOKS = {BETTER: "good", WORSE: "refused", OPEN: "note"}


def compare_page(comparison: Mapping[str, Any]) -> str:
    """The comparison as one HTML file: differences around zero, and both values."""
    metrics = comparison["metrics"]
    shares = {key: found for key, found in metrics.items() if not _in_units(key)}
    units = {key: found for key, found in metrics.items() if _in_units(key)}
    charts = [
        tag("div", tag("h3", title), _chart(part))
        for title, part in (("Correlations and shares: B - A", shares),
                            ("Points or bits, lower is better: B - A", units))
        if part
    ]  # fmt: skip
    title = f"{benchmark_name(comparison['benchmark'])}: A against B"
    header = tag(
        "header",
        tag("h1", title),
        tag("p", tag("b", "A "), str(comparison["a"]), class_="quiet"),
        tag("p", tag("b", "B "), str(comparison["b"]), class_="quiet"),
    )
    note = (
        "Both answered the same items, and the items are resampled for both at once. B is called better or "
        "worse where the 95 % interval of the difference lies on one side of zero."
    )
    return document(
        title, header, _verdict(metrics), card("Difference", *charts, tag("p", note, class_="mark")),
        card("Both", _table(metrics)), style=REPORT_STYLE,
    )  # fmt: skip


def markdown_comparison(comparison: Mapping[str, Any]) -> str:
    """The same for a README."""
    lines = [
        f"## {escaped(benchmark_name(comparison['benchmark']))}",
        "",
        f"A: {escaped(str(comparison['a']))}; B: {escaped(str(comparison['b']))}",
        "",
        "| metric | A | B | B - A | n | B is |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {escaped(metric_name(key))} | {value(found['a'], key)} | {value(found['b'], key)} | "
        f"{_difference(found, key)} | {found['n']:,} | {found['verdict']} |"
        for key, found in comparison["metrics"].items()
    ]
    return "\n".join(lines) + "\n"


def _verdict(metrics: Mapping[str, Any]) -> Html:
    """In a line; with many metrics how many, and below it which. Names hold commas themselves."""
    said = {word: [metric_name(key) for key, found in metrics.items() if found["verdict"] == word]
            for word in (BETTER, WORSE, OPEN)}  # fmt: skip
    parts = [
        f"{word} in {'; '.join(names) if len(names) <= NAMED else _counted(names, metrics)}"
        for word, names in said.items()
        if names
    ]
    below = [
        tag("p", tag("b", f"{word}: "), "; ".join(names))
        for word, names in said.items()
        if len(names) > NAMED
    ]
    level = "warning" if said[BETTER] and said[WORSE] else (
        "good" if said[BETTER] else "refused" if said[WORSE] else "note")  # fmt: skip
    text = "B is " + "; ".join(parts) if parts else "Nothing to compare"
    return tag("section", tag("h2", text), *below, class_=f"card verdict {level}")


def _counted(names: Sequence[str], metrics: Mapping[str, Any]) -> str:
    return f"{len(names):,} of {len(metrics):,} metrics"


def _chart(metrics: Mapping[str, Any]) -> Html:
    rows = [
        Row(metric_name(key), found["difference"], tuple(found["ci95"]) if found["ci95"] else None,
            f"n\u00a0{found['n']:,}", _charted(found, key), _kind(found["verdict"]))
        for key, found in metrics.items()
    ]  # fmt: skip
    widest = max(abs(end) for row in rows for end in (row.value or 0.0, *(row.ci95 or ())))
    reach = extent([], at_least=(0.0, max(widest, 1e-3)))[1]
    return interval_rows(
        rows, low=-reach, high=reach, what="B - A", ends=(f"{-reach:g}", f"+{reach:g}")
    )


def _table(metrics: Mapping[str, Any]) -> Html:
    header = tag("tr", *(tag("th", name) for name in ("metric", "A", "B", "B - A", "n", "B is")))
    rows = [
        tag(
            "tr",
            tag("td", metric_name(key)),
            tag("td", value(found["a"], key), data_label="A"),
            tag("td", value(found["b"], key), data_label="B"),
            tag(
                "td",
                _signed(found, key),
                tag("span", interval(found, key), class_="under between"),
                data_label="B - A",
            ),
            tag("td", f"{found['n']:,}", data_label="n"),
            tag(
                "td",
                tag("span", found["verdict"], class_=f"chip {LOOKS.get(found['verdict'], 'note')}"),
            ),
        )
        for key, found in metrics.items()
    ]
    return tag("table", tag("thead", header), tag("tbody", *rows), class_="stack")


def _difference(found: Mapping[str, Any], key: str) -> str:
    return " ".join(filter(None, (_signed(found, key), interval(found, key))))


def _signed(found: Mapping[str, Any], key: str) -> str:
    digits = decimals(key)
    return f"{round(found['difference'], digits) + 0.0:+.{digits}f}"


def _charted(found: Mapping[str, Any], key: str) -> str:
    """The verdict only where there is one: its words would take the place of the metric's on a phone."""
    told = "" if found["verdict"] == OPEN else str(found["verdict"])
    return " ".join(filter(None, (_difference(found, key), told)))


def _kind(verdict: str) -> str:
    return {BETTER: "same", WORSE: "bound"}.get(verdict, "ours plain")


def _in_units(key: str) -> bool:
    return key.split("/")[0] in LOWER_IS_BETTER
