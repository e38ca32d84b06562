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
from artimuse.evaluation.report.words import benchmark_name
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

    Somebody's own data ("custom") go by the name of their file. Several lists of one benchmark are told apart
    by the names of their folders.

    Raises:
        ValueError: A results.json is missing or not what evaluate.py writes, or seeds do not belong together.
    """
    found = groups(_told_apart(folders, [read_results(folder) for folder in folders]))
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


def _told_apart(folders: Sequence[Path], found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results with `listed_as`, where the benchmark's name is not enough to say which list they are of.

    Results of one list have equal hashes of it; one model's on equal copies of a list are two as well.
    """
    names = [_own_name(one) for one in found]
    lists: dict[str, dict[tuple[Any, ...], Path]] = {}
    keys: list[tuple[Any, ...]] = []
    seen: dict[tuple[Any, ...], list[Path]] = {}
    for folder, one, name in zip(folders, found, names, strict=True):
        sha256 = (one["protocol"].get("split") or {}).get("sha256")
        places = seen.setdefault((name, sha256, str(_made(one))), [])
        if folder.resolve() not in places:
            places.append(folder.resolve())
        keys.append((sha256, places.index(folder.resolve())))
        lists.setdefault(name, {}).setdefault(keys[-1], folder)
    said = []
    for one, name, key in zip(found, names, keys, strict=True):
        several = list(lists[name].values())
        own = lists[name][key]
        alone = [folder.name for folder in several].count(own.name) == 1
        which = f" ({own.name if alone else own})" if len(several) > 1 else ""
        said.append(one | {"listed_as": name + which})
    return said


def _made(results: dict[str, Any]) -> Any:
    """Who was tested: seeds of a recipe are different ones."""
    protocol = results["protocol"]
    return protocol.get("checkpoint"), protocol.get("run")


def _own_name(results: dict[str, Any]) -> str:
    if results["benchmark"] != OWN_DATA:
        return benchmark_name(results["benchmark"])
    return Path(results["protocol"]["split"]["data"]).name


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
