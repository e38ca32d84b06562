"""A tiny run of the loop, as a function: in this process, or in others that can be killed.

weights, rows, done = run(folder, "name", tuning="lora")
started = start(folder, "name", processes=2)       # real processes, without the seconds of an import
started[1].kill()
"""

from __future__ import annotations

import errno
import json
import math
import multiprocessing
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import toy
from safetensors.torch import load_file, save_file

from artimuse.config import Config, LoraConfig, ModelConfig, ReadoutConfig
from artimuse.data.loader import StepDataset
from artimuse.data.order import Order
from artimuse.data.units import Unit
from artimuse.data.views import collator
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.fgaesq import FGAesQModel
from artimuse.models.folder import save_model
from artimuse.models.text_tower import attach_text_tower
from artimuse.objectives.joint import Losses, Objective
from artimuse.prompts import protocol
from artimuse.training import checkpoint, loop, progress
from artimuse.training.accelerator import build_accelerator
from artimuse.training.faults import RESUME_STATUS, RunError, explained
from artimuse.training.metric_rows import TIMED, read_rows

FINGERPRINT = {"configuration": "a", "data": "b"}


def config(folder: Path, *, workers: int = 0, **train_settings: Any) -> Config:
    settings = {"steps": 6, "batch_images": 8, "lr": 1e-2, "checkpoint_every": 2} | train_settings
    return Config.model_validate_json(
        json.dumps(
            {
                "run": {"name": "r", "folder": str(folder)},
                "data": {
                    "root": str(folder),
                    "sources": [{"name": "t", "format": "custom", "images": ".", "table": "t.csv",
                                 "scale": [0, 10]}],
                    "workers": workers,
                },
                "model": {"scratch": {}},
                "objective": {"align": 1.0},
                "train": settings,
            }
        )
    )  # fmt: skip


def fresh_model(folder: Path, tuning: str) -> AestheticModel:
    readout = ReadoutConfig(hidden=16)
    if tuning == "fgaesq":
        head = ReadoutConfig(kind="bins", head="fgaesq")  # with dropout
        seen = toy.seen_config(head, "corrected")
        model = build_model(seen, seed=0)
        assert isinstance(model, FGAesQModel)
        attach_text_tower(model, seen, toy.LINES, seed=1)
        return model
    full = build_model(ModelConfig(scratch=toy.SCRATCH, readout=readout), texts=toy.LINES, seed=0)
    if tuning == "full":
        return full
    base = folder / "base"
    if not base.exists():
        save_model(full, base)
    lora = LoraConfig(rank=4, dropout=0.3)
    return build_model(ModelConfig(base=str(base), tuning="lora", lora=lora), seed=0)


def units(folder: Path) -> tuple[list[Unit], list[Unit], list[Unit]]:
    """Texts, scores and series; their images are drawn where they are not there yet."""
    return (
        [toy.text_unit(folder, f"a{n}", 3) for n in range(5)],
        [toy.scored_unit(folder, f"b{n}", n) for n in range(7)],
        [toy.series_unit(folder, f"c{n}", 2 + n % 2) for n in range(4)],
    )


def run(
    folder: Path,
    name: str,
    *,
    tuning: str = "full",
    mixture: str = "blend",
    stop_after: int | None = None,
    fingerprint: dict[str, str] = FINGERPRINT,
    workers: int = 0,
    **settings: Any,
) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]], bool]:
    """Train in folder/name from whatever is there; the weights, rows of metrics, and completeness."""
    toy.reset_accelerate()
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    recipe = config(folder, workers=workers, **settings)
    accelerator = build_accelerator(recipe.train)
    model = fresh_model(folder, tuning)
    singles, scored, ranked = units(folder)
    seen = tuning == "fgaesq"
    if seen:
        singles, ranked = toy.seen_units(folder)[:2], toy.seen_units(folder)[2:]
    order = Order(
        [singles, scored, ranked], weights=[1, 1, 1], batch_images=8, seed=0, steps=6,
        mixture=mixture,  # type: ignore[arg-type]
    )  # fmt: skip
    collate = collator(
        model.family, protocol=protocol("plain"), aspects=["overall"], datasets=[], texts=seen
    )
    steps = StepDataset(
        order, collate, seed=0, questions_per_image=2, accumulation=recipe.train.accumulation,
        processes=accelerator.num_processes, process=accelerator.process_index,
    )  # fmt: skip
    done = loop.train(
        model, steps, recipe, accelerator, folder=place,
        fingerprint=fingerprint, stop=None if stop_after is None else lambda k: k >= stop_after,
    )  # fmt: skip
    weights = {n: p.detach().clone() for n, p in model.named_parameters()}
    return weights, rows_of(place), done


def rows_of(place: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without what differs from machine to machine."""
    rows = read_rows(place / "metrics.jsonl")
    return [{k: v for k, v in row.items() if k not in TIMED} for row in rows]


def assert_equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["resuming"])


def start(
    folder: Path,
    name: str,
    *,
    processes: int = 1,
    kill_at: int | None = None,
    fault: str | None = None,
    fault_in: int = -1,
    **options: Any,
) -> list[Any]:
    """`run` in processes of its own, which were forked after the imports.

    The first one writes folder/name.safetensors when it is done, each what it ended with in
    folder/name.RANK.txt; exit statuses are those of scripts/train.py.

    Args:
        kill_at: kill -9 at so many calls of the file system that save, sync, rename and remove.
        fault: name of a function below, which one process calls before it trains.
        fault_in: which one; the last by default.
    """
    # Images, and the base of adapters, are made by one process.
    units(folder)
    fresh_model(folder, options.get("tuning", "full"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started: list[Any] = []
    for rank in range(processes):
        environment = {"OMP_NUM_THREADS": "1"}
        if processes > 1:
            environment |= {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes),
                "LOCAL_WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
            }  # fmt: skip
        own = fault if rank == fault_in % processes else None
        process = _server.Process(
            target=_in_a_process, args=(folder, name, rank, environment, kill_at, own, options)
        )
        process.start()
        started.append(process)
    return started


def finish(started: list[Any], *, timeout_s: float = 600) -> list[int]:
    """The exit statuses, in the order of the ranks."""
    for process in started:
        process.join(timeout_s)
    stuck = [process for process in started if process.exitcode is None]
    for process in stuck:
        process.kill()
    assert not stuck, f"{len(stuck)} process(es) did not end"
    return [process.exitcode for process in started]


def result(folder: Path, name: str) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]]]:
    """Weights and rows of a run that `start` began and that is done."""
    return load_file(folder / f"{name}.safetensors"), rows_of(folder / name)


def said(folder: Path, name: str, rank: int) -> str:
    return (folder / f"{name}.{rank}.txt").read_text()


def _in_a_process(
    folder: Path,
    name: str,
    rank: int,
    environment: dict[str, str],
    kill_at: int | None,
    fault: str | None,
    options: dict[str, Any],
) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    if kill_at is not None:
        _kill_at(kill_at)
    if fault is not None:
        globals()[fault]()
    ended = folder / f"{name}.{rank}.txt"
    try:
        with explained():
            weights, _, done = run(folder, name, **options)
    except RunError as error:
        ended.write_text(str(error))
        sys.exit(1)
    except BaseException:
        ended.write_text(traceback.format_exc())
        sys.exit(3)
    ended.write_text("done" if done else "stopped")
    if done and rank == 0:
        save_file(weights, folder / f"{name}.safetensors")
    sys.exit(0 if done else RESUME_STATUS)


def _kill_at(calls: int) -> None:
    """kill -9 this process at the n-th call that changes a checkpoint; a file is then half written."""
    left = [calls]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                if real is save_file:
                    real(*arguments, **named)
                    os.truncate(arguments[1], os.path.getsize(arguments[1]) // 2)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for name in ("fsync", "rename", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))
    checkpoint.save_file = counted(save_file)


def before_step(step: int, act: Callable[[], None]) -> None:
    """Call something before a step (counted from 1) is taken."""
    real = loop.train_step

    def taken(*arguments: Any, **named: Any) -> Any:
        if arguments[3].step + 1 == step:
            act()
        return real(*arguments, **named)

    loop.train_step = taken


def terminated_before_step_3() -> None:
    before_step(3, lambda: os.kill(os.getpid(), signal.SIGTERM))


def data_worker_killed_at_step_4() -> None:
    real, trainer = StepDataset.__getitem__, os.getpid()

    def read(self: StepDataset, step: int) -> Any:
        if step == 3:
            assert os.getpid() != trainer
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, step)

    StepDataset.__getitem__ = read  # type: ignore[method-assign]
    # The worker has to have it too.
    multiprocessing.set_start_method("fork", force=True)


def killed_before_step_3() -> None:
    before_step(3, lambda: os.kill(os.getpid(), signal.SIGKILL))


def sees_no_checkpoint() -> None:
    """As on another node, whose view of the file system is of a moment ago."""
    progress.newest_checkpoint = lambda *_: None


def full_disk() -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    checkpoint.save_file = full


def infinite_loss_in_step_3() -> None:
    """In this process alone; a micro-batch a step."""
    real, calls = Objective.__call__, [0]

    def spoiled(self: Objective, *arguments: Any, **named: Any) -> Losses:
        losses = real(self, *arguments, **named)
        calls[0] += 1
        return replace(losses, total=losses.total * math.inf) if calls[0] == 3 else losses

    Objective.__call__ = spoiled
