"""Reports into files, beside what they are made of.

write_report(Path("results/ava"))                       # report.html, report.md and report.tex
write_overview([Path("results/ava"), ...], Path("o"))   # overview.html, .md and .tex of several results
write_comparison(Path("results/a-b"))                   # comparison.html and .md, from comparison.json
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from artimuse.data.pages.thumbnails import thumbnail
from artimuse.evaluation.report.comparing import compare_page, markdown_comparison
from artimuse.evaluation.report.markdown import markdown_overview, markdown_report
from artimuse.evaluation.report.page.page import page
from artimuse.evaluation.report.page.several import several_page
from artimuse.evaluation.report.pictures import Pictures
from artimuse.evaluation.report.seeds import Group, groups
from artimuse.evaluation.report.tables import benchmark_table, latex
from artimuse.evaluation.results import PREDICTIONS, RESULTS, read_predictions, write_atomically

COMPARISON = "comparison.json"
REPORTS = ("report.html", "report.md", "report.tex")
OWN_DATA = "custom"
NEEDED = ("benchmark", "protocol", "n_expected", "n_scored", "metrics")
COMPARED = ("a", "b", "benchmark", "metrics")


def write_report(folder: Path, *, images: Path | None = None) -> Path:
    """report.html, report.md and report.tex from a folder's results.json and predictions.jsonl.

    Args:
        images: where the images are, if not where results.json says (`protocol.images`).

    Returns:
        The page.

    Raises:
        ValueError: results.json or predictions.jsonl is missing or not what evaluate.py writes.
    """
    results = read_results(folder)
    said = results["protocol"].get("images")
    root = images if images is not None else (Path(said) if said else None)
    rows = read_predictions(_there(folder / PREDICTIONS))
    write_atomically(folder / "report.md", markdown_report(results))
    write_atomically(folder / "report.tex", latex_table([results]) + "\n")
    html = page(results, rows, Pictures(root, thumbnail))
    write_atomically(folder / "report.html", html)
    return folder / "report.html"


def write_overview(folders: Sequence[Path], output: Path) -> Path:
    """overview.html, overview.md and overview.tex of several results folders; seeds of a recipe are one row.

    Somebody's own data ("custom") go by the name of their file: two of them are two benchmarks.

    Raises:
        ValueError: A results.json is missing or not what evaluate.py writes, or seeds do not belong together.
    """
    found = groups([_own_named(read_results(folder)) for folder in folders])
    write_atomically(output / "overview.md", markdown_overview(found))
    write_atomically(output / "overview.tex", _latex(found) + "\n")
    write_atomically(output / "overview.html", several_page(found))
    return output / "overview.html"


def write_comparison(folder: Path) -> Path:
    """comparison.html and comparison.md from a folder's comparison.json.

    Raises:
        ValueError: comparison.json is missing or not what evaluate.py --compare writes.
    """
    comparison = _read(folder / COMPARISON, COMPARED)
    write_atomically(folder / "comparison.md", markdown_comparison(comparison))
    write_atomically(folder / "comparison.html", compare_page(comparison))
    return folder / "comparison.html"


def latex_table(results: Sequence[dict[str, Any]]) -> str:
    """A booktabs table per benchmark: the results, seeds of a recipe in one row, and published rows."""
    return _latex(groups(results))


def read_results(folder: Path) -> dict[str, Any]:
    """What a folder's results.json holds.

    Raises:
        ValueError: It is missing, no JSON, or lacks what a report needs.
    """
    return _read(folder / RESULTS, NEEDED)


def _own_named(results: dict[str, Any]) -> dict[str, Any]:
    if results["benchmark"] != OWN_DATA:
        return results
    return results | {"benchmark": Path(results["protocol"]["split"]["data"]).name}


def _latex(found: Sequence[Group]) -> str:
    benchmarks = dict.fromkeys(group.benchmark for group in found)
    return "\n\n".join(
        latex(benchmark_table([group for group in found if group.benchmark == name]))
        for name in benchmarks
    )


def _read(path: Path, needed: Sequence[str]) -> dict[str, Any]:
    try:
        found = json.loads(_there(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: expected JSON as evaluate.py writes it, found {error}"
        ) from error
    lacking = [key for key in needed if not isinstance(found, dict) or key not in found]
    if lacking:
        raise ValueError(f"{path} lacks {', '.join(lacking)}; evaluate again")
    return found


def _there(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(
            f"{path} is not there: a report is made of a folder that evaluate.py wrote"
        )
    return path
