"""metrics.jsonl: rows, cutting after a checkpoint, what is not finite, and what is told of speed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from artimuse.batch import Counts
from artimuse.config import RunConfig
from artimuse.data.loader import StepData
from artimuse.training.log import RunLog, log_results
from artimuse.training.metric_rows import as_line, cut_rows, read_rows
from artimuse.training.speed import Speed

CPU = torch.device("cpu")
ROW = {"loss_text": 1.0, "loss_score": 0.1, "loss_rank": 0.7, "lr": 1e-3}


def log_steps(folder: Path, start: int, stop: int, every: int = 1) -> list[int]:
    log = start_log(folder, start, every)
    for step in range(start + 1, stop + 1):
        log.step({"step": step, **ROW})
    log.close()
    return [row["step"] for row in read_rows(folder / "metrics.jsonl")]


def start_log(folder: Path | None, start: int = 0, every: int = 1) -> RunLog:
    return RunLog(
        folder, steps=10, start=start, every=every, config=RunConfig(name="r"), speed=Speed(CPU)
    )


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
    log = start_log(None)
    log.step({"step": 1, **ROW})
    log.validation({"step": 1, "validation_srcc": 0.5}, seconds=1.0)
    log.close()
    assert capsys.readouterr().out == ""


def test_plain_lines_show_the_three_losses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_steps(tmp_path, 9, 10)
    line = capsys.readouterr().out.splitlines()[-1]
    for part in ("step=10/10", "text=1.000", "score=0.1000", "rank=0.700", "lr=1.00e-03"):
        assert part in line


def test_the_true_value_is_written_where_it_is_not_finite(tmp_path: Path) -> None:
    log = start_log(tmp_path)
    log.step({"step": 1, **ROW, "loss": math.nan, "grad_norm": math.inf})
    log.validation({"step": 1, "validation_srcc": -math.inf}, seconds=0.0)
    log.close()
    text = (tmp_path / "metrics.jsonl").read_text()
    strict = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert strict[0]["loss"] == "nan"
    assert strict[0]["grad_norm"] == "inf"
    assert strict[1]["validation_srcc"] == "-inf"
    first, second = read_rows(tmp_path / "metrics.jsonl")
    assert math.isnan(first["loss"])
    assert first["grad_norm"] == math.inf
    assert second["validation_srcc"] == -math.inf


def test_cutting_leaves_a_row_that_is_not_finite_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(as_line({"step": 1, "loss": math.nan}) + "\n")
    before = path.read_bytes()
    cut_rows(path, 1)
    assert path.read_bytes() == before


def test_a_damaged_row_in_the_middle_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(ValueError, match=r"metrics\.jsonl, line 2: expected a row of JSON"):
        cut_rows(path, 5)


def test_a_run_that_goes_on_cuts_what_its_finished_model_scored(tmp_path: Path) -> None:
    log_steps(tmp_path, 0, 10)
    (tmp_path / "results").mkdir()
    metrics = {"srcc": {"value": 0.5, "n": 8}, "pair_accuracy": {"value": 0.75, "n": 9}}
    (tmp_path / "results" / "results.json").write_text(json.dumps({"metrics": metrics}))
    for _ in range(2):
        log_results(tmp_path, RunConfig(name="r"))
    rows = read_rows(tmp_path / "metrics.jsonl")
    assert len(rows) == 11
    assert rows[-1] == {"step": 10, "evaluation_srcc": 0.5, "evaluation_pair_accuracy": 0.75}
    start_log(tmp_path, start=10).close()
    assert len(read_rows(tmp_path / "metrics.jsonl")) == 10


def test_speed_tells_images_a_second_and_the_share_of_waiting() -> None:
    now = [100.0]

    def steps():
        for number in range(4):
            now[0] += 0.5  # is being prepared
            yield StepData(number, [], Counts(0.0, 0, 0, images=6), [])

    speed = Speed(CPU, clock=lambda: now[0])
    rows = []
    for step in speed.waiting(steps()):
        now[0] += 1.5  # is trained on
        if step.step == 3:
            now[0] += 40.0
            speed.pause(40.0)  # an evaluation
        if step.step % 2:
            rows.append(speed.row())
    for row in rows:
        assert row["images_per_s"] == 3.0
        assert row["data_wait"] == 0.25
        assert row["memory_mb"] > 10
