"""Several processes train as one: data parallel, ZeRO-2 and ZeRO-3, on one node and on two."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parent))
import parallel
import toy

from artimuse.config import ConfigError
from artimuse.models.folder import load_model
from artimuse.training.metric_rows import TIMED, read_rows

pytestmark = [
    pytest.mark.slow,
    # Of libraries that load each other; every test ends with the state of accelerate as it was.
    pytest.mark.usefixtures("_fresh_accelerate"),
]
LAUNCHES = ("ddp", "zero2", "zero3")
CASES = ("lora", "accumulated", "clipped", "unequal", "plcc", "checkpointed")
# Adam divides a gradient by its own size: where that is rounding, so is the step that follows from it.
BOUNDS = {"plcc": 1e-3, "fgaesq": 1e-3}
WITHOUT_GRADIENT = "k_proj.bias"
"""Softmax does not see it: its gradient is rounding and nothing else, in one process as in two."""


@pytest.fixture
def _fresh_accelerate():
    toy.reset_accelerate()
    yield
    toy.reset_accelerate()


def launch(
    how: str, script: str, *arguments: object, processes: int = 2, options: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """torchrun under data parallel or ZeRO."""
    if how != "ddp":
        pytest.importorskip("deepspeed")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    if how != "ddp":
        environment |= {
            "ACCELERATE_USE_DEEPSPEED": "true",
            "ACCELERATE_DEEPSPEED_ZERO_STAGE": how[-1],
        }
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes),
         *(options or ["--standalone"]), script, *map(str, arguments)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finish(*started: subprocess.Popen[str]) -> str:
    """What they printed; all have to end well."""
    told = [process.communicate(timeout=600)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(started), "\n".join(told)
    return "\n".join(told)


def launched(folder: Path) -> str:
    (how,) = [name for name in LAUNCHES if folder.name.startswith(name)]
    return how


def rows(folder: Path) -> list[dict[str, Any]]:
    return read_rows(folder / "metrics.jsonl")


def relative(after: dict[str, torch.Tensor], expected: dict[str, torch.Tensor],
             before: dict[str, torch.Tensor]) -> float:  # fmt: skip
    """How far the weights of two runs are apart, over how far training moved them."""
    assert after.keys() == expected.keys() == before.keys()
    names = [name for name in expected if not name.endswith(WITHOUT_GRADIENT)]
    apart = sum(float((after[n] - expected[n]).square().sum()) for n in names)
    moved = sum(float((expected[n] - before[n]).square().sum()) for n in names)
    return (apart / moved) ** 0.5


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.trainable().items()}


def compare(folder: Path, alone: Path, case: str) -> None:
    """A case of several processes with the same of one; and what was saved, with what was trained."""
    kind = "fgaesq" if case == "fgaesq" else "lora"
    before = weights(parallel.tiny_model(alone, kind))
    model, _ = parallel.run_case(alone, case, accumulation=1)
    after = load_file(folder / case / "after.safetensors")
    apart = relative(after, weights(model), before)
    print(f"{case}: weights apart {apart:.2g} of what training moved them")
    assert apart <= BOUNDS.get(case, 1e-4), case
    for found, expected in zip(rows(folder / case), rows(alone / case), strict=True):
        for key in ("loss", "loss_text", "loss_score", "loss_rank", "grad_norm"):
            assert found[key] == pytest.approx(expected[key], rel=1e-3, abs=1e-5), (case, key)
    # In one process, without DeepSpeed: nothing of it is missing, and it is what was trained.
    saved = load_model(folder / case / "model", trainable=kind == "lora")
    for name, parameter in saved.named_parameters():
        if name in after:
            assert torch.equal(parameter.detach(), after[name]), name
    assert after.keys() <= {name for name, _ in saved.named_parameters()}


@pytest.fixture(scope="module", params=LAUNCHES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All cases by two processes; and in one/ the base again, for one process."""
    folder = tmp_path_factory.mktemp(request.param)
    alone = folder / "one"
    alone.mkdir()
    for place in (folder, alone):
        parallel.write_base(place)
    finish(launch(request.param, parallel.__file__, folder, *cases(request.param)))
    return folder


def cases(how: str) -> tuple[str, ...]:
    """A model without language is refused by ZeRO-3."""
    return CASES if how == "zero3" else (*CASES, "fgaesq")


def test_two_processes_train_as_one(trained: Path) -> None:
    for case in cases(launched(trained)):
        compare(trained, trained / "one", case)


def test_gradients_are_clipped(trained: Path) -> None:
    """Beside the comparison with one process: the norm is that before clipping, and the clip acts."""
    before = weights(parallel.tiny_model(trained, "lora"))
    moved = {
        case: sum(
            float((tensor - before[name]).square().sum())
            for name, tensor in load_file(trained / case / "after.safetensors").items()
        )
        for case in ("lora", "clipped")
    }
    assert rows(trained / "clipped")[0]["grad_norm"] == pytest.approx(
        rows(trained / "lora")[0]["grad_norm"]
    )
    assert moved["clipped"] < 0.5 * moved["lora"]


def test_bf16_trains_as_in_one_process(trained: Path) -> None:
    """Autocast around float32 weights, whatever shards them."""
    finish(launch(launched(trained), parallel.__file__, trained, "bf16", "autocast"))
    after = load_file(trained / "bf16" / "after.safetensors")
    assert {tensor.dtype for tensor in after.values()} == {torch.float32}
    model, _ = parallel.run_case(trained / "one", "bf16")
    before = weights(parallel.tiny_model(trained / "one", "lora"))
    # bf16 has three digits.
    assert relative(after, weights(model), before) < 0.3
    for found, expected in zip(rows(trained / "bf16"), rows(trained / "one" / "bf16"), strict=True):
        assert found["loss"] == pytest.approx(expected["loss"], rel=1e-2)
    in_float32 = rows(trained / "lora")[0]["loss"]
    assert rows(trained / "autocast")[0]["loss"] == pytest.approx(in_float32, rel=1e-2)
    assert rows(trained / "autocast")[0]["loss"] != pytest.approx(in_float32, rel=1e-5)


@pytest.mark.parametrize("how", ["ddp", "zero2"])
def test_two_nodes_of_one_process_each(how: str, tmp_path: Path) -> None:
    """They meet by rendezvous on this machine, as two machines would."""
    alone = tmp_path / "one"
    alone.mkdir()
    for place in (tmp_path, alone):
        parallel.write_base(place)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meet = ["--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-id", "two",
            "--rdzv-endpoint", f"127.0.0.1:{port}"]  # fmt: skip
    finish(
        *(launch(how, parallel.__file__, tmp_path, "lora", processes=1, options=meet) for _ in "ab")
    )
    compare(tmp_path, alone, "lora")


@pytest.mark.parametrize("how", ["zero2", "zero3"])
def test_a_resumed_run_equals_one_that_ran_through(how: str, tmp_path: Path) -> None:
    parallel.write_base(tmp_path)
    finish(launch(how, parallel.__file__, tmp_path, "dropout", "stopped"))
    assert len(rows(tmp_path / "stopped")) == 3
    shards = [
        path.name for path in (tmp_path / "stopped" / "checkpoints").glob("step-000002/zero*")
    ]
    assert sorted(shards) == [f"{how}-0000{n}-of-00002.safetensors" for n in (1, 2)]
    assert not list((tmp_path / "stopped").rglob("*.pt"))

    with pytest.raises(ConfigError, match="and this is a run without ZeRO"):
        parallel.run_case(tmp_path, "stopped")
    lonely = launch(how, parallel.__file__, tmp_path, "stopped", processes=1)
    told, _ = lonely.communicate(timeout=600)
    assert lonely.returncode != 0
    assert f"and this is 1 process(es) under ZeRO-{how[-1]}" in told

    finish(launch(how, parallel.__file__, tmp_path, "resumed"))
    through, resumed = (
        load_file(tmp_path / name / "after.safetensors") for name in ("dropout", "stopped")
    )
    assert through.keys() == resumed.keys()
    assert [name for name in through if not torch.equal(through[name], resumed[name])] == []
    timeless = [
        [{k: v for k, v in row.items() if k not in TIMED} for row in rows(tmp_path / name)]
        for name in ("dropout", "stopped")
    ]
    assert timeless[0] == timeless[1]


def test_a_step_that_is_not_finite_in_one_process_updates_none(
    trained: Path,
) -> None:
    """Also where ZeRO updates inside of backward, and where the loss alone is not finite."""
    finish(
        launch(
            launched(trained), parallel.__file__, trained, "two-steps", "infinite", "spoiled-total"
        )
    )
    before = load_file(trained / "two-steps" / "after.safetensors")
    for case in ("infinite", "spoiled-total"):
        after = load_file(trained / case / "after.safetensors")
        assert [name for name in before if not torch.equal(before[name], after[name])] == []
        *_, last = rows(trained / case)
        assert (last["step"], last["skipped_steps"]) == (3, 1)
        assert 0 < len(last["skipped_samples"]) < last["images"]
