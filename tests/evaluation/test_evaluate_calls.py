"""scripts/evaluate.py without a model: comparisons, overviews, lists of benchmarks, wrong calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from integration.calls import call_script

from evaluation.calling import N, results, score_list, write


def result(output: Path, *, n: int = N, slope: float = 9.0) -> Path:
    """A results folder of rows made by hand."""
    rows = [
        {"kind": "score", "id": f"{k}.jpg", "label": (k * 7 % 11) * 9.0, "prediction": slope * k}
        for k in range(n)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    path = write(output.with_suffix(".jsonl"), lines)
    called = call_script("evaluate", "--predictions", path, "--output", output)
    assert called.status == 0, called.err
    return output


def scores(path: Path) -> Path:
    return write(path, [{"image": f"{k}.jpg", "score": 9 * k} for k in range(N)])


def test_a_comparison_needs_no_output_and_finished_results(tmp_path: Path) -> None:
    a, b = result(tmp_path / "a"), result(tmp_path / "b", slope=-3.0)
    found = results(b) | {"n_expected": {"score": N + 2}}
    write(b / "results.json", found)
    before = sorted(tmp_path.rglob("*"))
    called = call_script("evaluate", "--compare", a, b)
    assert called.status == 0, called.err
    assert "srcc:" in called.out
    assert f"{b} lacks items: {N} of {N + 2} score" in called.out
    assert sorted(tmp_path.rglob("*")) == before
    (b / "results.json").unlink()
    called = call_script("evaluate", "--compare", a, b)
    assert called.status == 2
    assert "expected a finished evaluation" in called.err


def test_finished_results_make_an_overview(tmp_path: Path) -> None:
    a, b = result(tmp_path / "a"), result(tmp_path / "b", slope=-3.0)
    for number, folder in enumerate((a, b)):
        found = results(folder)
        run = {"name": f"base-seed{number}", "seed": number, "config_sha256": "x"}
        found["protocol"] |= {"run": run}
        write(folder / "results.json", found)
    called = call_script("evaluate", "--results", a, b, "--output", tmp_path / "o")
    assert called.status == 0, called.err
    assert f"overview: {tmp_path / 'o' / 'overview.html'}" in called.out
    text = (tmp_path / "o" / "overview.md").read_text(encoding="utf-8")
    assert "base" in text
    assert "\N{PLUS-MINUS SIGN}" in text
    called = call_script("evaluate", "--results", a, tmp_path, "--output", tmp_path / "o")
    assert called.status == 2
    assert "results.json is not there" in called.err


def test_a_list_holds_scales_of_its_own(tmp_path: Path) -> None:
    score_list(tmp_path)
    entries = [
        {"benchmark": "custom", "data": "list.json", "name": "ten", "scale": [0, 10]},
        {"benchmark": "ava", "data": "list.json"},
    ]
    call = (
        "--predictions", scores(tmp_path / "p.json"), "--benchmark", "all",
        "--data", write(tmp_path / "all.yaml", entries),
    )  # fmt: skip
    called = call_script("evaluate", *call, "--output", tmp_path / "o")
    assert called.status == 0, called.err
    first = json.loads((tmp_path / "o" / "ten" / "predictions.jsonl").read_text().splitlines()[1])
    assert (first["scale"], first["label"]) == ([0, 10], pytest.approx(66))
    assert (tmp_path / "o" / "ten" / "export" / "artimuse.json").is_file()
    called = call_script("evaluate", *call, "--output", tmp_path / "o", "--scale", 0, 10)
    assert called.status == 2
    assert "in the entries of the list" in called.err


def test_labels_on_another_scale_are_said_to_be(tmp_path: Path) -> None:
    listed = [{"image": f"{k}.jpg", "gt_score": 99} for k in range(N)]
    called = call_script(
        "evaluate", "--predictions", scores(tmp_path / "p.json"), "--benchmark", "ava",
        "--data", write(tmp_path / "list.json", listed), "--output", tmp_path / "o",
    )  # fmt: skip
    assert called.status == 1
    assert "99" in called.err
    assert "scale" in called.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--output", "o", "--predictions-scale", 0, 0), "expected LOW < HIGH"),
        (("--output", "o", "--predictions-scale", 100, 0), "expected LOW < HIGH"),
        (("--output", "o", "--scale", "nan", 1), "expected LOW < HIGH"),
        ((), "expected --output"),
    ],
)
def test_wrong_calls_without_a_model(
    tmp_path: Path, more: tuple[object, ...], message: str
) -> None:
    called = call_script("evaluate", "--predictions", tmp_path / "p.json", *more)
    assert called.status == 2
    assert message in called.err
