"""Several results on one page: a chart and a table per benchmark, and trained on x tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import card, document
from artimuse.evaluation.report.markdown import crossings
from artimuse.evaluation.report.page.rows import Row, extent, interval_rows
from artimuse.evaluation.report.page.style import REPORT_STYLE
from artimuse.evaluation.report.seeds import Group
from artimuse.evaluation.report.tables import Line, Table, benchmark_table, spread_text
from artimuse.evaluation.report.words import benchmark_name, metric_name


def several_page(found: Sequence[Group]) -> str:
    """Groups of results as one HTML file."""
    benchmarks = list(dict.fromkeys(group.benchmark for group in found))
    number = sum(len(group.results) for group in found)
    title = (
        f"{number:,} results on {len(benchmarks):,} benchmark{'s' if len(benchmarks) > 1 else ''}"
    )
    matrices = [
        card(f"Trained on (rows), tested on (columns): {metric_name(key)}", _matrix(rows, key))
        for key, rows in crossings(found).items()
    ]
    cards = [_benchmark([g for g in found if g.benchmark == name]) for name in benchmarks]
    header = tag("header", tag("h1", title))
    return document(title, header, *matrices, *cards, style=REPORT_STYLE)


def _benchmark(found: Sequence[Group]) -> Html:
    table = benchmark_table(found)
    key = next((key for key in table.columns if any(key in g.metrics for g in found)), None)
    chart = Html("") if key is None else _chart(found, key)
    return card(benchmark_name(table.benchmark), chart, _table(table), id_=None)


def _chart(found: Sequence[Group], key: str) -> Html:
    rows = [_row(group, key) for group in found if key in group.metrics]
    low, high = extent(rows, at_least=(0.0, 1.0))
    what = metric_name(key)
    return tag("div", tag("h3", what), interval_rows(rows, low=low, high=high, what=what))


def _row(group: Group, key: str) -> Row:
    """One seed with its 95 % interval; several with the range that they span."""
    spread = group.metrics[key]
    if len(spread.values) == 1:
        ends = group.results[0]["metrics"][key].get("ci95")
        note = f"n\u00a0{group.n[key]:,}" + (", 95 % interval" if ends else "")
        between = None if ends is None else (ends[0], ends[1])
    else:
        between = (min(spread.values), max(spread.values))
        note = f"{len(spread.values)} seeds, their range"
    return Row(group.name, spread.mean, between, note, spread_text(spread, key))


def _table(table: Table) -> Html:
    header = tag(
        "tr", tag("th", "system"), *(tag("th", metric_name(key)) for key in table.columns),
        tag("th", "protocol", class_="words"),
    )  # fmt: skip
    rows = [_line(table, line) for line in table.lines]
    whole = tag("table", tag("thead", header), tag("tbody", *rows), class_="stack")
    return tag("div", whole, class_="scroll")


def _line(table: Table, line: Line) -> Html:
    told = line.relation + (f"; not comparable: {line.why}" if line.why else "")
    under = tag("span", line.note, class_="under") if line.note else Html("")
    return tag(
        "tr",
        tag("td", line.name, under),
        *(
            tag("td", *_told(line.told.get(key, "-")), data_label=metric_name(key))
            for key in table.columns
        ),
        tag("td", told, class_="words mark"),
        class_="own" if line.own else None,
    )


def _told(text: str) -> list[str]:
    """A number, and its interval under it."""
    number, _, between = text.partition(" [")
    return [number, tag("span", f"[{between}", class_="under")] if between else [number]


def _matrix(rows: Mapping[str, Mapping[str, Any]], key: str) -> Html:
    columns = list(dict.fromkeys(benchmark for row in rows.values() for benchmark in row))
    header = tag("tr", tag("th", ""), *(tag("th", benchmark_name(name)) for name in columns))
    lines = [
        tag("tr", tag("td", name), *(_cell(row.get(column), key) for column in columns))
        for name, row in rows.items()
    ]
    whole = tag("table", tag("thead", header), tag("tbody", *lines), class_="matrix")
    return tag("div", whole, class_="scroll")


def _cell(spread: Any, key: str) -> Html:
    if spread is None:
        return tag("td", "-", class_="zero")
    share = max(0.0, min(1.0, spread.mean)) * 55
    shade = f"background: color-mix(in srgb, var(--bar) {share:.0f}%, transparent)"
    return tag("td", spread_text(spread, key), style=shade, class_="shade")
