"""The rows of `scripts/benchmark.py score` for a person."""

from __future__ import annotations

from collections.abc import Sequence

from artimuse.benchmarks.scoring.measure import Row

HEAD = (
    f"{'case':<17}{'model':<17}{'read-out':<12}{'variant':<15}{'images/s':>9}{'low-high':>17}"
    f"{'peak MiB':>10}{'score diff.':>13}{'critiques equal':>17}"
)


def line(row: Row) -> str:
    """A row of the table."""
    rate = row["images_per_s"]
    span = f"{rate['low']:.3g}-{rate['high']:.3g}"
    equal = f"{row['critiques_equal']:.0%}" if "critiques_equal" in row else "-"
    return (
        f"{row['case']:<17}{row['model']:<17}{row['readout']:<12}{row['variant']:<15}"
        f"{rate['median']:>9.3g}{span:>17}{row['peak_memory_mb']:>10.0f}"
        f"{row['score_difference']:>13.1e}{equal:>17}"
    )


def summary(rows: Sequence[Row]) -> list[str]:
    """A line per case, model and read-out: how much faster, and where the time of an image goes."""
    lines: list[str] = []
    for row in (row for row in rows if "speedup" in row):
        speed = row["speedup"]
        line = (
            f"{row['case']}, {row['model']}, {row['readout']}: {row['variant']} {speed['median']:.2f} times as "
            f"fast as one image at a time ({speed['low']:.2f} to {speed['high']:.2f})"
        )
        if "stages_ms" in row:
            stages = {n: ms for n, ms in row["stages_ms"].items() if n != "total" and ms >= 0.005}
            parts = ", ".join(f"{name} {ms:.3g}" for name, ms in stages.items())
            line += (
                f"; ms an image, measured apart with nothing overlapping: {parts}; together "
                f"{row['stages_ms']['total']:.3g} ({' and '.join(row['overlapping'])} overlap the rest in the "
                f"timed runs)"
            )
        lines.append(line)
    return lines
