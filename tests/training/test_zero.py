"""What a launch under DeepSpeed may ask for, and what a checkpoint in shards goes on with."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import accelerate.commands.config.config_args as accelerate_configs
import pytest
import torch
import yaml
from full_disk import largest_file
from torch import nn

from artimuse.config import ConfigError, TrainConfig, load_config
from artimuse.models.cpu_linear import use_onednn
from artimuse.models.mlp_blocks import mlp_in_blocks
from artimuse.training import shards, zero
from artimuse.training.accelerator import build_accelerator
from artimuse.training.faults import CheckpointError, RunError

ROOT = Path(__file__).parents[2]
LAUNCH = {"ACCELERATE_USE_DEEPSPEED": "true", "LOCAL_RANK": "0"}


def place(stage: int, processes: int = 2) -> Any:
    """An accelerator, as far as it is asked here."""
    plugin = SimpleNamespace(zero_stage=stage) if stage else None
    state = SimpleNamespace(deepspeed_plugin=plugin)
    return SimpleNamespace(
        state=state, num_processes=processes, process_index=0, is_main_process=True
    )


def sharded(values: torch.Tensor, states: dict[Any, Any]) -> Any:
    """A prepared optimizer under ZeRO-2, as far as it is asked here."""
    around = SimpleNamespace(
        single_partition_of_fp32_groups=[values], optimizer=SimpleNamespace(state=states)
    )
    return SimpleNamespace(optimizer=around)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ACCELERATE_DEEPSPEED_ZERO_STAGE", "1", "stage 1: expected 2 or 3"),
        ("ACCELERATE_DEEPSPEED_OFFLOAD_OPTIMIZER_DEVICE", "cpu", "expected none"),
        ("ACCELERATE_DEEPSPEED_OFFLOAD_PARAM_DEVICE", "nvme", "expected none"),
        ("ACCELERATE_DEEPSPEED_CONFIG_FILE", "ds.json", "expected the stage alone"),
    ],
)
def test_a_launch_may_ask_for_a_stage_alone(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zero, "is_deepspeed_available", lambda: True)
    for key, setting in (LAUNCH | {name: value}).items():
        monkeypatch.setenv(key, setting)
    with pytest.raises(ConfigError, match=told):
        zero.deepspeed_plugin(TrainConfig(steps=1))


def test_without_deepspeed_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zero, "is_deepspeed_available", lambda: False)
    for key, setting in LAUNCH.items():
        monkeypatch.setenv(key, setting)
    with pytest.raises(ConfigError, match=r'pip install "artimuse\[deepspeed\]"'):
        build_accelerator(TrainConfig(steps=1))


def test_a_process_that_no_launcher_started_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ConfigError, match="no launcher started"):
        build_accelerator(TrainConfig(steps=1))


@pytest.mark.parametrize(
    "setting",
    [
        ("train.select={metric: srcc, every: 10}", "data.validation_frac=0.1"),
        ("model.scratch=null", "model.base=b", "model.tuning=lora", "model.quantization=4bit"),
        ("model.scratch=null", "model.base=b", "model.tuning=lora", "model.lora={dora: true}"),
    ],
)
def test_what_zero3_cannot_do_is_refused(setting: tuple[str, ...]) -> None:
    config = load_config(ROOT / "configs" / "quickstart.yaml", list(setting))
    for stage in (0, 2):
        zero.refuse_unfit(config, place(stage))
    with pytest.raises(ConfigError, match=r"does not work under ZeRO-3.*zero2\.yaml"):
        zero.refuse_unfit(config, place(3))


def test_a_model_without_language_is_not_cut() -> None:
    seen = SimpleNamespace(family=SimpleNamespace(name="fgaesq", language=False), text_chunk=4)
    zero.fit_model(seen, place(2))
    assert seen.text_chunk == 4
    with pytest.raises(ConfigError, match="a fgaesq model does not work under ZeRO-3"):
        zero.fit_model(seen, place(3))
    # The head is called as often in every process.
    layers = nn.Sequential(nn.Linear(32, 32), nn.Linear(32, 32))
    use_onednn(layers, trained=True)
    mlp_in_blocks(layers[1])
    spoken = SimpleNamespace(
        family=SimpleNamespace(name="llava", language=True), text_chunk=4, modules=layers.modules
    )
    zero.fit_model(spoken, place(3))
    assert spoken.text_chunk is None
    assert not getattr(layers[0], "trained", False)
    assert "forward" not in layers[1].__dict__, (
        "its weights would be cut while its blocks name them"
    )


@pytest.mark.parametrize(
    ("files", "stage", "processes", "told"),
    [
        (["optimizer.safetensors"], 0, 5, None),
        (["zero2-00001-of-00002.safetensors", "zero2-00002-of-00002.safetensors"], 2, 2, None),
        (["zero2-00001-of-00002.safetensors", "zero2-00002-of-00002.safetensors"], 2, 4,
         r"written by 2 process\(es\) under ZeRO-2, and this is 4 process\(es\) under ZeRO-2"),
        (["zero2-00001-of-00002.safetensors", "zero2-00002-of-00002.safetensors"], 3, 2,
         r"2 process\(es\) under ZeRO-2, and this is 2 process\(es\) under ZeRO-3"),
        (["zero3-00001-of-00001.safetensors"], 0, 1,
         r"1 process\(es\) under ZeRO-3, and this is a run without ZeRO"),
        (["optimizer.safetensors"], 2, 2,
         r"a run without ZeRO, and this is 2 process\(es\) under ZeRO-2"),
        (["zero2-00002-of-00002.safetensors"], 2, 2, r"shards of 2 process\(es\), found 1"),
    ],
)  # fmt: skip
def test_shards_go_on_with_as_many_processes(
    files: list[str], stage: int, processes: int, told: str | None, tmp_path: Path
) -> None:
    for name in (*files, "model.safetensors", "state.json"):
        (tmp_path / name).touch()
    if told is None:
        shards.require_same_sharding(tmp_path, place(stage, processes))
        return
    with pytest.raises(ConfigError, match=told):
        shards.require_same_sharding(tmp_path, place(stage, processes))


def test_a_shard_is_what_was_written(tmp_path: Path) -> None:
    values, step = torch.zeros(7), torch.tensor(3.0)
    state = {"exp_avg": torch.randn(7), "exp_avg_sq": torch.rand(7), "step": step}
    written = shards.write_shards(tmp_path, sharded(values, {values: state}), place(2, 1))
    assert [path.name for path in written] == ["zero2-00001-of-00001.safetensors"]
    read: dict[Any, Any] = {values: {}}
    shards.load_shard(written[0].parent, sharded(values, read), place(2, 1))
    assert read[values].keys() == state.keys()
    assert all(read[values][key].equal(state[key]) for key in state)

    other = torch.zeros(8)
    with pytest.raises(CheckpointError, match=r"0\|exp_avg: expected \(8,\), found \(7,\)"):
        shards.load_shard(written[0].parent, sharded(other, {other: {}}), place(2, 1))
    written[0].unlink()
    shards.forget(written)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_says_that_the_checkpoints_before_stay(tmp_path: Path) -> None:
    values = torch.zeros(10_000)
    optimizer = sharded(values, {values: {"exp_avg": torch.zeros(10_000)}})
    with largest_file(20_000), pytest.raises(RunError, match=r"zero2-00001-of-00001.*too large"):
        shards.write_shards(tmp_path, optimizer, place(2, 1))


@pytest.mark.parametrize(("name", "stage"), [("ddp", None), ("zero2", 2), ("zero3", 3)])
def test_the_launch_files_are_accelerates(name: str, stage: int | None) -> None:
    """They load as such, and say of training nothing but how the model is held."""
    path = ROOT / "configs" / "accelerate" / f"{name}.yaml"
    loaded: Any = accelerate_configs.load_config_from_file(str(path))
    assert loaded.distributed_type.value == ("MULTI_GPU" if stage is None else "DEEPSPEED")
    assert loaded.deepspeed_config.get("zero_stage") == stage
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert said.keys() <= {
        "compute_environment", "distributed_type", "deepspeed_config", "num_machines", "num_processes",
    }  # fmt: skip
    assert f"configs/accelerate/{name}.yaml" in path.read_text(encoding="utf-8")
    assert "DEEPSPEED" not in "".join(key for key in os.environ if key.startswith("ACCELERATE"))
