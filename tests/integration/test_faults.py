"""Broken images and annotation rows, planted in demo data: found before training, listed, never replaced."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration.calls import QUICKSTART, SIZES, SMALL, Called

KINDS = {
    "truncated": "truncated or damaged",
    "no image": "not an image",
    "missing": "missing file",
    "no bytes": "empty file",
}
"""What is planted, and the kind that is counted under."""


@dataclass(frozen=True, slots=True)
class Planted:
    """Demo data with faults: `train` and `test` map what was planted to the image's name."""

    root: Path
    train: dict[str, str]
    test: dict[str, str]
    rows: tuple[str, str]


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def image_names(root: Path, split: str) -> list[str]:
    listed = (root / "artimuse" / f"ArtiMuse-10K_{split}.json").read_text(encoding="utf-8")
    return [row["image"] for row in json.loads(listed)]


def plant(path: Path, kind: str) -> None:
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "no image":
        path.write_text("a web page, saved under an image's name", encoding="utf-8")
    elif kind == "missing":
        path.unlink()
    else:
        path.write_bytes(b"")


@pytest.fixture
def planted(small_data: Path, tmp_path: Path) -> Planted:
    """A fault of each kind among the training images, one among the test images, two bad rows."""
    root = tmp_path / "demo"
    shutil.copytree(small_data, root)
    train = dict(zip(KINDS, image_names(root, "train"), strict=False))
    test = {"truncated": image_names(root, "test")[0]}
    for faults in (train, test):
        for kind, name in faults.items():
            plant(root / "artimuse" / "images" / name, kind)
    # A score off its scale, and a record without its conversation.
    scores = root / "artimuse" / "ArtiMuse-10K_train.json"
    rows = json.loads(scores.read_text(encoding="utf-8"))
    rows[-1]["gt_score"] = 11.5
    scores.write_text(json.dumps(rows), encoding="utf-8")
    labels = root / "aesmmit" / "AesMMIT_labels_train.json"
    records = json.loads(labels.read_text(encoding="utf-8"))
    del records[3]["conversations"]
    labels.write_text(json.dumps(records), encoding="utf-8")
    return Planted(root, train, test, (rows[-1]["image"], records[3]["image"]))


@pytest.fixture
def train_on(
    planted: Planted, tmp_path: Path, script: Callable[..., Called]
) -> Callable[..., Called]:
    def call(*overrides: str) -> Called:
        return script(
            "train", "--config", QUICKSTART, f"data.root={planted.root}",
            f"run.folder={tmp_path / 'runs'}", "run.name=faulty", *SMALL, *overrides,
        )  # fmt: skip

    return call


def test_too_many_faults_stop_the_run_before_training(
    planted: Planted, train_on: Callable[..., Called], tmp_path: Path
) -> None:
    called = train_on()
    assert called.status == 2
    assert "expected at most 1.00% bad" in called.err
    assert "data.max_bad_frac" in called.err
    for kind, name in planted.train.items():
        (line,) = [line for line in called.err.splitlines() if name in line]
        assert KINDS[kind] in line
    for name in planted.rows:
        assert name in called.err
    folder = tmp_path / "runs" / "faulty"
    assert not (folder / "metrics.jsonl").exists()
    assert not (folder / "checkpoints").exists()
    assert not (folder / "model").exists()


def test_few_faults_are_left_out_listed_and_counted(
    planted: Planted, train_on: Callable[..., Called], tmp_path: Path
) -> None:
    called = train_on("data.max_bad_frac=0.2")
    assert called.status == 0, called.err
    folder = tmp_path / "runs" / "faulty"

    listed = read_lines(folder / "bad_items.jsonl")
    reasons = {Path(row["file"]).name: row["reason"] for row in listed}
    for faults in (planted.train, planted.test):
        for kind, name in faults.items():
            assert reasons[name].startswith(KINDS[kind])
    assert all({"source", "file", "item", "reason"} == row.keys() for row in listed)

    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    counted = [n for kinds in run["bad_items"].values() for n in kinds.values()]
    assert sum(counted) == len(listed) == len(planted.train) + len(planted.test) + 2
    # A score that is off its scale takes its label, not its image's critiques.
    assert run["sources"]["artimuse"]["images"] == SIZES.artimuse_train - len(planted.train)
    assert run["sources"]["artimuse"]["scores"] == run["sources"]["artimuse"]["images"] - 1
    assert f"left out   {len(listed)} bad item(s)" in called.out


def test_nothing_takes_the_place_of_a_bad_image(
    planted: Planted, train_on: Callable[..., Called], tmp_path: Path
) -> None:
    assert train_on("data.max_bad_frac=0.2").status == 0
    folder = tmp_path / "runs" / "faulty" / "results"
    rows = [row for row in read_lines(folder / "predictions.jsonl") if row["kind"] == "score"]
    left = {f"artimuse/{name}" for name in image_names(planted.root, "test")}
    left -= {f"artimuse/{name}" for name in planted.test.values()}
    assert {row["id"] for row in rows} == left
    assert len(rows) == len(left)
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results["n_expected"]["score"] == results["n_scored"]["score"] == len(left)


def test_an_annotation_file_that_cannot_be_read_is_one_clear_error(
    planted: Planted, train_on: Callable[..., Called]
) -> None:
    path = planted.root / "aesmmit" / "AesMMIT_labels_train.json"
    path.write_bytes(path.read_bytes()[:1000])
    called = train_on("data.max_bad_frac=0.2")
    assert called.status == 2
    assert str(path) in called.err
