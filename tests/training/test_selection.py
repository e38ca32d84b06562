"""The best model of a run is its result, an early stop ends it, and a resumed run decides alike."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from artimuse.training.checkpoint import list_checkpoints
from artimuse.training.metric_rows import read_rows
from artimuse.training.selection import Selection, selected

sys.path.insert(0, str(Path(__file__).parent))
import selecting
import toy
from selecting import scripted, select_run


@pytest.fixture(autouse=True)
def _fresh_accelerate():
    toy.reset_accelerate()
    yield
    toy.reset_accelerate()


def by(metric: str = "srcc", every: int = 2, patience: int | None = None) -> dict[str, Any]:
    return {"metric": metric, "every": every, "patience": patience}


def evaluations(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if "loss" not in row]


def different(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> list[str]:
    assert a.keys() == b.keys()
    return [name for name in a if not torch.equal(a[name], b[name])]


def checkpoint(folder: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoints" / f"step-{step:06d}" / "model.safetensors")


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        ("srcc", [0.1, 0.5, 0.4, 0.3], 4),
        ("srcc", [0.5, 0.5, 0.2, 0.5], 2),  # of equal ones the earlier
        ("srcc", [-0.5, -0.4, -0.3, -0.2], 8),
        ("mae", [9.0, 7.0, 8.0, 7.0], 4),  # less is better
        ("loss", [1.0, 2.0, 3.0, 4.0], 2),
    ],
)
def test_the_best_step_is_the_result(
    tmp_path: Path, metric: str, values: list[float], best: int
) -> None:
    weights, rows, done = select_run(tmp_path, "r", by(metric), scripted(values, metric))
    assert done
    assert different(checkpoint(tmp_path / "r", best), weights) == []
    assert [row["step"] for row in evaluations(rows)] == [2, 4, 6, 8]
    assert [row[f"validation_{metric}"] for row in evaluations(rows)] == values
    found = selected(tmp_path / "r")
    assert found is not None
    assert (found["best_step"], found["best_value"]) == (best, values[best // 2 - 1])
    assert not found["stopped_early"]


def test_the_last_step_is_always_evaluated(tmp_path: Path) -> None:
    _, rows, _ = select_run(tmp_path, "r", by(every=3), scripted([0.1, 0.2, 0.3]))
    assert [row["step"] for row in evaluations(rows)] == [3, 6, 8]


def test_selecting_does_not_disturb_the_training(tmp_path: Path) -> None:
    plain, plain_rows, _ = select_run(tmp_path, "plain", None)
    assert selected(tmp_path / "plain") is None
    toy.reset_accelerate()
    _, rows, _ = select_run(tmp_path, "r", by(), scripted([0.4, 0.3, 0.2, 0.1]))
    assert different(checkpoint(tmp_path / "r", 8), plain) == []
    assert [row for row in rows if "loss" in row] == plain_rows


def test_patience_ends_the_run(tmp_path: Path) -> None:
    weights, rows, done = select_run(
        tmp_path, "r", by(patience=2), scripted([0.3, 0.2, 0.3, math.nan])
    )
    assert done, "an early stop is a complete run"
    assert rows[-1]["step"] == 6
    assert different(checkpoint(tmp_path / "r", 2), weights) == []
    found = selected(tmp_path / "r")
    assert found is not None
    assert found["stopped_early"]
    # Resuming trains nothing, and gives the same model.
    toy.reset_accelerate()
    again, again_rows, done = select_run(tmp_path, "r", by(patience=2), scripted([]))
    assert done
    assert again_rows == rows
    assert different(again, weights) == []


def test_waiting_begins_anew_with_a_better_one(tmp_path: Path) -> None:
    _, rows, _ = select_run(tmp_path, "r", by(patience=2), scripted([0.3, 0.2, 0.4, 0.1]))
    assert rows[-1]["step"] == 8


@pytest.mark.parametrize("stop_after", range(1, 8))
def test_resumed_anywhere_decides_alike(tmp_path: Path, stop_after: int) -> None:
    """Killed after any step: the newest checkpoint may be older, or a best model newer than it."""
    values = {2: 0.2, 4: 0.5, 6: 0.4, 8: 0.5}

    def of_the_step(folder: Path) -> Any:
        """A pure function of the weights, as real metrics are."""

        def evaluate(model: Any) -> dict[str, float]:
            rows = (folder / "metrics.jsonl").read_text().splitlines()
            return {"srcc": values[json.loads(rows[-1])["step"]]}

        return evaluate

    options: dict[str, Any] = {"select": by(patience=2)}
    through, rows, _ = select_run(tmp_path, "a", evaluate=of_the_step(tmp_path / "a"), **options)
    toy.reset_accelerate()
    again = of_the_step(tmp_path / "b")
    _, _, done = select_run(tmp_path, "b", evaluate=again, stop_after=stop_after, **options)
    assert not done
    toy.reset_accelerate()
    resumed, resumed_rows, done = select_run(tmp_path, "b", evaluate=again, **options)
    assert done
    assert resumed_rows == rows
    assert different(resumed, through) == []
    assert selected(tmp_path / "b") == selected(tmp_path / "a")


def test_a_best_checkpoint_stays_while_a_kept_one_names_it(tmp_path: Path) -> None:
    values = [0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.1, 0.2]
    select_run(tmp_path, "r", by(every=1), scripted(values), checkpoint_every=1)
    kept = [path.name for path in list_checkpoints(tmp_path / "r" / "checkpoints")]
    assert kept == ["step-000001", "step-000006", "step-000007", "step-000008"]
    toy.reset_accelerate()
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    select_run(tmp_path, "rising", by(every=1), scripted(values), checkpoint_every=1)
    kept = [path.name for path in list_checkpoints(tmp_path / "rising" / "checkpoints")]
    assert kept == ["step-000006", "step-000007", "step-000008"]


def test_the_real_evaluation_selects(tmp_path: Path) -> None:
    _, rows, _ = select_run(tmp_path, "srcc", by())
    assert {"validation_srcc", "validation_plcc", "validation_mae", "validation_pair_accuracy"} <= (
        evaluations(rows)[0].keys()
    )
    toy.reset_accelerate()
    weights, rows, _ = select_run(tmp_path, "loss", by("loss", every=1))
    losses = [row["validation_loss"] for row in evaluations(rows)]
    best = losses.index(min(losses)) + 1
    assert min(losses) < losses[0]
    assert different(checkpoint(tmp_path / "loss", best), weights) == []


def test_a_metric_that_is_no_number_or_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="step 2: the validation srcc is nan"):
        select_run(tmp_path, "r", by(), scripted([math.nan]))
    assert math.isnan(read_rows(tmp_path / "r" / "metrics.jsonl")[-1]["validation_srcc"])
    toy.reset_accelerate()
    with pytest.raises(ValueError, match="'plcc' is none of srcc, other"):
        select_run(tmp_path, "s", by("plcc"), scripted([0.1]))


def test_a_missing_best_checkpoint_is_an_error(tmp_path: Path) -> None:
    select_run(tmp_path, "r", by(), scripted([0.4, 0.3, 0.2, 0.1]))
    (tmp_path / "r" / "checkpoints" / "step-000002" / "model.safetensors").unlink()
    toy.reset_accelerate()
    with pytest.raises(ValueError, match="the model of the best step is missing"):
        select_run(tmp_path, "r", by(), scripted([]))


def test_selecting_without_an_evaluation_is_refused(tmp_path: Path) -> None:
    config = selecting.recipe(tmp_path, by()).train.select
    with pytest.raises(ValueError, match="expected an `evaluate` callable"):
        Selection(config, None, steps=4)


def two_processes(folder: Path, name: str, *, scripted: int) -> list[dict[str, Any]]:
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
         "--standalone",
         selecting.__file__, str(folder), name, json.dumps({"scripted": scripted})],
        check=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True,
    )  # fmt: skip
    rows = [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
    return evaluations(rows)


def test_processes_that_measure_differently_decide_alike(tmp_path: Path) -> None:
    """A second process that stopped at its own word would leave the first waiting for it."""
    rows = two_processes(tmp_path, "two", scripted=1)
    assert [row["validation_srcc"] for row in rows] == [0.5, 0.4, 0.3]
    found = selected(tmp_path / "two")
    assert found is not None
    assert found["best_step"] == 2
    assert found["stopped_early"]


def test_two_processes_share_an_evaluation(tmp_path: Path) -> None:
    rows = two_processes(tmp_path, "two", scripted=0)
    _, alone, _ = select_run(tmp_path, "one", by())
    assert len(rows) == 4
    for both, one in zip(rows, evaluations(alone), strict=True):
        assert both["step"] == one["step"]
        assert both["validation_mae"] == pytest.approx(one["validation_mae"], rel=1e-3)
