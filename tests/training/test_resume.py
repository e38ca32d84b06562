"""A run that was stopped and resumed equals one that ran through, to the bit."""

from __future__ import annotations

import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
import torch

from artimuse.data.collate import Collator
from artimuse.training.checkpoint import list_checkpoints

sys.path.insert(0, str(Path(__file__).parent))
import toy
from resuming import assert_equal, finish, result, run, start


@pytest.fixture(autouse=True)
def _fresh_accelerate():
    toy.reset_accelerate()
    yield
    toy.reset_accelerate()


@pytest.mark.parametrize(
    ("tuning", "mixture", "accumulation"),
    [
        ("full", "blend", 1),
        ("full", "alternate", 2),
        ("lora", "blend", 2),
        ("fgaesq", "alternate", 2),
    ],
)
@pytest.mark.parametrize("stop_after", [3, 4])
def test_resumed_equals_uninterrupted(
    tmp_path: Path, tuning: str, mixture: str, accumulation: int, stop_after: int
) -> None:
    options: dict[str, Any] = {"tuning": tuning, "mixture": mixture, "accumulation": accumulation}
    through, rows, done = run(tmp_path, "through", **options)
    assert done
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]

    stopped, _, finished = run(tmp_path, "stopped", stop_after=stop_after, **options)
    assert not finished
    assert any(not torch.equal(stopped[name], through[name]) for name in through)
    resumed, resumed_rows, finished = run(tmp_path, "stopped", **options)
    assert finished
    assert_equal(resumed, through)
    assert resumed_rows == rows
    for seen, each in (("images_seen", "images"), ("tokens_seen", "tokens")):
        assert all(row[each] > 0 for row in rows)
        assert [row[seen] for row in rows] == list(accumulate(row[each] for row in rows))


def test_same_seed_same_weights(tmp_path: Path) -> None:
    assert_equal(run(tmp_path, "one")[0], run(tmp_path, "two")[0])


def test_at_least_three_checkpoints_are_kept(tmp_path: Path) -> None:
    run(tmp_path, "r", checkpoint_every=1)
    kept = [path.name for path in list_checkpoints(tmp_path / "r" / "checkpoints")]
    assert kept == ["step-000004", "step-000005", "step-000006"]


@pytest.mark.parametrize("mixture", ["blend", "alternate"])
def test_two_processes_resume_to_the_bit(tmp_path: Path, mixture: str) -> None:
    options: dict[str, Any] = {"mixture": mixture, "accumulation": 2, "tuning": "lora"}
    assert finish(start(tmp_path, "through", processes=2, **options)) == [0, 0]
    weights, rows = result(tmp_path, "through")
    assert len(rows) == 6
    assert finish(start(tmp_path, "stopped", processes=2, stop_after=3, **options)) == [75, 75]
    assert finish(start(tmp_path, "stopped", processes=2, **options)) == [0, 0]
    resumed, resumed_rows = result(tmp_path, "stopped")
    assert_equal(resumed, weights)
    assert resumed_rows == rows


def test_processes_go_on_from_the_checkpoint_that_the_first_one_sees(tmp_path: Path) -> None:
    run(tmp_path, "r", stop_after=4)
    started = start(tmp_path, "r", processes=2, fault="sees_no_checkpoint")
    assert finish(started, timeout_s=120) == [0, 0]
    assert [row["step"] for row in result(tmp_path, "r")[1]] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2)])
def test_another_number_of_processes_goes_on_with_the_same_steps(
    tmp_path: Path, first: int, then: int
) -> None:
    """Sums in another order differ in their last digits; a sample that is left out would show at once."""
    through, rows, _ = run(tmp_path, "through")
    assert set(finish(start(tmp_path, "r", processes=first, stop_after=4))) == {75}
    assert set(finish(start(tmp_path, "r", processes=then))) == {0}
    weights, found = result(tmp_path, "r")
    assert [row.keys() for row in found] == [row.keys() for row in rows]
    for row, expected in zip(found, rows, strict=True):
        assert row == pytest.approx(expected, rel=2e-4, abs=1e-6)
    for name, tensor in weights.items():
        torch.testing.assert_close(tensor, through[name], rtol=1e-2, atol=2e-4)


def test_data_that_end_early_are_no_finished_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A StopIteration from inside a dataset ends a loop over its loader without a word."""
    batches = iter(range(2))
    whole = Collator.__call__

    def collate(self: Collator, *arguments: Any) -> Any:
        next(batches)
        return whole(self, *arguments)

    monkeypatch.setattr(Collator, "__call__", collate)
    with pytest.raises(RuntimeError, match="the data ended after step 2 of 6"):
        run(tmp_path, "r")
