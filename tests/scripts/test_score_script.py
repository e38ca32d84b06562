"""score.py on a folder of mixed images: rows, restart, broken images, refusals."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from inference.mixed_images import BROKEN, WHOLE, break_some, write_mixed
from integration.calls import Called, call_script
from PIL import Image

import artimuse
from artimuse.config import ModelConfig, ReadoutConfig
from artimuse.inference.score_file import ScoreFile
from artimuse.models.build import build_model
from artimuse.models.folder import save_model
from artimuse.prompts import ATTRIBUTES
from conftest import TINY, build_tiny

QUESTIONS = ("Is the light soft?", "Warum, und wofür?")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    folder = tmp_path_factory.mktemp("models") / "model"
    save_model(build_tiny(texts), folder)
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with `photos/` and a file of questions."""
    write_mixed(tmp_path / "photos")
    (tmp_path / "questions.txt").write_text("\n".join(QUESTIONS), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def score(model: Path, output: str, *options: object, images: str = "photos") -> Called:
    return call_script("score", "--model", model, images, "--output", output, *options)


def rows(output: str) -> list[dict[str, Any]]:
    path = Path(output)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def names(output: str) -> list[str]:
    return [row["image"] for row in rows(output)]


IMAGES = [f"photos/{name}" for name in WHOLE]


def test_rows_say_what_was_asked_and_no_more(model: Path, place: Path) -> None:
    del place
    called = score(model, "scores.jsonl")
    assert called.status == 0, called.err
    assert "scored=10 not_scored=0 skipped=0 cut_texts=0 mean_s=0." in called.out
    assert "scale=0-100 read_out=regression" in called.out
    written = rows("scores.jsonl")
    assert [row["image"] for row in written] == IMAGES
    for row in written:
        assert list(row) == ["image", "score", "spread", "scores", "spreads"]
        assert 0 <= row["score"] <= 100
        assert row["score"] == row["scores"]["overall"]
        assert row["spread"] == row["spreads"]["overall"] > 0


def test_the_batch_size_changes_nothing_and_the_interface_says_the_same(
    model: Path, place: Path
) -> None:
    del place
    for size in (1, 8):
        assert score(model, f"by{size}.jsonl", "--batch-images", size).status == 0
    ones, eights = rows("by1.jsonl"), rows("by8.jsonl")
    for one, eight in zip(ones, eights, strict=True):
        assert one["score"] == pytest.approx(eight["score"], abs=1e-3)
        assert one["spread"] == pytest.approx(eight["spread"], abs=1e-3)
    found = artimuse.load(model, device="cpu", batch_images=8).score(IMAGES)
    assert [(one.value, one.spread) for one in found] == [
        (row["score"], row["spread"]) for row in eights
    ]


def test_the_file_beside_says_how_rows_were_made(model: Path, place: Path) -> None:
    score(model, "scores.jsonl", "--questions", "questions.txt", "--max-new-tokens", 2)
    meta = json.loads((place / "scores.jsonl.meta.json").read_text(encoding="utf-8"))
    assert meta["model"] == str(model)
    same = meta["same"]
    assert same["scale"] == {"low": 0, "high": 100, "unit": "points"}
    assert same["readout"]["kind"] == "regression"
    assert (same["aspects"], same["family"], same["dtype"]) == (["overall"], "internvl", "float32")
    assert len(same["weights_sha256"]) == 64
    assert same["prompts"]["name"] == "plain"
    assert same["preprocessing"]["backend"] == "pil"
    assert same["asked"] == {
        "describe": False, "questions": list(QUESTIONS), "max_new_tokens": 2,
    }  # fmt: skip
    assert {"artimuse", "torch", "transformers", "pillow"} <= meta["versions"].keys()


def test_critiques_and_answers(model: Path, place: Path) -> None:
    del place
    options = ("--describe", "--questions", "questions.txt", "--max-new-tokens", 3)
    called = score(model, "texts.jsonl", *options)
    assert called.status == 0, called.err
    interface = artimuse.load(model, device="cpu")
    cut = 0
    for row in rows("texts.jsonl"):
        assert list(row["critiques"]) == list(ATTRIBUTES)
        assert list(row["answers"]) == list(QUESTIONS)
        assert row["critiques"] == interface.describe(row["image"], max_new_tokens=3)
        asked = interface.ask(row["image"], list(QUESTIONS), max_new_tokens=3)
        assert list(row["answers"].values()) == asked
        cut += 10
    # A model that was never trained goes on writing: all of its texts are cut off.
    assert f"cut_texts={cut} " in called.out

    assert score(model, "texts.csv", *options).status == 0
    for nested, flat in zip(rows("texts.jsonl"), rows("texts.csv"), strict=True):
        assert list(flat) == [
            "image", "score", "spread", "scores.overall", "spreads.overall",
            *(f"critiques.{attribute}" for attribute in ATTRIBUTES),
            *(f"answers.{question}" for question in QUESTIONS),
        ]  # fmt: skip
        assert float(flat["score"]) == nested["score"]
        assert flat["critiques.Overall Gestalt"] == nested["critiques"]["Overall Gestalt"]
        assert flat[f"answers.{QUESTIONS[1]}"] == nested["answers"][QUESTIONS[1]]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.55, 0.99])
def test_a_restart_gives_what_one_run_gives(
    model: Path, place: Path, suffix: str, share: float
) -> None:
    options = ("--questions", "questions.txt", "--max-new-tokens", 3, "--batch-images", 4)
    score(model, f"whole.{suffix}", *options)
    score(model, f"cut.{suffix}", *options)
    path = place / f"cut.{suffix}"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    called = score(model, f"cut.{suffix}", *options)
    assert called.status == 0, called.err
    assert ("half-written last row" in called.err) == (share > 0)
    skipped = int(called.out.split("skipped=")[1].split()[0])
    assert skipped > 0 or share < 0.5
    assert f"scored={10 - skipped} " in called.out
    for one, other in zip(rows(f"cut.{suffix}"), rows(f"whole.{suffix}"), strict=True):
        assert one.keys() == other.keys()
        assert one["image"] == other["image"]
        assert float(one["score"]) == pytest.approx(float(other["score"]), abs=1e-3)
        texts = [key for key in one if key.startswith("answers")]
        assert texts
        assert [one[key] for key in texts] == [other[key] for key in texts]


def test_a_finished_file_has_nothing_left_to_do(model: Path, place: Path) -> None:
    score(model, "scores.csv")
    before = (place / "scores.csv").read_bytes()
    called = score(model, "scores.csv")
    assert called.status == 0
    assert "scored=0 not_scored=0 skipped=10" in called.out
    assert (place / "scores.csv").read_bytes() == before


def test_interrupted_it_goes_on(model: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del place
    score(model, "whole.jsonl", "--batch-images", 3)
    write, written = ScoreFile.write, []

    def stop(self: ScoreFile, row: dict[str, Any]) -> None:
        if len(written) == 4:
            raise KeyboardInterrupt
        written.append(row)
        write(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(ScoreFile, "write", stop)
        called = score(model, "scores.jsonl", "--batch-images", 3)
    assert called.status == 130
    assert "interrupted: the same command goes on from here" in called.err
    assert "scored=4 " in called.out
    assert names("scores.jsonl") == IMAGES[:4]
    called = score(model, "scores.jsonl", "--batch-images", 3)
    assert called.status == 0
    assert "scored=6 not_scored=0 skipped=4" in called.out
    assert names("scores.jsonl") == names("whole.jsonl") == IMAGES


def test_broken_images_are_listed_and_tried_again(model: Path, place: Path) -> None:
    broken = break_some(place / "photos")
    called = score(model, "scores.jsonl", "--batch-images", 4)
    assert called.status == 1
    assert "scored=10 not_scored=3 skipped=0" in called.out
    assert sorted(names("scores.jsonl")) == IMAGES
    for name in BROKEN:
        assert f"not scored: photos/{name}: " in called.err
    listed = rows("scores.jsonl.not_scored.jsonl")
    assert [row["image"] for row in listed] == [f"photos/{name}" for name in BROKEN]
    assert listed[1]["reason"].startswith(f"photos/{BROKEN[1]}: empty file: expected an image")

    whole = (place / "photos" / "upright.jpg").read_bytes()
    broken[0].write_bytes(whole)
    called = score(model, "scores.jsonl")
    assert called.status == 1
    assert "scored=1 not_scored=2 skipped=10" in called.out
    assert len(rows("scores.jsonl.not_scored.jsonl")) == 2
    for path in broken[1:]:
        path.write_bytes(whole)
    called = score(model, "scores.jsonl")
    assert called.status == 0
    assert not (place / "scores.jsonl.not_scored.jsonl").exists()
    assert sorted(names("scores.jsonl")) == sorted(f"photos/{name}" for name in WHOLE + BROKEN)


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_file_made_in_another_way_is_refused(
    model: Path, place: Path, suffix: str, texts: list[str]
) -> None:
    output = f"scores.{suffix}"
    score(model, output)
    before = (place / output).read_bytes()
    called = score(model, output, "--describe")
    assert called.status == 2
    assert "asked.describe: False there, True now" in called.err
    assert f"choose another --output, or remove {output}" in called.err
    save_model(build_tiny(texts, readout=ReadoutConfig(hidden=16, kind="bins")), place / "other")
    called = score(place / "other", output)
    assert called.status == 2
    assert "readout.kind: 'regression' there, 'bins' now" in called.err
    assert "weights_sha256: " in called.err
    assert (place / output).read_bytes() == before
    # The same model in another place is the same model.
    model.rename(place / "moved")
    assert score(place / "moved", output).status == 0
    (place / "moved").rename(model)


def test_a_model_that_only_answers(place: Path, texts: list[str]) -> None:
    mute = build_tiny(texts)
    mute.readout, mute.info = None, replace(mute.info, readout=None, aspects=())
    save_model(mute, place / "mute")
    called = score(place / "mute", "answers.jsonl")
    assert called.status == 2
    assert "no score read-out" in called.err
    broken = break_some(place / "photos")
    options = ("--questions", "questions.txt", "--max-new-tokens", 2)
    called = score(place / "mute", "answers.jsonl", *options)
    assert called.status == 1, called.err
    assert f"scored=10 not_scored={len(broken)} " in called.out
    assert "read_out=none" in called.out
    for row in rows("answers.jsonl"):
        assert list(row) == ["image", "score", "spread", "answers"]
        assert (row["score"], row["spread"]) == (None, None)
    assert score(place / "mute", "answers.csv", *options).status == 1
    assert rows("answers.csv")[0]["score"] == ""


def test_an_image_that_the_model_cannot_take_is_set_aside(place: Path, texts: list[str]) -> None:
    """Qwen-VL keeps the aspect ratio, and takes up to 200 to 1."""
    scratch = TINY.model_copy(update={"family": "qwen2_5_vl"})
    config = ModelConfig(scratch=scratch, readout=ReadoutConfig(hidden=16))
    save_model(build_model(config, texts=texts, seed=0), place / "qwen")
    Image.new("RGB", (2, 900)).save(place / "photos" / "line.png")
    called = score(place / "qwen", "scores.jsonl")
    assert called.status == 1, called.err
    assert "scored=10 not_scored=1 " in called.out
    assert "not scored: photos/line.png: image of 2 x 900: too long for the model" in called.err
    answers = score(place / "qwen", "a.jsonl", "--describe", "--max-new-tokens", 1)
    assert answers.status == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--output", "s.txt"), ".jsonl or .csv"),
        (("--questions", "none.txt"), "--questions none.txt: no such file"),
        (("--device", "gpu"), "device 'gpu': expected one that torch can use"),
        (("--model", "runs/modle"), "--model: 'runs/modle' is neither a folder here nor in"),
        (("--model", "./modle"), "--model: no folder './modle'; did you mean models?"),
        (("--batch-images", "0"), "expected at least 1, found 0"),
        (("--max-new-tokens", "0"), "expected at least 1, found 0"),
        (("absent.jpg",), "absent.jpg: no such image or folder"),
        (("--dtype", "int8"), "invalid choice: 'int8'"),
    ],
)
def test_a_wrong_call_is_one_error(
    model: Path, place: Path, options: tuple[str, ...], said: str
) -> None:
    (place / "models").mkdir()
    called = score(model, "s.jsonl", *options)
    assert called.status == 2
    assert said in called.err
    assert not list(place.glob("s.*"))
