"""What a checkpoint holds. Safetensors and JSON, nothing that can run code.

    checkpoints/step-000200/
        model.safetensors        trainable parameters by name
        optimizer.safetensors    optimizer state as `parameter name|state name`; under ZeRO shards.py's files
        state.json               step, the fingerprints of configuration and data, what is best so far, how many
                                 images and tokens were seen, and how many steps were skipped
        complete.json            the others' sizes and hashes (checkpoint_folder.py)

The newest ones are kept, and those that a kept one names as the best. There are no random states: random
numbers are derived from the seed, the step, the micro-batch and the process.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from artimuse.training.checkpoint_folder import (
    folder_of,
    list_checkpoints,
    remove,
    verify,
    written_whole,
)
from artimuse.training.faults import CheckpointError
from artimuse.training.shards import SHARD

WEIGHTS_FILE, OPTIMIZER_FILE, STATE_FILE = (
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
    seen: dict[str, int] | None = None,
    skipped: dict[str, int] | None = None,
    shards: Sequence[Path] = (),
) -> Path:
    """Save the state after `step` steps; of the others the newest `keep` stay, and the best.

    Args:
        folder: the run's checkpoints folder.
        model, optimizer: unwrapped.
        fingerprint: what must be the same when resuming.
        selection: `Selection.state`; its best step has a checkpoint, this one or an older one.
        seen: counts that go on: `Seen`. skipped: `SkippedSteps.state`.
        shards: files of the optimizer's state that take the place of its own, and are moved: `write_shards`.

    Raises:
        RunError: when it cannot be written; the checkpoints before stay.
    """
    final = folder_of(folder, step)
    with written_whole(final) as temporary:
        parameters = _trainable(model)
        save_file({n: _plain(p) for n, p in parameters.items()}, temporary / WEIGHTS_FILE)
        if not shards:
            save_file(_optimizer_state(parameters, optimizer), temporary / OPTIMIZER_FILE)
        for shard in shards:
            shard.rename(temporary / shard.name)
        state = {
            "step": step,
            "fingerprint": fingerprint,
            "selection": selection,
            "seen": seen,
            "skipped": skipped,
        }
        (temporary / STATE_FILE).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    _prune(folder, keep)
    return final


def _prune(folder: Path, keep: int) -> None:
    every = list_checkpoints(folder)
    best: set[Path] = set()
    for kept in every[-keep:]:
        selection = json.loads((kept / STATE_FILE).read_text(encoding="utf-8")).get("selection")
        if selection:
            best.add(folder_of(folder, selection["best_step"] or 0))
    for old in every[:-keep]:
        if old not in best:
            remove(old)


def load_checkpoint(
    path: Path,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    fingerprint: dict[str, str],
) -> dict[str, Any]:
    """Restore model and optimizer, and return the state: `step` (of steps done), `selection`, `seen` and
    `skipped`.

    Raises:
        CheckpointError: when a file or tensor is missing or was changed, or the configuration or data are
            others now.
    """
    verify(path)
    state = json.loads((path / STATE_FILE).read_text(encoding="utf-8"))
    if missing := sorted({"step", "fingerprint", "selection", "seen", "skipped"} - state.keys()):
        raise CheckpointError(
            f"{path / STATE_FILE}: says nothing of {', '.join(missing)}: another version of artimuse wrote it; "
            "resume with that version, or start a new run (run.name=...)"
        )
    for key, value in fingerprint.items():
        if state["fingerprint"].get(key) != value:
            raise CheckpointError(
                f"{path}: the {key} changed since this checkpoint was written; resume with what the "
                "run was started with, or start a new run (run.name=...)"
            )
    parameters = _trainable(model)
    _restore_parameters(parameters, _tensors(path / WEIGHTS_FILE), path / WEIGHTS_FILE)
    if not any(SHARD.fullmatch(file.name) for file in path.iterdir()):
        _restore_optimizer(
            parameters, optimizer, _tensors(path / OPTIMIZER_FILE), path / OPTIMIZER_FILE
        )  # shards follow when the optimizer is in shards again: `load_shard`
    return state


def load_weights(folder: Path, step: int, model: nn.Module) -> None:
    """Restore the trainable parameters alone, from a step's checkpoint.

    Raises:
        CheckpointError: when the checkpoint or a tensor is missing, or was changed.
    """
    path = folder_of(folder, step) / WEIGHTS_FILE
    if not path.is_file():
        raise CheckpointError(f"{path}: the model of the best step is missing; train anew")
    verify(path.parent)
    _restore_parameters(_trainable(model), _tensors(path), path)


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: no safetensors file ({error}); nothing else is read, as it could run code"
        ) from error


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
        raise CheckpointError(
            f"{path}: expected the state of the {len(expected)} trainable parameters; missing: "
            f"{missing[:3]}, unexpected: {extra[:3]}"
        )
