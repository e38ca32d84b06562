"""Reports are written beside what they are made of, and what is not a result is one clear error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from data.pages.reading import needs_nothing
from evaluation.report import made
from PIL import Image

from artimuse.evaluation.report import (
    read_results,
    write_comparison,
    write_overview,
    write_report,
)
from artimuse.evaluation.results import (
    PREDICTIONS,
    RESULTS,
    results_json,
    write_results,
)


def evaluated(folder: Path, benchmark: str = "custom", seed: int = 0) -> Path:
    """A folder as an evaluation leaves it, with the real metrics of its rows."""
    rows = made.score_rows(40, seed=seed)
    folder.mkdir()
    lines = (json.dumps(row) + "\n" for row in rows)
    (folder / PREDICTIONS).write_text("".join(lines), encoding="utf-8")
    run = {"name": f"run-{seed}", "seed": seed, "config_sha256": "a"}
    protocol = made.scored_results(40)["protocol"] | {"run": run}
    results = results_json(
        rows,  # pyright: ignore[reportArgumentType]
        benchmark=benchmark,
        protocol=protocol,
        n_expected={"score": 40},
    )
    write_results(folder, results)
    return folder


def test_a_report_of_an_evaluation_with_its_pictures(tmp_path: Path) -> None:
    folder = evaluated(tmp_path / "results")
    images = tmp_path / "images"
    images.mkdir()
    for k in range(20):
        pixels = np.full((30, 40, 3), 10 * k, np.uint8)
        Image.fromarray(pixels).save(images / f"{k:05d}.jpg")
    path = write_report(folder, images=images)
    html = path.read_text(encoding="utf-8")
    assert path == folder / "report.html"
    assert needs_nothing(html)
    assert "data:image/jpeg;base64," in html
    assert "pictures cannot be shown" in html
    srcc = json.loads((folder / RESULTS).read_text())["metrics"]["srcc"]["value"]
    assert f"{srcc:.3f}" in html
    assert f"{srcc:.3f}" in (folder / "report.md").read_text(encoding="utf-8")
    assert f"{srcc:.3f}" in (folder / "report.tex").read_text(encoding="utf-8")
    # The image folder that results.json names is the one that is meant.
    results = json.loads((folder / RESULTS).read_text())
    results["protocol"]["images"] = str(images)
    write_results(folder, results)
    again = write_report(folder).read_text(encoding="utf-8")
    assert again.count("data:image/jpeg;base64,") == html.count("data:image/jpeg;base64,")


def test_several_results_in_one_overview(tmp_path: Path) -> None:
    folders = [evaluated(tmp_path / str(seed), seed=seed) for seed in range(3)]
    path = write_overview(folders, tmp_path / "overview")
    assert "run (3 seeds, mean ± std)" in (path.parent / "overview.md").read_text(encoding="utf-8")
    assert r"3 seeds, mean $\pm$ std" in (path.parent / "overview.tex").read_text(encoding="utf-8")
    assert needs_nothing(path.read_text(encoding="utf-8"))
    assert "3 results on 1 benchmark<" in path.read_text(encoding="utf-8")


def test_two_lists_of_ones_own_are_two_benchmarks(tmp_path: Path) -> None:
    folders = []
    for name in ("streets", "gardens"):
        folder = evaluated(tmp_path / name)
        results = read_results(folder)
        results["protocol"]["split"] = {"data": f"/data/{name}.csv", "sha256": name}
        write_results(folder, results)
        folders.append(folder)
    text = write_overview(folders, tmp_path / "o").read_text(encoding="utf-8")
    assert "streets.csv" in text
    assert "gardens.csv" in text


def of_list(folder: Path, name: str, benchmark: str, sha256: str, seed: int = 0) -> Path:
    """`evaluated` on a list of that hash."""
    evaluated(folder, benchmark, seed)
    results = read_results(folder)
    results["protocol"]["split"] |= {"data": f"/data/{name}/list.csv", "sha256": sha256}
    write_results(folder, results)
    return folder


@pytest.mark.parametrize("benchmark", ["ava", "custom"])
@pytest.mark.parametrize("sha256", ["other", "same"])
def test_lists_of_one_benchmark_are_told_apart(tmp_path: Path, benchmark: str, sha256: str) -> None:
    """Also where one is an equal copy of the other, in another folder."""
    first = of_list(tmp_path / "streets", "streets", benchmark, "same")
    second = of_list(tmp_path / "gardens", "gardens", benchmark, sha256)
    path = write_overview([first, second], tmp_path / "o")
    name = "AVA" if benchmark == "ava" else "list.csv"
    for text in (path.read_text(encoding="utf-8"), (tmp_path / "o" / "overview.md").read_text()):
        assert f"{name} (streets)" in text
        assert f"{name} (gardens)" in text
    # Both stand beside what is published of the benchmark.
    published = (tmp_path / "o" / "overview.tex").read_text(encoding="utf-8").count("Q-Align")
    assert published == (2 if benchmark == "ava" else 0)


def test_seeds_on_two_lists_are_two_rows_each_of_all_seeds(tmp_path: Path) -> None:
    folders = [
        of_list(tmp_path / str(seed) / name, name, "ava", name, seed)
        for seed in range(2) if not (tmp_path / str(seed)).mkdir() for name in ("streets", "gardens")
    ]  # fmt: skip
    text = write_overview(folders, tmp_path / "o").with_suffix(".md").read_text(encoding="utf-8")
    assert text.count("run (2 seeds, mean ± std)") == 2
    assert "## AVA (streets)" in text


def test_a_result_given_twice_is_refused(tmp_path: Path) -> None:
    folder = evaluated(tmp_path / "one")
    with pytest.raises(ValueError, match="is a result given twice"):
        write_overview([folder, folder], tmp_path / "o")


def test_a_comparison(tmp_path: Path) -> None:
    found = {
        "a": 0.1,
        "b": 0.2,
        "difference": 0.1,
        "ci95": [0.05, 0.15],
        "n": 9,
        "verdict": "better",
    }
    record = {"a": "a", "b": "b", "benchmark": "ava", "metrics": {"srcc": found}}
    (tmp_path / "comparison.json").write_text(json.dumps(record))
    assert "B is better in SRCC" in write_comparison(tmp_path).read_text(encoding="utf-8")
    assert (tmp_path / "comparison.md").read_text(encoding="utf-8").startswith("## AVA")


def test_a_comparison_of_many_metrics_says_how_many_and_which(tmp_path: Path) -> None:
    """Names of metrics hold commas: a list of them is told apart otherwise."""
    found = {
        "a": 0.1,
        "b": 0.2,
        "difference": 0.1,
        "ci95": [0.05, 0.15],
        "n": 9,
        "verdict": "better",
    }
    open_ = found | {"verdict": "not separable"}
    metrics = {f"s_acc/{name}": found for name in "vwxyz"} | {"srcc": open_, "plcc": open_}
    record = {"a": "a", "b": "b", "benchmark": "fgaesthetics", "metrics": metrics}
    (tmp_path / "comparison.json").write_text(json.dumps(record))
    html = write_comparison(tmp_path).read_text(encoding="utf-8")
    assert "<h2>B is better in 5 of 7 metrics; not separable in SRCC; PLCC</h2>" in html
    assert "s-Acc, v; s-Acc, w; s-Acc, x; s-Acc, y; s-Acc, z" in html


def test_what_is_no_result_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"results\.json is not there: a report is made of a folder"
    ):
        write_report(tmp_path)
    (tmp_path / RESULTS).write_text("{")
    with pytest.raises(ValueError, match=r"results\.json: expected JSON as evaluate\.py writes it"):
        write_report(tmp_path)
    (tmp_path / RESULTS).write_text('{"benchmark": "ava", "metrics": {}}')
    with pytest.raises(ValueError, match=r"lacks protocol, n_expected, n_scored; evaluate again"):
        write_report(tmp_path)
    with pytest.raises(ValueError, match=r"comparison\.json is not there"):
        write_comparison(tmp_path)
    folder = evaluated(tmp_path / "r")
    (folder / PREDICTIONS).unlink()
    with pytest.raises(ValueError, match=r"predictions\.jsonl is not there"):
        write_report(folder)
    assert not (folder / "report.html").exists()
    assert not (folder / "report.md").exists()
