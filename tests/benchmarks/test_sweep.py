"""Cost over images and branches: what is predicted, what is drawn, and what is said without matplotlib."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from integration.calls import load_script
from PIL import Image

from artimuse.benchmarks import sweep
from artimuse.benchmarks.job import Job, Row
from benchmarks.conftest import heard

main = load_script("benchmark").main


def test_points_reach_from_one_to_all_questions() -> None:
    found = sweep.points(19)
    over = [point.branches for point in found if point.axis == "branches"]
    assert (over[0], over[-1], len(over)) == (1, 19, 7)
    assert [p.images for p in found if p.axis == "images"] == list(sweep.IMAGES)
    assert [p.branches for p in sweep.points(1) if p.axis == "branches"] == [1]


def test_cost_grows_with_images_and_branch_tokens(
    tiny_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "IMAGES", (1, 3))
    monkeypatch.setattr(sweep, "BRANCH_POINTS", 3)
    (facts,) = heard(
        sweep.run_sweep, tiny_job("internvl-tiny", variant="tree_uncheckpointed", repeats=2)
    )
    images = [row for row in facts["points"] if row["axis"] == "images"]
    branches = [row for row in facts["points"] if row["axis"] == "branches"]
    assert all(len(row["seconds"]) == 2 for row in facts["points"])
    for row in images:
        assert row["tokens"] == row["images"] * images[0]["tokens"]
    assert [row["branches"] for row in branches] == sorted({row["branches"] for row in branches})
    assert branches[0]["tokens"] < branches[-1]["tokens"]
    assert branches[0]["flops"] < branches[-1]["flops"]
    # Linear in both, with the slope of what is added alone.
    for row in images:
        assert row["flops"] == pytest.approx(
            sweep._predicted(images[0], row, facts)["predicted_flops"]
        )
    for row in branches:
        predicted = sweep._predicted(branches[0], row, facts)["predicted_flops"]
        assert row["flops"] == pytest.approx(predicted, rel=0.03)


def row(axis: str, number: int, seconds: float) -> Row:
    images, branches = (number, 9) if axis == "images" else (1, number)
    return {
        "case": "sweep", "variant": "tree", "model": "m", "axis": axis, "images": images,
        "branches": branches, "tokens": 10 * number, "targets": 5 * number, "flops": 1e9 * number,
        "seconds": [seconds, 2 * seconds, 3 * seconds],
    }  # fmt: skip


def test_what_is_predicted_starts_at_the_first_point() -> None:
    first, third = row("images", 1, 1.0), row("images", 3, 3.0)
    costs = {"flops_per_branch_token": 4e7, "flops_per_target": 2e7}
    assert sweep._predicted(first, first, costs) == {
        "predicted_flops": 1e9,
        "predicted_seconds": 2.0,
    }
    assert sweep._predicted(first, third, costs) == {
        "predicted_flops": 3e9,
        "predicted_seconds": 6.0,
    }
    one, five = row("branches", 1, 1.0), row("branches", 5, 5.0)
    assert sweep._predicted(one, five, costs) == {"predicted_flops": 3e9, "predicted_seconds": 6.0}


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = []
    for axis in ("images", "branches"):
        for number in (1, 2, 4):
            measured = row(axis, number, 0.1 * number)
            spread = {"low": 0.1 * number, "median": 0.2 * number, "high": 0.3 * number}
            predicted = {"predicted_flops": 1e9 * number, "predicted_seconds": 0.2 * number}
            rows.append(measured | {"seconds": spread} | predicted)
    path = tmp_path / "plots" / "sweep.png"
    sweep.plot(rows, path)
    with Image.open(path) as picture:
        assert picture.size == (1200, 840)
        assert len(set(picture.convert("L").tobytes())) > 10


def test_without_matplotlib_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit, match=r'pip install "artimuse\[benchmark\]"'):
        main(["train", "--preset", "tiny", "--sweep", str(tmp_path / "sweep.png")])
