"""scripts/evaluate.py on a tiny model: series, choices, critiques and lists of benchmarks."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from integration.calls import call_script

from artimuse.evaluation.prediction_file import read_predictions
from artimuse.prompts import ATTRIBUTES
from evaluation.calling import evaluate, results, score_list, write


def test_series(place: Path, model: Path, tmp_path: Path) -> None:
    lines = [
        f"{series} {a} {b} 0.8 {9 - a} {9 - b}"
        for series in (0, 1)
        for a, b in ((0, 1), (1, 2), (0, 2))
    ]
    for name in ("natural", "aigc"):
        # One series each: the series of a category are its own.
        part = lines[:3] if name == "natural" else lines[3:]
        write(tmp_path / "labels" / f"{name}_test.txt", "\n".join(part) + "\n")
    called = evaluate(
        model, "fgaesthetics", tmp_path / "labels", tmp_path / "o", "--images", place / "fg"
    )
    assert called.status == 0, called.err
    found = results(tmp_path / "o")
    assert found["n_scored"] == {"pair": 6, "rank": 6}
    assert {"pair", "series", "s_acc/natural", "pair_f1/aigc", "s_srcc"} <= set(found["metrics"])
    assert found["metrics"]["s_srcc"]["length_3"] == 2
    rows = read_predictions(tmp_path / "o" / "predictions.jsonl")
    ranks = {row["id"]: row for row in rows if row["kind"] == "rank"}
    assert [row["label"] for row in ranks.values()] == [9, 8, 7] * 2
    for row in rows:
        if row["kind"] == "pair":
            first, second = row["id"].split("|")
            assert row.get("scores") == [ranks[first]["prediction"], ranks[second]["prediction"]]


def aesbench_tsv(folder: Path, place: Path) -> Path:
    header = ["index", "image", "question", "A", "B", "C", "D", "split", "answer", "category"]
    lines = ["\t".join(header)]
    for number in range(3):
        data = (place / "images" / f"{number}.jpg").read_bytes()
        image = base64.b64encode(data).decode()
        options, answer = ["High", "Medium", "Low", ""], "ABC"[number]
        cells = [str(number), image, "How good is it?", *options, "val", answer, "AesA"]
        lines.append("\t".join(cells))
    return write(folder / "val.tsv", "\n".join(lines) + "\n")


@pytest.mark.parametrize("how", ["text", "likelihood"])
def test_choices_with_answers(place: Path, model: Path, tmp_path: Path, how: str) -> None:
    data = aesbench_tsv(tmp_path, place)
    more = ("--choices", how, "--max-new-tokens", 4)
    called = evaluate(model, "aesbench", data, tmp_path / "o", *more)
    assert called.status == 0, called.err
    found = results(tmp_path / "o")
    assert found["n_scored"] == {"choice": 3}
    rows = read_predictions(tmp_path / "o" / "predictions.jsonl")
    right = sum(row["prediction"] == row["label"] for row in rows)
    unparsed = sum(row["prediction"] is None for row in rows)
    metric = found["metrics"]["choice_accuracy/AesA"]
    assert (metric["value"], metric["n"], metric["unparsed"]) == (right / 3, 3, unparsed)
    assert {"choice_accuracy/AesA/High", "choice_accuracy/AesA/Low"} <= set(found["metrics"])
    assert found["protocol"]["choices_read_by"] == how
    assert all(("response" in row) == (how == "text") for row in rows)


def test_choices_without_answers_become_a_submission(
    place: Path, model: Path, tmp_path: Path
) -> None:
    entry = {
        "AesP_data": {"Question": "How is the light?", "Options": "A) Dim\nB) Bright"},
        "AesA1_data": {"Question": "How good?", "Options": "A) High\nB) Medium\nC) Low"},
        "AesI_data": {"Question": "Why is it so?"},
    }
    data = write(tmp_path / "e.json", {f"{k}.jpg": entry for k in range(2)})
    called = evaluate(
        model, "aesbench", data, tmp_path / "o", "--images", place / "images", "--max-new-tokens", 3
    )
    assert called.status == 0, called.err
    found = results(tmp_path / "o")
    assert found["n_scored"] == {"choice": 4, "text": 2}
    assert found["metrics"] == {}
    folder = tmp_path / "o" / "export"
    assert sorted(p.name for p in folder.iterdir()) == [
        "test_AesA1.json", "test_AesI.json", "test_AesP.json",
    ]  # fmt: skip
    assert set(json.loads((folder / "test_AesP.json").read_text())["1.jpg"]) == {"AesP_response"}
    answers = (tmp_path / "o" / "judge" / "answers.jsonl").read_text().splitlines()
    assert len(answers) == 2


def test_a_submission_made_elsewhere_scores_by_hand(place: Path, tmp_path: Path) -> None:
    data = aesbench_tsv(tmp_path, place)
    assert (  # the images are unpacked by their contents
        call_script(
            "evaluate", "--predictions", write(tmp_path / "none.json", {"x.jpg": {"AesA1_response": "A)"}}),
            "--benchmark", "aesbench", "--data", data, "--output", tmp_path / "u",
        ).status == 2
    )  # fmt: skip
    names = sorted(p.name for p in (tmp_path / "u" / "images").iterdir())
    said = dict(zip(names, ("a)", "The answer is B", ""), strict=True))
    given = write(tmp_path / "g.json", {k: {"AesA1_response": v} for k, v in said.items()})
    called = call_script(
        "evaluate", "--predictions", given, "--benchmark", "aesbench", "--data", data,
        "--output", tmp_path / "o",
    )  # fmt: skip
    assert called.status == 0, called.err
    rows = read_predictions(tmp_path / "o" / "predictions.jsonl")
    marks = {"a)": "A)", "The answer is B": "B)", "": None}
    for row in rows:
        assert row["prediction"] == marks[said[Path(str(row.get("image"))).name]]
    metric = results(tmp_path / "o")["metrics"]["choice_accuracy"]
    assert metric["value"] == sum(row["prediction"] == row["label"] for row in rows) / 3
    assert metric["unparsed"] == 1


def test_unipercept(place: Path, model: Path, tmp_path: Path) -> None:
    question = "What is the light like?\nA. Harsh\nB. Soft\nC. Flat"
    data = write(
        tmp_path / "u.json",
        [
            {"image": f"{k}.jpg", "answer": "B", "question": question, "category": "Light"}
            for k in range(4)
        ],
    )
    called = evaluate(
        model, "unipercept-vqa", data, tmp_path / "o", "--images", place / "images",
        "--choices", "likelihood",
    )  # fmt: skip
    assert called.status == 0, called.err
    rows = read_predictions(tmp_path / "o" / "predictions.jsonl")
    assert rows[0].get("texts") == ["Harsh", "Soft", "Flat"]
    assert results(tmp_path / "o")["metrics"]["choice_accuracy/Light"]["n"] == 4


def test_critiques(place: Path, model: Path, tmp_path: Path) -> None:
    lines = []
    for number in range(4):
        for attribute in (ATTRIBUTES[0], ATTRIBUTES[6]):
            asked = f"<image>\nPlease evaluate ... from the aspect of {attribute}."
            said = (
                "the light is soft and warm" if number % 2 else f"a dark tree stands left {number}"
            )
            turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": said}]
            lines.append(json.dumps({"id": "1", "image": f"{number}.jpg", "conversations": turns}))
    data = write(tmp_path / "t.jsonl", "\n".join(lines) + "\n")
    called = evaluate(
        model, "artimuse-10k-text", data, tmp_path / "o", "--images", place / "images",
        "--max-new-tokens", 5,
    )  # fmt: skip
    assert called.status == 0, called.err
    found = results(tmp_path / "o")
    assert found["n_scored"]["text"] == 8
    assert found["n_scored"]["sentiment"] == 4
    assert 0 < found["n_scored"]["critique"] <= 8
    assert found["metrics"]["critique_bits"]["value"] > 0
    assert f"critique_told/{ATTRIBUTES[0]}" in found["metrics"]
    assert -1 <= found["metrics"]["sentiment_srcc"]["value"] <= 1
    pairs = (tmp_path / "o" / "judge" / "pairs.jsonl").read_text().splitlines()
    assert len(pairs) == 16


def test_custom_scores_series_and_choices(place: Path, model: Path, tmp_path: Path) -> None:
    asked = "How is the light?\nA) soft\nB) hard"
    # Ranks and scores must agree: 1 is the best.
    rows = ["image,score,series,rank,question,answer"]
    rows += [f'{k}.jpg,{9 - k},s{k // 3},{k % 3 + 1},"{asked}",A)' for k in range(6)]
    data = write(tmp_path / "mine.csv", "\n".join(rows) + "\n")
    images = ("--images", place / "images")
    called = evaluate(model, "custom", data, tmp_path / "no", *images)
    assert called.status == 2
    assert "scale" in called.err
    more = ("--scale", 0, 10, "--choices", "likelihood")
    called = evaluate(model, "custom", data, tmp_path / "o", *images, *more)
    assert called.status == 0, called.err
    found = results(tmp_path / "o")
    assert found["n_scored"] == {"score": 6, "pair": 6, "rank": 6, "choice": 6}
    assert {"srcc", "s_srcc", "pair_accuracy", "choice_accuracy"} <= set(found["metrics"])


def test_a_source_as_a_recipe_has_it(place: Path, model: Path, tmp_path: Path) -> None:
    """AesMMIT's records, whose options are answered as they are written there."""
    asked = "How is the light?\nA) soft\nB) hard\n<image>"
    turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": "B)"}]
    records = [
        {"id": "1", "image": f"{k}.jpg", "conversations": turns, "type": "gpt_q1", "qtype": "mcq"}
        for k in range(3)
    ]
    write(tmp_path / "records.json", records)
    (tmp_path / "images").symlink_to(place / "images")
    entry = {"name": "own", "format": "aesmmit", "images": "images", "annotations": "records.json"}
    data = write(tmp_path / "own.yaml", entry)
    called = evaluate(model, "custom", data, tmp_path / "o", "--choices", "likelihood")
    assert called.status == 0, called.err
    found = results(tmp_path / "o")
    assert found["n_scored"] == {"choice": 3}
    assert found["metrics"]["choice_accuracy"]["n"] == 3
    called = evaluate(model, "custom", write(data, {"format": "aesmmit"}), tmp_path / "p")
    assert called.status == 2
    assert "a source as a recipe has it" in called.err


def test_several_benchmarks(place: Path, model: Path, tmp_path: Path) -> None:
    score_list(tmp_path)
    images = str(place / "images")
    entries = [
        {"benchmark": "ava", "data": "list.json", "images": images},
        {"benchmark": "ava", "data": "gone.json", "images": images, "name": "gone"},
        {"benchmark": "tad66k", "data": "list.json", "images": images},
    ]
    data = write(tmp_path / "all.yaml", entries)
    called = evaluate(model, "all", data, tmp_path / "o")
    assert called.status == 2
    assert "gone: --data" in called.err
    assert (tmp_path / "o" / "ava" / "results.json").is_file()
    assert (tmp_path / "o" / "tad66k" / "results.json").is_file()
    write(tmp_path / "all.yaml", entries[:1] + entries[2:])
    whole = evaluate(model, "all", data, tmp_path / "o")
    assert whole.status == 0, whole.err
    assert f"overview: {tmp_path / 'o' / 'overview.html'}" in whole.out
    for name in ("overview.html", "overview.md", "overview.tex"):
        text = (tmp_path / "o" / name).read_text(encoding="utf-8")
        assert "AVA" in text
        assert "TAD66K" in text
