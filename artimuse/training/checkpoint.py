"""Checkpoints: complete or absent. Safetensors and JSON, nothing that can run code.

    checkpoints/step-000200/
        model.safetensors        trainable parameters by name
        optimizer.safetensors    optimizer state as `parameter name|state name`; under ZeRO shards.py's files
        state.json               step, the fingerprints of configuration and data, and what is best so far

A checkpoint is written to a temporary folder, synced, and renamed; a crash leaves a folder that is ignored.
The newest ones are kept, and those that a kept one names as the best.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from artimuse.training.shards import SHARD

WEIGHTS_FILE, OPTIMIZER_FILE, STATE_FILE = FILES = (
    "model.safetensors",
    "optimizer.safetensors",
    "state.json",
)


def save_checkpoint(
    folder: Path,
    *,
    step: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    fingerprint: dict[str, str],
    keep: int,
    selection: dict[str, Any] | None = None,
    shards: Sequence[Path] = (),
) -> Path:
    """Save the state after `step` steps; of the others the newest `keep` stay, and the best.

    Args:
        folder: the run's checkpoints folder.
        model, optimizer: unwrapped.
        fingerprint: what must be the same when resuming.
        selection: `Selection.state`; its best step has a checkpoint, this one or an older one.
        shards: files of the optimizer's state that take the place of its own, and are moved: `write_shards`.
    """
    final = _folder_of(folder, step)
    temporary = folder / f".writing-{final.name}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    parameters = _trainable(model)
    save_file({n: _plain(p) for n, p in parameters.items()}, temporary / WEIGHTS_FILE)
    if not shards:
        save_file(_optimizer_state(parameters, optimizer), temporary / OPTIMIZER_FILE)
    for shard in shards:
        shard.rename(temporary / shard.name)
    state = {"step": step, "fingerprint": fingerprint, "selection": selection}
    (temporary / STATE_FILE).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    for path in (*temporary.iterdir(), temporary):
        _sync(path)
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    _sync(folder)
    _prune(folder, keep)
    return final


def _prune(folder: Path, keep: int) -> None:
    every = list_checkpoints(folder)
    best: set[Path] = set()
    for kept in every[-keep:]:
        selection = json.loads((kept / STATE_FILE).read_text(encoding="utf-8")).get("selection")
        if selection:
            best.add(_folder_of(folder, selection["best_step"] or 0))
    for old in every[:-keep]:
        if old not in best:
            shutil.rmtree(old)


def _folder_of(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}"


def list_checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    found = [p for p in folder.glob("step-*") if re.fullmatch(r"step-\d{6,}", p.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def load_checkpoint(
    path: Path,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    fingerprint: dict[str, str],
) -> dict[str, Any]:
    """Restore model and optimizer, and return the state: `step`, the number of steps done, `selection`.

    Raises:
        ValueError: when a file or tensor is missing, or the configuration or data changed since.
    """
    sharded = any(SHARD.fullmatch(file.name) for file in path.iterdir())
    for name in FILES:
        if not (path / name).is_file() and not (sharded and name == OPTIMIZER_FILE):
            raise ValueError(
                f"{path}: {name} is missing; remove this folder to resume from an older one"
            )
    state = json.loads((path / STATE_FILE).read_text(encoding="utf-8"))
    for key, value in fingerprint.items():
        if state["fingerprint"].get(key) != value:
            raise ValueError(
                f"{path}: the {key} changed since this checkpoint was written; resume with what the "
                "run was started with, or start a new run (run.name=...)"
            )
    parameters = _trainable(model)
    _restore_parameters(parameters, load_file(path / WEIGHTS_FILE), path / WEIGHTS_FILE)
    if not sharded:  # those follow when the optimizer is in shards again: `load_shard`
        _restore_optimizer(
            parameters, optimizer, load_file(path / OPTIMIZER_FILE), path / OPTIMIZER_FILE
        )
    return state


def load_weights(folder: Path, step: int, model: nn.Module) -> None:
    """Restore the trainable parameters alone, from a step's checkpoint.

    Raises:
        ValueError: when the checkpoint or a tensor is missing.
    """
    path = _folder_of(folder, step) / WEIGHTS_FILE
    if not path.is_file():
        raise ValueError(f"{path}: the model of the best step is missing; train anew")
    _restore_parameters(_trainable(model), load_file(path), path)


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().cpu().contiguous()


def _optimizer_state(
    parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in parameters.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{name}|{key}"] = _plain(torch.as_tensor(value))
    return tensors


def _restore_parameters(
    parameters: dict[str, nn.Parameter], saved: dict[str, torch.Tensor], path: Path
) -> None:
    _same_names(set(parameters), set(saved), path)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(saved[name])


def _restore_optimizer(
    parameters: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    saved: dict[str, torch.Tensor],
    path: Path,
) -> None:
    state: dict[str, dict[str, Any]] = {}
    for key, tensor in saved.items():
        name, _, kind = key.rpartition("|")
        state.setdefault(name, {})[kind] = tensor
    _same_names(set(parameters), set(state), path)
    for name, parameter in parameters.items():
        # AdamW keeps its step count on the CPU and its moments beside the parameter.
        optimizer.state[parameter] = {
            kind: tensor if kind == "step" else tensor.to(parameter.device)
            for kind, tensor in state[name].items()
        }


def _same_names(expected: set[str], found: set[str], path: Path) -> None:
    if expected != found:
        missing, extra = sorted(expected - found), sorted(found - expected)
        raise ValueError(
            f"{path}: expected the state of the {len(expected)} trainable parameters; missing: "
            f"{missing[:3]}, unexpected: {extra[:3]}"
        )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
