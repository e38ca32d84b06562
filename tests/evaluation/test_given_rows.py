"""--predictions with prediction rows: where they go, and what a benchmark makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.calls import Called, call_script

from artimuse.evaluation.prediction_file import read_predictions
from artimuse.prompts import ATTRIBUTES
from evaluation.calling import N, evaluate, results, score_list, write


def rows_file(path: Path, n: int = N, change: Callable[[dict[str, Any]], object] = id) -> Path:
    """Rows of another system of `score_list`."""
    rows = [
        {
            "kind": "score", "id": f"ava/{k}.jpg", "label": 100 * (k * 7 % 11) * 0.8 / 9,
            "prediction": 9.0 * k, "image": f"{k}.jpg",
        }
        for k in range(n)
    ]  # fmt: skip
    for row in rows:
        change(row)
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def given(rows: Path, output: Path, *more: object) -> Called:
    return call_script("evaluate", "--predictions", rows, "--output", output, *more)


def test_rows_never_come_among_those_of_a_model(place: Path, model: Path, tmp_path: Path) -> None:
    data, output = score_list(tmp_path), tmp_path / "o"
    images = ("--images", place / "images")
    assert evaluate(model, "ava", data, output, *images).status == 0
    kept = {p.name: p.read_bytes() for p in output.iterdir() if p.is_file()}
    called = given(rows_file(tmp_path / "rows.jsonl"), output)
    assert called.status == 2
    assert "made in another way" in called.err
    assert {p.name: p.read_bytes() for p in output.iterdir() if p.is_file()} == kept


def test_a_model_never_takes_rows_for_its_own(place: Path, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "o"
    assert given(rows_file(tmp_path / "rows.jsonl", 4), output).status == 0
    assert given(rows_file(tmp_path / "rows.jsonl", 4), output).status == 0, "the same call again"
    assert given(rows_file(tmp_path / "rows.jsonl", 5), output).status == 2, "another file"
    called = evaluate(model, "ava", score_list(tmp_path), output, "--images", place / "images")
    assert called.status == 2
    assert "made in another way" in called.err


def test_rows_alone_are_of_no_benchmark_and_of_unknown_number(tmp_path: Path) -> None:
    called = given(rows_file(tmp_path / "ava.jsonl", 7), tmp_path / "o")
    assert called.status == 0, called.err
    assert "n score: 7, of how many is not known" in called.out
    found = results(tmp_path / "o")
    assert (found["benchmark"], found["n_expected"]) == ("predictions", {})
    assert found["n_scored"] == {"score": 7}
    assert found["published"] == []
    assert "of how many is not known" in (tmp_path / "o" / "report.html").read_text()


@pytest.mark.parametrize(
    "more", [("--scale", 0, 5), ("--predictions-scale", 0, 5), ("--images", "x"), ("--data", "x")]
)
def test_what_rows_alone_say_themselves_is_not_taken(tmp_path: Path, more: tuple[object]) -> None:
    called = given(rows_file(tmp_path / "rows.jsonl"), tmp_path / "o", *more)
    assert called.status == 2
    assert str(more[0]) in called.err
    assert not (tmp_path / "o").exists()


def test_rows_beside_a_benchmark_are_held_against_it(place: Path, tmp_path: Path) -> None:
    call = ("--benchmark", "ava", "--data", score_list(tmp_path), "--images", place / "images")
    whole = given(rows_file(tmp_path / "rows.jsonl"), tmp_path / "whole", *call)
    assert whole.status == 0, whole.err
    found = results(tmp_path / "whole")
    assert (found["benchmark"], found["n_expected"]) == ("ava", {"score": N})
    rows = read_predictions(tmp_path / "whole" / "predictions.jsonl")
    assert [row["prediction"] for row in rows] == [9.0 * k for k in range(N)]
    assert {tuple(row.get("scale") or ()) for row in rows} == {(1.0, 10.0)}, "the benchmark's"

    part = given(rows_file(tmp_path / "part.jsonl", 7), tmp_path / "part", *call)
    assert part.status == 1
    assert "ava/7.jpg: no score row in" in part.err
    part = given(rows_file(tmp_path / "part.jsonl", 7), tmp_path / "some", *call, "--allow-missing")
    assert part.status == 0, part.err
    assert f"n score: 7 of {N}" in part.out

    def other_label(row: dict[str, Any]) -> None:
        row["label"] += 5 * (row["id"] == "ava/3.jpg")

    def other_item(row: dict[str, Any]) -> None:
        row["id"] = row["id"].replace("3", "33")

    for name, change, message in (
        ("label", other_label, "'ava/3.jpg': expected the benchmark's label"),
        ("item", other_item, "1 others, such as score 'ava/33.jpg'"),
    ):
        called = given(rows_file(tmp_path / f"{name}.jsonl", N, change), tmp_path / name, *call)
        assert called.status == 2
        assert message in called.err
        assert not (tmp_path / name / "results.json").exists()


def test_a_model_s_rows_of_every_kind_come_back(place: Path, model: Path, tmp_path: Path) -> None:
    lines = [f"0 {a} {b} 0.8 {9 - a} {9 - b}\n" for a, b in ((0, 1), (1, 2))]
    write(tmp_path / "natural_test.txt", "".join(lines))
    asked = {"from": "human", "value": f"<image>\nPlease ... from the aspect of {ATTRIBUTES[0]}."}
    critiques = [
        {"id": "1", "image": f"{k}.jpg", "conversations": [asked, {"from": "gpt", "value": f"A tree {k}"}]}
        for k in range(3)
    ]  # fmt: skip
    write(tmp_path / "texts.jsonl", "".join(json.dumps(row) + "\n" for row in critiques))
    for benchmark, name, images in (
        ("fgaesthetics", "natural_test.txt", "fg"), ("artimuse-10k-text", "texts.jsonl", "images")
    ):  # fmt: skip
        call = ("--images", place / images)
        own = tmp_path / benchmark
        called = evaluate(model, benchmark, tmp_path / name, own, *call, "--max-new-tokens", 2)
        assert called.status == 0, called.err
        call = ("--benchmark", benchmark, "--data", tmp_path / name, *call)
        again = given(own / "predictions.jsonl", tmp_path / f"{benchmark}-again", *call)
        assert again.status == 0, again.err
        found = results(tmp_path / f"{benchmark}-again")
        assert found["metrics"] == results(own)["metrics"]
        assert found["n_expected"] == results(own)["n_expected"]
