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
from artimuse.evaluation.published import beside
from artimuse.evaluation.report.seeds import Group
from artimuse.evaluation.report.words import (
    LOWER_IS_BETTER,
    benchmark_name,
    metric_name,
    value,
    written,
)

QUOTED = (
    "srcc", "plcc", "krcc", "rmse", "pair", "series", "pair_accuracy", "pair_f1", "s_acc", "s_srcc",
    "choice_accuracy", "critique_told", "critique_bits", "sentiment_srcc",
)  # fmt: skip
MOST = 6


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table.

    note: which checkpoint or how many seeds. cells: metric -> mean. told: metric -> as it is to be read.
    why: what makes it another protocol than that of this project's rows; empty where it is the same.
    """

    name: str
    note: str
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


def benchmark_table(found: Sequence[Group]) -> Table:
    """Of groups of one benchmark; a published row is of the same protocol only if it is so for all of them.

    Raises:
        ValueError: No group, or groups of several benchmarks.
    """
    names = {group.benchmark for group in found}
    if len(names) != 1:
        raise ValueError(f"a table needs results of one benchmark, found {sorted(names)}")
    results = [group.results[0] for group in found]
    rows = [row for row in beside(results[0]) if row["table"] != "ablation"]
    measured = {key for group in found for key in group.metrics}
    columns = _columns(rows, measured)
    own = [_own(group, columns) for group in found]
    published = [
        _published(number, row, [beside(result) for result in results], columns)
        for number, row in enumerate(beside(results[0]))
        if row["table"] != "ablation" and set(row["metrics"]) & set(columns)
    ]
    return Table(next(iter(names)), columns, (*own, *published))


def markdown(table: Table) -> str:
    """The table for a README, with what makes a row another protocol under it."""
    head = ["system", *(metric_name(key) for key in table.columns)]
    lines = [f"| {' | '.join(map(escaped, head))} |", "|---" * len(head) + "|"]
    reasons = _reasons(table)
    for line in table.lines:
        name = escaped(line.name) + (f" ({escaped(line.note)})" if line.note else "")
        star = f" [{reasons.index(line.why) + 1}]" if line.why else ""
        cells = [line.told.get(key, "-") for key in table.columns]
        lines.append(f"| {f'**{name}**' if line.own else name}{star} | {' | '.join(cells)} |")
    notes = [f"[{k}] another protocol: {escaped(text)}" for k, text in enumerate(reasons, start=1)]
    return "\n".join(lines + (["", *"\n\n".join(notes).split("\n")] if notes else []))


def latex(table: Table) -> str:
    """The table for a paper (booktabs): published rows first, the best number among comparable rows bold."""
    width = len(table.columns)
    best = {key: _best(table, key) for key in table.columns}
    head = [benchmark_name(table.benchmark), *(metric_name(key) for key in table.columns)]
    lines = [
        rf"\begin{{tabular}}{{l{'c' * width}}}",
        r"\toprule",
        " & ".join(map(_tex, head)) + r" \\",
        r"\midrule",
    ]
    reasons = _reasons(table)
    published = [
        _tex_line(line, table.columns, best, reasons) for line in table.lines if not line.own
    ]
    own = [_tex_line(line, table.columns, best, reasons) for line in table.lines if line.own]
    lines += [*published, *([r"\midrule"] if published else []), *own, r"\bottomrule"]
    lines += [
        rf"\multicolumn{{{width + 1}}}{{l}}{{\footnotesize $^{{{k}}}$ another protocol: {_tex(text)}}} \\"
        for k, text in enumerate(reasons, start=1)
    ]
    return "\n".join([*lines, r"\end{tabular}"])


def spread_text(spread: Spread, key: str) -> str:
    """`0.592 ± 0.004`; one seed has no spread."""
    several = len(spread.values) > 1
    return value(spread.mean, key) + (f" ± {value(spread.std, key)}" if several else "")


def _columns(rows: Sequence[Mapping[str, Any]], measured: set[str]) -> tuple[str, ...]:
    """What the papers quote and was measured; without papers, what a benchmark is quoted by."""
    quoted = dict.fromkeys(
        key for row in rows for key in row["metrics"]
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
    return Line(group.name, f"{seeds} seeds, mean ± std" if seeds > 1 else "", cells, told, True)


def _published(
    number: int,
    row: Mapping[str, Any],
    everywhere: Sequence[Sequence[Mapping[str, Any]]],
    columns: Sequence[str],
) -> Line:
    cells = {key: row["metrics"][key] for key in columns if key in row["metrics"]}
    why = dict.fromkeys(mark for rows in everywhere for mark in rows[number]["marks"])
    why |= dict.fromkeys(text for key, text in row["excluded"].items() if key in columns)
    note = ", ".join(filter(None, (row["checkpoint"], row["source"])))
    told = {key: value(number, key) for key, number in cells.items()}
    return Line(row["system"], note, cells, told, False, "; ".join(why))


def _reasons(table: Table) -> list[str]:
    return list(dict.fromkeys(line.why for line in table.lines if line.why))


def _best(table: Table, key: str) -> float | None:
    """Among rows of one protocol, and only where there are several."""
    found = [line.cells[key] for line in table.lines if key in line.cells and not line.why]
    if len(found) < 2:
        return None
    return (min if key.split("/")[0] in LOWER_IS_BETTER else max)(found)


def _tex_line(
    line: Line, columns: Sequence[str], best: Mapping[str, float | None], reasons: list[str]
) -> str:
    star = f"$^{{{reasons.index(line.why) + 1}}}$" if line.why else ""
    cells = []
    for key in columns:
        text = _tex(line.told[key]) if key in line.told else "--"
        bold = key in line.cells and not line.why and line.cells[key] == best[key]
        cells.append(rf"\textbf{{{text}}}" if bold else text)
    note = rf" {{\footnotesize ({_tex(line.note)})}}" if line.note else ""
    return f"{_tex(line.name)}{note}{star} & {' & '.join(cells)} \\\\"


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
