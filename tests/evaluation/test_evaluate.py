"""scripts/evaluate.py on a tiny model: from a list of scores to results.json, whatever happens in between."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from integration.calls import call_script

from artimuse.evaluation.prediction_file import read_predictions
from artimuse.evaluation.results import recompute
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.folder import save_model
from evaluation.calling import (
    N,
    evaluate,
    evaluate_on_two_processes,
    results,
    score_list,
    write,
)


def test_scores(place: Path, model: Path, tmp_path: Path) -> None:
    called = evaluate(
        model, "ava", score_list(tmp_path), tmp_path / "o", "--images", place / "images"
    )
    assert called.status == 0, called.err
    found = results(tmp_path / "o")
    assert found["n_expected"] == found["n_scored"] == {"score": N}
    assert found["metrics"] == {k: m.as_json() for k, m in recompute(tmp_path / "o").items()}
    assert {"srcc", "plcc", "plcc_logistic", "krcc", "rmse", "rmse_native"} <= set(found["metrics"])
    protocol = found["protocol"]
    assert protocol["checkpoint"]["weights_sha256"]
    assert protocol["prompt"]["name"] == "plain"
    assert protocol["read_out"]["kind"] == "regression"
    assert protocol["training"]["relation"] == "unknown"
    assert protocol["split"]["n"] == N
    assert protocol["split"]["official"] is False
    rows = read_predictions(tmp_path / "o" / "predictions.jsonl")
    assert [row["id"] for row in rows] == [f"ava/{k}.jpg" for k in range(N)]
    assert (Path(protocol["images"]) / str(rows[3].get("image"))).is_file()
    _reported(tmp_path / "o", called.out)
    exported = json.loads((tmp_path / "o" / "export" / "artimuse.json").read_text())
    assert exported[2] == {"image": "2.jpg", "score": rows[2]["prediction"]}
    # ... which is taken in again, with the same numbers.
    again = call_script(
        "evaluate", "--predictions", tmp_path / "o" / "export" / "artimuse.json",
        "--benchmark", "ava", "--data", tmp_path / "list.json", "--images", place / "images",
        "--output", tmp_path / "again",
    )  # fmt: skip
    assert again.status == 0, again.err
    assert results(tmp_path / "again")["metrics"]["srcc"] == found["metrics"]["srcc"]
    same = call_script(
        "evaluate", "--compare", tmp_path / "o", tmp_path / "again", "--output", tmp_path / "c"
    )
    assert same.status == 0, same.err
    comparison = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert comparison["metrics"]["srcc"]["verdict"] == "not separable"
    assert f"report: {tmp_path / 'c' / 'comparison.html'}" in same.out
    assert "not separable" in (tmp_path / "c" / "comparison.html").read_text()
    assert "not separable" in (tmp_path / "c" / "comparison.md").read_text()
    rows_alone = call_script(
        "evaluate",
        "--predictions",
        tmp_path / "o" / "predictions.jsonl",
        "--output",
        tmp_path / "r",
    )
    assert rows_alone.status == 0, rows_alone.err
    assert results(tmp_path / "r")["metrics"] == found["metrics"]
    assert (tmp_path / "r" / "report.html").is_file()


def _reported(output: Path, told: str) -> None:
    """The report, with the published rows beside the number: none of them is of so few images."""
    found = results(output)
    srcc = found["metrics"]["srcc"]["value"]
    assert {row["system"] for row in found["published"]} >= {"ArtiMuse"}
    assert all(row["marks"] and not row["same_protocol"] for row in found["published"])
    assert f"report: {output / 'report.html'}" in told
    for name in ("report.html", "report.md", "report.tex"):
        text = (output / name).read_text(encoding="utf-8")
        assert "ArtiMuse" in text
        assert "0.827" in text
        assert f"{srcc:.3f}" in text.replace("\N{MINUS SIGN}", "-").replace("$-$", "-")


def test_the_batch_size_does_not_matter(place: Path, model: Path, tmp_path: Path) -> None:
    data, found = score_list(tmp_path), []
    for size in (1, 8):
        output = tmp_path / str(size)
        images = ("--images", place / "images", "--batch-images", size)
        assert evaluate(model, "ava", data, output, *images).status == 0
        rows = read_predictions(output / "predictions.jsonl")
        found.append([float(str(row["prediction"])) for row in rows])
    assert len(set(found[0])) == N
    assert found[1] == pytest.approx(found[0], abs=1e-3)


def test_an_interrupted_evaluation_goes_on(place: Path, model: Path, tmp_path: Path) -> None:
    data, output = score_list(tmp_path), tmp_path / "o"
    images = ("--images", place / "images")
    assert evaluate(model, "ava", data, output, *images).status == 0
    whole = (output / "predictions.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    marked = lines[1].replace(b'"prediction": ', b'"prediction": 1')
    (output / "predictions.jsonl").write_bytes(lines[0] + marked + lines[2][:20])
    (output / "results.json").unlink()
    called = evaluate(model, "ava", data, output, *images)
    assert called.status == 0, called.err
    assert "going on: 2 of 11 steps are done" in called.err
    # What was there is kept, and the others are as they were.
    assert (output / "predictions.jsonl").read_bytes() == whole.replace(lines[1], marked)


def test_other_rows_are_not_added_to_an_output(place: Path, model: Path, tmp_path: Path) -> None:
    output, images = tmp_path / "o", ("--images", place / "images")
    assert evaluate(model, "ava", score_list(tmp_path), output, *images).status == 0
    before = (output / "predictions.jsonl").read_bytes()
    called = evaluate(model, "ava", score_list(tmp_path, 9), output, *images)
    assert called.status == 2
    assert "made in another way" in called.err
    assert "split_sha256" in called.err
    assert (output / "predictions.jsonl").read_bytes() == before


def test_fewer_than_expected_is_an_error_unless_allowed(
    place: Path, model: Path, tmp_path: Path
) -> None:
    rows = json.loads(score_list(tmp_path).read_text())
    rows[3]["image"] = "gone.jpg"
    rows[5]["gt_score"] = 99
    data, images = write(tmp_path / "bad.json", rows), ("--images", place / "images")
    output = tmp_path / "o"
    called = evaluate(model, "ava", data, output, *images)
    assert called.status == 1
    assert "gone.jpg" in called.err
    assert "99" in called.err
    assert not (output / "results.json").exists()
    assert len((output / "not_scored.jsonl").read_text().splitlines()) == 2
    called = evaluate(model, "ava", data, output, *images, "--allow-missing")
    assert called.status == 0, called.err
    assert "not scored: ava/gone.jpg" in called.out
    found = results(output)
    assert (found["n_expected"], found["n_scored"]) == ({"score": N}, {"score": N - 2})
    assert found["not_scored"] == 2


def test_a_model_without_scores_is_not_asked_for_them(
    place: Path, tiny_model: AestheticModel, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    tiny_model.readout = None
    tiny_model.info = replace(tiny_model.info, readout=None, aspects=())
    save_model(tiny_model, folder)
    called = evaluate(
        folder, "ava", score_list(tmp_path), tmp_path / "o", "--images", place / "images"
    )
    assert called.status == 2
    assert "no score read-out" in called.err


@pytest.mark.parametrize(
    ("benchmark", "name", "message"),
    [
        ("fgaesthetics", "list.json", "expected the folder of the label files"),
        ("ava", "nothing.json", "no such file or folder"),
    ],
)
def test_wrong_calls_say_what_is_expected(
    model: Path, tmp_path: Path, benchmark: str, name: str, message: str
) -> None:
    score_list(tmp_path)
    called = evaluate(model, benchmark, tmp_path / name, tmp_path / "o")
    assert called.status == 2
    assert message in called.err


@pytest.mark.slow
def test_two_processes_score_as_one(place: Path, model: Path, tmp_path: Path) -> None:
    data, more = score_list(tmp_path), ("--images", place / "images", "--batch-images", "3")
    assert evaluate(model, "ava", data, tmp_path / "one", *more).status == 0
    evaluate_on_two_processes(model, "ava", data, tmp_path / "two", *more)
    one, two = (read_predictions(tmp_path / name / "predictions.jsonl") for name in ("one", "two"))
    assert [row["id"] for row in one] == [row["id"] for row in two]
    assert [row["prediction"] for row in two] == pytest.approx(
        [row["prediction"] for row in one], abs=1e-3
    )
    assert sorted(p.name for p in (tmp_path / "two").glob("predictions*")) == [
        "predictions.jsonl", "predictions.jsonl.meta.json",
    ]  # fmt: skip
