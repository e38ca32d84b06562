"""In a bf16 run small updates are not lost: what is trained fully has float32 master weights."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from artimuse.config import ModelConfig, ReadoutConfig
from artimuse.models.build import build_model
from artimuse.models.folder import save_model

sys.path.insert(0, str(Path(__file__).parent))
import small_updates
import toy

from conftest import FAMILIES


@pytest.fixture(autouse=True)
def _fresh_accelerate():
    toy.reset_accelerate()
    yield
    toy.reset_accelerate()


def save_base(tmp_path: Path, family: str) -> Path:
    scratch = toy.SCRATCH.model_copy(update={"family": family, "vision_layers": 2})
    config = ModelConfig(scratch=scratch, readout=ReadoutConfig(hidden=16))
    save_model(build_model(config, texts=toy.LINES, seed=0), tmp_path / "base")
    return tmp_path / "base"


def check(found: dict[str, torch.Tensor]) -> None:
    """Every part moved, in float32, by steps that bf16 would not show"""
    before, after = (
        {name.split("|")[1]: tensor for name, tensor in found.items() if name.startswith(when)}
        for when in ("before|", "after|")
    )
    assert before.keys() == after.keys()
    moved, lost, all_of_them = set(), 0, 0
    for name, tensor in before.items():
        assert tensor.dtype == after[name].dtype == torch.float32, name
        change = after[name] - tensor
        assert change.abs().max() <= 2 * small_updates.STEPS * small_updates.LR
        if change.any():
            moved.add(name)
        lost += int((tensor.bfloat16() == after[name].bfloat16()).sum())
        all_of_them += tensor.numel()
    # The comparison means something: in bf16 nearly no weight would be another one, but for zeros.
    assert lost > 0.95 * all_of_them
    # Softmax does not see a bias of keys; what Qwen3-VL adds to image tokens behind the last layer of two
    # is not read either.
    blind = r".*(k_proj\.bias|deepstack_merger_list\.(modules_to_save\.default\.)?1\..*)"
    still = {name for name in before.keys() - moved if not re.fullmatch(blind, name)}
    assert not still, still


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", small_updates.KINDS)
def test_small_updates_are_kept(kind: str, family: str, tmp_path: Path) -> None:
    base = save_base(tmp_path, family)
    check(small_updates.small_step(str(base), tmp_path, kind))


@pytest.mark.parametrize(("kind", "family"), [("lora", "qwen3_vl"), ("full", "llava")])
def test_small_updates_are_kept_by_two_processes(kind: str, family: str, tmp_path: Path) -> None:
    base = save_base(tmp_path, family)
    output = tmp_path / "found.safetensors"
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
         "--standalone",
         small_updates.__file__, str(base), str(tmp_path), kind, str(output)],
        check=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    first, second = (load_file(f"{output}.{rank}") for rank in range(2))
    check(first)
    # Both processes hold the same weights after the step.
    assert all(torch.equal(first[name], second[name]) for name in first)
