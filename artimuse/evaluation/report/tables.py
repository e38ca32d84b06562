"""One benchmark as a table: what was measured, several seeds in a row, and what the papers report beside it.

table = benchmark_table([group, other])     # groups of one benchmark
markdown(table), latex(table)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artimuse.evaluation.ablation import Spread
from artimuse.evaluation.published import PublishedRow, other_items, relation_of, rows
from artimuse.evaluation.published_tables import COMPUTED
from artimuse.evaluation.report.seeds import Group
from artimuse.evaluation.report.words import (
    benchmark_name,
    metric_name,
    published_value,
    value,
    written,
)

QUOTED = (
    "srcc", "plcc", "krcc", "rmse", "pair", "series", "pair_accuracy", "pair_f1", "s_acc", "s_srcc",
    "choice_accuracy", "critique_told", "critique_bits", "sentiment_srcc",
)  # fmt: skip
MOST = 6
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table.

    note: which checkpoint or how many seeds. relation: to the benchmark's data ("in-domain"); only rows of one
    relation are comparable. cells: metric -> mean. told: metric -> as it is to be read. why: what else makes a
    published row another protocol; empty where nothing is known to.
    """

    name: str
    note: str
    relation: str
    cells: Mapping[str, float]
    told: Mapping[str, str]
    own: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A benchmark's rows, this project's own first."""

    benchmark: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def reasons(self) -> list[str]:
        """The different `why`: what the footnotes say, in their order."""
        return list(dict.fromkeys(line.why for line in self.lines if line.why))


def benchmark_table(found: Sequence[Group]) -> Table:
    """Of groups of one benchmark; a published row has the items of all of them, or a footnote.

    Raises:
        ValueError: No group, or groups of several benchmarks.
    """
    names = {group.benchmark for group in found}
    if len(names) != 1:
        raise ValueError(f"a table needs results of one benchmark, found {sorted(names)}")
    benchmark = names.pop()
    published = [row for row in rows(found[0].published_as) if row.table != "ablation"]
    measured = {key for group in found for key in group.metrics}
    columns = _columns(published, measured)
    results = [group.results[0] for group in found]
    lines = [_own(group, columns) for group in found]
    lines += [
        _published(row, results, columns) for row in published if set(row.metrics) & {*columns}
    ]
    return Table(benchmark, columns, tuple(lines))


def markdown(table: Table) -> str:
    """The table for a README; footnotes say what is not comparable."""
    head = ["system", "protocol", *(metric_name(key) for key in table.columns)]
    lines = [f"| {' | '.join(map(escaped, head))} |", "|---" * len(head) + "|"]
    for line in table.lines:
        name = escaped(line.name) + (f" ({escaped(line.note)})" if line.note else "")
        star = f" [{table.reasons.index(line.why) + 1}]" if line.why else ""
        cells = [line.told.get(key, "-") for key in table.columns]
        first = f"**{name}**" if line.own else name
        lines.append(f"| {' | '.join([first + star, escaped(line.relation), *cells])} |")
    notes = [
        f"[{k}] not comparable: {escaped(why)}" for k, why in enumerate(table.reasons, start=1)
    ]
    return "\n\n".join(["\n".join(lines), *notes])


def latex(table: Table) -> str:
    """The table for a paper (booktabs): published rows first.

    No number is bold: better is said after a paired comparison, and a published number has no predictions.
    """
    width = len(table.columns)
    head = [benchmark_name(table.benchmark), "protocol", *map(metric_name, table.columns)]
    published = [_tex_line(table, line) for line in table.lines if not line.own]
    own = [_tex_line(table, line) for line in table.lines if line.own]
    notes = [
        rf"\multicolumn{{{width + 2}}}{{l}}{{\footnotesize $^{{{k}}}$ not comparable: {_tex(why)}}} \\"
        for k, why in enumerate(table.reasons, start=1)
    ]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{ll{'c' * width}}}",
            r"\toprule",
            " & ".join(map(_tex, head)) + r" \\",
            r"\midrule",
            *published,
            *([r"\midrule"] if published else []),
            *own,
            r"\bottomrule",
            *notes,
            r"\end{tabular}",
        ]
    )


def spread_text(spread: Spread, key: str) -> str:
    """`0.592 ± 0.004`; one seed has no spread."""
    several = len(spread.values) > 1
    return value(spread.mean, key) + (f" ± {value(spread.std, key)}" if several else "")


def _columns(published: Sequence[PublishedRow], measured: set[str]) -> tuple[str, ...]:
    """What the papers quote and was measured; without papers, what a benchmark is quoted by."""
    quoted = dict.fromkeys(
        key for row in published for key in row.metrics
        if key in measured and ("/" not in key or key.startswith("choice_accuracy/"))
    )  # fmt: skip
    usual = [key for key in QUOTED if key in measured] or sorted(measured)
    return tuple(quoted or usual[:MOST])


def _own(group: Group, columns: Sequence[str]) -> Line:
    seeds = len(group.results)
    cells = {key: group.metrics[key].mean for key in columns if key in group.metrics}
    if seeds > 1:
        told = {key: spread_text(group.metrics[key], key) for key in cells}
    else:
        told = {key: written(group.results[0]["metrics"][key], key) for key in cells}
    note = f"{seeds} seeds, mean ± std" if seeds > 1 else ""
    return Line(group.name, note, relation_of(group.results[0]), cells, told, own=True)


def _published(
    row: PublishedRow, results: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> Line:
    cells = {key: row.metrics[key] for key in columns if key in row.metrics}
    why = dict.fromkeys(text for result in results for text in other_items(row, result))
    why |= dict.fromkeys(text for key, text in row.excluded.items() if key in columns)
    if row.computed & {*columns}:
        why[COMPUTED] = None
    note = ", ".join(filter(None, (row.checkpoint, row.source)))
    told = {key: published_value(number, key, row.computed) for key, number in cells.items()}
    relation = row.relation or NOT_STATED
    return Line(row.system, note, relation, cells, told, own=False, why="; ".join(why))


def _tex_line(table: Table, line: Line) -> str:
    star = f"$^{{{table.reasons.index(line.why) + 1}}}$" if line.why else ""
    cells = [_tex(line.told[key]) if key in line.told else "--" for key in table.columns]
    note = rf" {{\footnotesize ({_tex(line.note)})}}" if line.note else ""
    return " & ".join([f"{_tex(line.name)}{note}{star}", _tex(line.relation), *cells]) + r" \\"


_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
}


def _tex(text: str) -> str:
    """Text as LaTeX shows it."""
    flat = " ".join(text.split())
    return "".join(_TEX.get(one, f"\\{one}" if one in "&%$#_{}" else one) for one in flat)


def escaped(text: str) -> str:
    """Text as Markdown shows it, in one cell."""
    return re.sub(r"([\\`*_{}\[\]<>|#!~])", r"\\\1", " ".join(text.split()))
