"""A run that would train on images it is evaluated on: refused, repaired by `minus`, or put on record."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.calls import QUICKSTART, SMALL, Called

AESBENCH = "{name: bench, format: aesbench, images: artimuse/images, annotations: bench.json}"


@pytest.fixture
def shared(small_data: Path, tmp_path: Path) -> tuple[Path, str, str]:
    """Demo data in which a test image of `artimuse` is a training image under another name."""
    root = tmp_path / "demo"
    shutil.copytree(small_data, root)
    names = []
    for split in ("train", "test"):
        rows = json.loads((root / f"artimuse/ArtiMuse-10K_{split}.json").read_text("utf-8"))
        names.append(rows[0]["image"])
    train, test = names
    shutil.copy(root / "artimuse/images" / train, root / "artimuse/images" / test)
    return root, train, test


@pytest.fixture
def train_on(
    shared: tuple[Path, str, str], tmp_path: Path, script: Callable[..., Called]
) -> Callable[..., Called]:
    def call(*overrides: str) -> Called:
        return script(
            "train", "--config", QUICKSTART, f"data.root={shared[0]}",
            f"run.folder={tmp_path / 'runs'}", "run.name=leaky", *SMALL, *overrides,
        )  # fmt: skip

    return call


def test_a_leak_stops_the_run_and_its_list_repairs_it(
    shared: tuple[Path, str, str], train_on: Callable[..., Called], tmp_path: Path
) -> None:
    _, train, test = shared
    folder = tmp_path / "runs" / "leaky"
    called = train_on()
    assert called.status == 2
    assert "expected no image that evaluation.sources have too, found 1" in called.err
    assert "artimuse and artimuse: 1 images (1 by content)" in called.err
    assert f"content: artimuse/{train} is artimuse/{test}" in called.err
    assert not (folder / "metrics.jsonl").exists()
    counts = json.loads((folder / "run.json").read_text("utf-8"))["leakage"]
    assert [row["allowed"] for row in counts] == [False]

    called = train_on(f"data.sources.0.minus=[{folder / 'minus-artimuse.json'}]")
    assert called.status == 0, called.err
    assert json.loads((folder / "run.json").read_text("utf-8"))["leakage"] == []
    assert not (folder / "leaks.jsonl").exists()


def test_what_is_allowed_by_name_is_put_on_record(
    train_on: Callable[..., Called], tmp_path: Path
) -> None:
    called = train_on("data.allow_leakage=[artimuse]", "train.steps=1")
    assert called.status == 0, called.err
    assert "1 images of artimuse are in artimuse (accepted by data.allow_leakage)" in called.out
    folder = tmp_path / "runs" / "leaky"
    assert json.loads((folder / "run.json").read_text("utf-8"))["leakage"] == [
        {"training": "artimuse", "evaluation": "artimuse", "allowed": True}
        | {"images": 1, "content": 1}
    ]
    assert len((folder / "leaks.jsonl").read_text("utf-8").splitlines()) == 1


def test_an_image_of_aesbench_is_always_refused(
    shared: tuple[Path, str, str], train_on: Callable[..., Called]
) -> None:
    root, train, _ = shared
    entry = {train: {"AesI_data": {"Question": "Describe it."}}}
    (root / "bench.json").write_text(json.dumps(entry), encoding="utf-8")
    called = train_on(f"evaluation.sources=[{AESBENCH}]")
    assert called.status == 2
    assert "1 images (1 by name, 1 by content); its terms forbid training on them" in called.err
    assert "data.allow_leakage" not in called.err

    called = train_on(f"evaluation.sources=[{AESBENCH}]", "data.allow_leakage=[bench]")
    assert called.status == 2
    assert "'bench' (aesbench) cannot be accepted" in called.err
