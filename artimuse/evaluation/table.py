"""The table that an evaluation ends with, in plain text for a terminal.

print(table({"untrained": untrained, "trained": results}, chance=chance_levels(rows)))

                  SRCC                   pair accuracy
                  n=200                  n=300
chance            0.000                  0.500
untrained        -0.021 [-0.160, 0.118]  0.483 [0.430, 0.537]
pixel statistics  0.500 [0.391, 0.596]   -
trained           0.771 [0.702, 0.826]   0.743 [0.697, 0.790]
[low, high]: 95 % percentile bootstrap (pairs by series)
"""

from __future__ import annotations

from collections.abc import Mapping

from artimuse.evaluation.metrics import Metric

COLUMNS: tuple[tuple[str, str], ...] = (
    ("srcc", "SRCC"),
    ("plcc", "PLCC"),
    ("pair_accuracy", "pair accuracy"),
    ("choice_accuracy", "choice accuracy"),
)


def table(
    systems: Mapping[str, Mapping[str, Metric]], *, chance: Mapping[str, float] | None = None
) -> str:
    """Systems as rows, in the given order, their metrics as columns; no newline at the end.

    A column that no system has is left out; '-' is a system without that metric. The header gives n
    where all systems were measured on as many items, else every cell does.

    Args:
        systems: `compute_metrics` of each system, by the name to show.
        chance: What random answers score, by metric (`chance_levels`); None leaves the line out.
    """
    columns = [
        (key, title) for key, title in COLUMNS if any(key in row for row in systems.values())
    ]
    n = {key: {row[key].n for row in systems.values() if key in row} for key, _ in columns}
    uneven = {key for key, numbers in n.items() if len(numbers) > 1}
    lines = [
        ["", *(title for _, title in columns)],
        ["", *("n differs" if key in uneven else f"n={min(n[key])}" for key, _ in columns)],
    ]
    if chance is not None:
        levels = (_number(chance[key]) if key in chance else "-" for key, _ in columns)
        lines.append(["chance", *levels])
    for name, row in systems.items():
        cells = (_cell(row.get(key), with_n=key in uneven) for key, _ in columns)
        lines.append([name, *cells])
    return "\n".join([*_aligned(lines), "[low, high]: 95 % percentile bootstrap (pairs by series)"])


def _cell(metric: Metric | None, *, with_n: bool) -> str:
    if metric is None:
        return "-"
    text = _number(metric.value)
    if metric.ci95 is not None:
        text += f" [{_number(metric.ci95[0])}, {_number(metric.ci95[1])}]"
    return f"{text} n={metric.n}" if with_n else text


def _number(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}"  # + 0.0: no "-0.000"


def _aligned(rows: list[list[str]]) -> list[str]:
    """Columns of one width, two spaces apart; where one number is negative, digits stay in line."""
    columns: list[list[str]] = []
    for number, column in enumerate(zip(*rows, strict=True)):
        negative = [cell.startswith("-") and cell != "-" for cell in column]
        shift = " " if number > 0 and any(negative) else ""
        cells = [
            cell if minus else shift + cell for cell, minus in zip(column, negative, strict=True)
        ]
        width = max(map(len, cells))
        columns.append([cell.ljust(width) for cell in cells])
    return ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]
