"""TensorBoard and Weights & Biases show the rows of metrics.jsonl, each step once, also when a run goes on."""

from __future__ import annotations

import importlib.util
import json
import math
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from artimuse.config import ConfigError, RunConfig
from artimuse.training.log import RunLog
from artimuse.training.speed import Speed
from artimuse.training.trackers import require_trackers

ROW = {"loss_text": 1.0, "loss_score": 0.1, "loss_rank": 0.7, "lr": 1e-3, "readout_lr": 1e-2}


def log_steps(folder: Path, start: int, stop: int, trackers: list[Any], **more: Any) -> None:
    log = RunLog(
        folder, steps=9, start=start, every=1, speed=Speed(torch.device("cpu")),
        config=RunConfig(name="r", trackers=trackers, **more),
    )  # fmt: skip
    for step in range(start + 1, stop + 1):
        log.step({"step": step, "loss": math.nan if step == 2 else step / 10, **ROW})
    log.validation({"step": stop, "validation_srcc": stop / 100}, seconds=0.0)
    log.close()


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every event of every file, none left out as outdated."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"), purge_orphaned_data=False)
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_tensorboard_goes_on_without_a_step_twice(tmp_path: Path) -> None:
    log_steps(tmp_path, 0, 5, ["tensorboard"])
    log_steps(tmp_path, 3, 6, ["tensorboard"])  # from the checkpoint of step 3
    found = scalars(tmp_path)
    assert [step for step, _ in found["loss/total"]] == [1, 2, 3, 4, 5, 6]
    assert math.isnan(found["loss/total"][1][1])
    assert found["loss/total"][3][1] == pytest.approx(0.4)
    assert {
        "loss/text", "train/lr", "train/readout_lr", "train/images_per_s", "train/data_wait",
        "train/memory_mb",
    } <= found.keys()  # fmt: skip
    assert [step for step, _ in found["validation/srcc"]] == [6]


def test_tensorboard_knows_rows_of_a_run_that_had_none(tmp_path: Path) -> None:
    log_steps(tmp_path, 0, 5, [])
    assert not (tmp_path / "tensorboard").exists()
    log_steps(tmp_path, 5, 6, ["tensorboard"])
    assert [step for step, _ in scalars(tmp_path)["loss/total"]] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_one_that_is_not_installed_is_named_with_its_extra(
    name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=rf'pip install "artimuse\[{name}\]"'):
        require_trackers(RunConfig(name="r", trackers=[name]))
    require_trackers(RunConfig(name="r"))


class FakeRun:
    """A run of wandb whose server has some steps already."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log(self, row: dict[str, float], step: int) -> None:
        self.rows.append((step, row))

    def finish(self) -> None:
        pass


@pytest.fixture
def fake_wandb(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    fake = SimpleNamespace(calls=[], runs=[], step=0)

    def init(**arguments: Any) -> FakeRun:
        fake.calls.append(arguments)
        fake.runs.append(FakeRun(fake.step))
        return fake.runs[-1]

    module = SimpleNamespace(init=init, Settings=dict)
    monkeypatch.setitem(sys.modules, "wandb", module)  # type: ignore[arg-type]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    return fake


def test_wandb_is_offline_and_keeps_its_id(tmp_path: Path, fake_wandb: SimpleNamespace) -> None:
    log_steps(tmp_path, 0, 5, ["wandb"])
    log_steps(tmp_path, 3, 6, ["wandb"])
    assert [call["mode"] for call in fake_wandb.calls] == ["offline", "offline"]
    first, second = (call["id"] for call in fake_wandb.calls)
    assert first == second == (tmp_path / "wandb" / "run-id").read_text().strip()
    steps = [step for step, row in fake_wandb.runs[1].rows if "loss" in row]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_wandb_online_is_told_what_the_server_lacks(
    tmp_path: Path, fake_wandb: SimpleNamespace
) -> None:
    log_steps(tmp_path, 0, 5, ["wandb"], wandb_mode="online")
    fake_wandb.step = 5  # the next step that it takes: it has 0 to 4
    log_steps(tmp_path, 3, 6, ["wandb"], wandb_mode="online")
    assert fake_wandb.calls[1]["mode"] == "online"
    assert [step for step, row in fake_wandb.runs[1].rows if "loss" in row] == [5, 6]


@pytest.mark.slow  # starts wandb's service twice
def test_wandb_offline_goes_on_without_a_step_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    log_steps(tmp_path, 0, 5, ["wandb"])
    log_steps(tmp_path, 3, 6, ["wandb"])
    (place,) = (tmp_path / "wandb").glob("offline-run-*")
    history = wandb_history(next(place.glob("run-*.wandb")))
    assert [int(row["_step"]) for row in history] == [1, 2, 3, 4, 5, 6]
    assert math.isnan(history[1]["loss"])
    assert history[5]["loss"] == 0.6
    assert history[5]["validation_srcc"] == 0.06


def wandb_history(path: Path) -> list[dict[str, Any]]:
    """The rows of an offline run's file."""
    from wandb.proto import wandb_internal_pb2

    rows = []
    for data in leveldb_records(path.read_bytes()[7:]):  # behind ":W&B", magic and version
        record = wandb_internal_pb2.Record()  # type: ignore[attr-defined]
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            items = record.history.item
            rows.append({i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items})
    return rows


def leveldb_records(log: bytes, block: int = 32768) -> Iterator[bytes]:
    """Records of leveldb's log format: pieces of (checksum 4, length 2, kind 1, data) in blocks.

    The file's header of 7 bytes belongs to the first block.
    """
    place, whole = 7, b""
    while place - 7 < len(log):
        if block - place % block < 7:  # no room for a piece: padding
            place += block - place % block
            continue
        length, kind = struct.unpack_from("<HB", log, place - 7 + 4)
        whole += log[place : place + length]
        place += 7 + length
        if kind in (1, 4):  # the whole of a record, or its last piece
            yield whole
            whole = b""
