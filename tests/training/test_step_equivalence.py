"""The counts are right: however a step is cut, its gradient is the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from artimuse.config import TrainConfig
from artimuse.config.objective import RankLossName, ScoreLossName
from artimuse.training.accelerator import build_accelerator

sys.path.insert(0, str(Path(__file__).parent))
import toy


@pytest.fixture(autouse=True)
def _fresh_accelerate():
    toy.reset_accelerate()
    yield
    toy.reset_accelerate()


def accelerator(accumulation: int = 1) -> Accelerator:
    toy.reset_accelerate()
    return build_accelerator(TrainConfig(steps=1, accumulation=accumulation))


def relative_difference(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    difference = torch.cat([(a[name] - b[name]).flatten() for name in a])
    whole = torch.cat([b[name].flatten() for name in b])
    assert whole.norm() > 1e-3
    return float(difference.norm() / whole.norm())


@pytest.mark.parametrize("units", [toy.mixed_units, toy.unequal_units])
@pytest.mark.parametrize("text_per", ["token", "answer"])
def test_four_micro_batches_equal_one(tmp_path: Path, units, text_per: str) -> None:
    whole, losses = toy.step_gradient(units(tmp_path), accelerator(), text_per=text_per)
    cut, cut_losses = toy.step_gradient(
        units(tmp_path), accelerator(4), accumulation=4, text_per=text_per
    )
    assert relative_difference(cut, whole) <= 1e-5
    assert cut_losses == pytest.approx(losses, rel=1e-5)
    assert all(loss > 0 for loss in losses if loss != losses[1])


@pytest.mark.parametrize("case", toy.cases(accumulation=4))
def test_every_loss_accumulates(tmp_path: Path, case: str) -> None:
    units, options = toy.labeled_units(tmp_path), toy.CASES[case]
    whole, losses = toy.step_gradient(units, accelerator(), **options)
    cut, cut_losses = toy.step_gradient(units, accelerator(4), accumulation=4, **options)
    assert relative_difference(cut, whole) <= 1e-5
    assert cut_losses == pytest.approx(losses, rel=1e-5)
    assert all(loss != 0 for loss in losses)


@pytest.mark.parametrize("case", toy.SEEN)
def test_a_model_without_language_accumulates(tmp_path: Path, case: str) -> None:
    units, options = toy.seen_units(tmp_path), toy.SEEN[case]
    whole, losses = toy.step_gradient(units, accelerator(), **options)
    cut, cut_losses = toy.step_gradient(units, accelerator(4), accumulation=4, **options)
    assert relative_difference(cut, whole) <= 1e-5
    assert cut_losses == pytest.approx(losses, rel=1e-5)
    assert len(losses) == 3
    assert all(loss > 0 for loss in losses)
    assert "tokens.scale" in whole
    assert not any(name.startswith(("text_tower", "tokens.padding")) for name in whole)


def test_the_cases_hold_every_loss() -> None:
    score, rank = (
        {case[part] for case in toy.CASES.values()} for part in ("score_loss", "rank_loss")
    )
    assert score == set(get_args(ScoreLossName))
    assert rank == set(get_args(RankLossName))


@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_processes_equal_one(tmp_path: Path, accumulation: int) -> None:
    """Every loss; and a step of which one share has all the text, the other all the pairs."""
    output = tmp_path / "gradients"
    output.mkdir()
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
         "--standalone",
         toy.__file__, str(tmp_path), str(output), str(accumulation)],
        check=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
    )  # fmt: skip
    runs: dict[str, Any] = {
        "unequal": (toy.unequal_units(tmp_path), {}),
        "answers": (toy.mixed_units(tmp_path), {"text_per": "answer"}),
        "checkpointed": (toy.mixed_units(tmp_path), {}),  # two processes in blocks, one at once
    }
    runs |= {n: (toy.labeled_units(tmp_path), c) for n, c in toy.cases(accumulation).items()}
    runs |= {n: (toy.seen_units(tmp_path), c) for n, c in toy.SEEN.items()}
    for name, (units, options) in runs.items():
        expected, losses = toy.step_gradient(units, accelerator(), **options)
        found = load_file(output / f"{name}.safetensors")
        assert found.pop("losses").tolist() == pytest.approx(losses, rel=1e-5), name
        assert relative_difference(found, expected) <= 1e-5, name


def test_a_wrong_count_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: with each micro-batch's own counts the gradient differs."""
    from artimuse.data.loader import StepDataset

    units = toy.mixed_units(tmp_path)
    whole, _ = toy.step_gradient(units, accelerator())
    right = StepDataset.counts
    monkeypatch.setattr(
        StepDataset, "counts", lambda self, shares: right(self, shares[:2] + shares[3:])
    )
    cut, _ = toy.step_gradient(units, accelerator(4), accumulation=4)
    assert relative_difference(cut, whole) > 1e-2
