"""metrics.jsonl: rows, cutting after a checkpoint, and a half-written last row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artimuse.config import RunConfig
from artimuse.training.log import RunLog, cut_rows

ROW = {"loss_text": 1.0, "loss_score": 0.1, "loss_rank": 0.7, "lr": 1e-3}


def log_steps(folder: Path, start: int, stop: int, every: int = 1) -> list[int]:
    log = RunLog(folder, steps=10, start=start, every=every, config=RunConfig(name="r"))
    for step in range(start + 1, stop + 1):
        log.step({"step": step, **ROW}, images=4)
    log.close()
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def test_a_row_per_step_and_the_last_one_always(tmp_path: Path) -> None:
    assert log_steps(tmp_path, 0, 10) == list(range(1, 11))


def test_every_third_step(tmp_path: Path) -> None:
    assert log_steps(tmp_path, 0, 10, every=3) == [3, 6, 9, 10]


def test_resuming_cuts_the_rows_after_the_checkpoint(tmp_path: Path) -> None:
    log_steps(tmp_path, 0, 7)
    assert log_steps(tmp_path, 4, 6) == [1, 2, 3, 4, 5, 6]


def test_a_half_written_row_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"st')
    cut_rows(path, 5)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_other_processes_write_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = RunLog(None, steps=1, start=0, every=1, config=RunConfig(name="r"))
    log.step({"step": 1, **ROW}, images=4)
    log.close()
    assert capsys.readouterr().out == ""


def test_plain_lines_show_the_three_losses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_steps(tmp_path, 9, 10)
    line = capsys.readouterr().out.splitlines()[-1]
    for part in ("step=10/10", "text=1.000", "score=0.1000", "rank=0.700", "lr=1.00e-03"):
        assert part in line
