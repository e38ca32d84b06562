"""report.md: a result, or several, for a README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artimuse.evaluation.report.seeds import Group, groups, matrix
from artimuse.evaluation.report.tables import (
    benchmark_table,
    escaped,
    markdown,
    spread_text,
)
from artimuse.evaluation.report.words import (
    benchmark_name,
    interval,
    metric_name,
    model_name,
    protocol_in_words,
    value,
)


def markdown_report(results: Mapping[str, Any]) -> str:
    """One result: beside the published rows, all of its metrics, and the protocol in words."""
    parts = [
        f"## {escaped(benchmark_name(results['benchmark']))}: {escaped(model_name(results))}",
        _lacking(results),
        markdown(benchmark_table(groups([results]))),
        "| metric | value | 95 % interval | n |\n|---|---|---|---|\n"
        + "\n".join(
            f"| {escaped(metric_name(key))} | {value(found['value'], key)} | {interval(found, key) or '-'} | "
            f"{found['n']:,} |"
            for key, found in results["metrics"].items()
        ),
        "\n".join(f"- {escaped(sentence)}" for sentence in protocol_in_words(results)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_overview(found: Sequence[Group]) -> str:
    """Several results: a table per benchmark, and trained on x tested on where there are several of both."""
    parts = []
    for benchmark in dict.fromkeys(group.benchmark for group in found):
        table = benchmark_table([group for group in found if group.benchmark == benchmark])
        parts.append(f"## {escaped(benchmark_name(benchmark))}\n\n{markdown(table)}")
    crossed = crossings(found)
    parts += [
        f"## Trained on (rows), tested on (columns): {escaped(metric_name(key))}\n\n{_matrix(rows, key)}"
        for key, rows in crossed.items()
    ]
    return "\n\n".join(parts) + "\n"


def crossings(found: Sequence[Group]) -> dict[str, dict[str, dict[str, Any]]]:
    """The matrices worth showing, by metric: several rows or several columns share it."""
    shown = {}
    for key in ("srcc", "pair_accuracy", "choice_accuracy"):
        rows = matrix(found, key)
        if len({benchmark for row in rows.values() for benchmark in row}) > 1:
            shown[key] = rows
    return shown


def _matrix(rows: Mapping[str, Mapping[str, Any]], key: str) -> str:
    columns = list(dict.fromkeys(benchmark for row in rows.values() for benchmark in row))
    head = ["", *(escaped(benchmark_name(name)) for name in columns)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, row in rows.items():
        cells = [spread_text(row[column], key) if column in row else "-" for column in columns]
        lines.append(f"| {escaped(name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _lacking(results: Mapping[str, Any]) -> str:
    lacking = {
        kind: n - results["n_scored"].get(kind, 0)
        for kind, n in results["n_expected"].items()
        if results["n_scored"].get(kind, 0) < n
    }
    told = ", ".join(
        f"{n:,} of {results['n_expected'][kind]:,} ({kind})" for kind, n in lacking.items()
    )
    return f"**Incomplete: {told} are missing from every number.**" if told else ""
