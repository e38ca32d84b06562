"""scripts/evaluate.py on tiny models: every benchmark, from its own files to results.json."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from integration.calls import ROOT, call_script
from PIL import Image

from artimuse.evaluation.prediction_file import read_predictions
from artimuse.evaluation.results import recompute
from artimuse.models.folder import save_model
from artimuse.prompts import ATTRIBUTES
from conftest import build_tiny

N = 11


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images, 0.jpg to 10.jpg, and series of three."""
    folder = tmp_path_factory.mktemp("benchmark")
    for number in range(N):
        draw(folder / "images" / f"{number}.jpg", number)
    for number in range(6):
        series, image = divmod(number, 3)
        draw(folder / "fg" / f"{series:06d}" / f"{series:06d}-{image:02d}.jpg", 50 + number)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    folder = tmp_path_factory.mktemp("model") / "model"
    save_model(build_tiny(texts), folder)
    return folder


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((70, 60), Image.Resampling.BICUBIC).save(path)


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def score_list(folder: Path, n: int = N) -> Path:
    scored = [{"image": f"{k}.jpg", "gt_score": 1 + (k * 7 % 11) * 0.8} for k in range(n)]
    return write(folder / "list.json", scored)


def evaluate(model: Path, benchmark: str, data: Path, output: Path, *more: object) -> Any:
    return call_script(
        "evaluate", "--model", model, "--benchmark", benchmark, "--data", data,
        "--output", output, "--device", "cpu", *more,
    )  # fmt: skip


def results(output: Path) -> dict[str, Any]:
    return json.loads((output / "results.json").read_text(encoding="utf-8"))


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
    rows_alone = call_script(
        "evaluate",
        "--predictions",
        tmp_path / "o" / "predictions.jsonl",
        "--output",
        tmp_path / "r",
    )
    assert rows_alone.status == 0, rows_alone.err
    assert results(tmp_path / "r")["metrics"] == found["metrics"]


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
    assert evaluate(model, "all", data, tmp_path / "o").status == 0


def test_a_model_without_scores_is_not_asked_for_them(
    place: Path, texts: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    mute = build_tiny(texts)
    mute.readout, mute.info = None, replace(mute.info, readout=None, aspects=())
    save_model(mute, folder)
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
    data = score_list(tmp_path)
    arguments = [
        "--model", model, "--benchmark", "ava", "--data", data, "--images", place / "images",
        "--device", "cpu", "--batch-images", "3",
    ]  # fmt: skip
    assert call_script("evaluate", *arguments, "--output", tmp_path / "one").status == 0
    done = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
            str(ROOT / "scripts" / "evaluate.py"), *map(str, arguments), "--output", str(tmp_path / "two"),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, two = (read_predictions(tmp_path / name / "predictions.jsonl") for name in ("one", "two"))
    assert [row["id"] for row in one] == [row["id"] for row in two]
    assert [row["prediction"] for row in two] == pytest.approx(
        [row["prediction"] for row in one], abs=1e-3
    )
    assert sorted(p.name for p in (tmp_path / "two").glob("predictions*")) == [
        "predictions.jsonl", "predictions.jsonl.meta.json",
    ]  # fmt: skip
