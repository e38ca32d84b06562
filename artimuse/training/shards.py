"""What ZeRO has in shards, in checkpoints and after training.

A checkpoint holds the trained weights whole, and of the optimizer a file of each process, in safetensors:
`zero2-00001-of-00002.safetensors` holds `group|state name`. No pickle is written or read. Trained weights
are float32, so that the optimizer's own copy of them is made anew from the whole ones, to the bit.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from artimuse.config import ConfigError
from artimuse.training.accelerator import wait_for_all
from artimuse.training.faults import CheckpointError, RunError
from artimuse.training.zero import stage_of

SHARD = re.compile(r"zero([23])-(\d{5})-of-(\d{5})\.safetensors")
# Stage 3 replaces it for good by one that can look its weight up in the backward pass.
_LINEAR = torch.nn.functional.linear


def _shard_name(accelerator: Accelerator) -> str:
    number, of = accelerator.process_index + 1, accelerator.num_processes
    return f"zero{stage_of(accelerator)}-{number:05d}-of-{of:05d}.safetensors"


def _states(optimizer: Any, accelerator: Accelerator) -> list[tuple[torch.Tensor, dict[str, Any]]]:
    """What of the trained weights this process updates, flat and float32, and AdamW's state of it.

    Args:
        optimizer: as `accelerator.prepare` returned it: around ZeRO's, which is around AdamW.
    """
    sharded = optimizer.optimizer
    flat = (
        sharded.single_partition_of_fp32_groups
        if stage_of(accelerator) == 2
        else sharded.fp32_partitioned_groups_flat
    )
    return [(partition, sharded.optimizer.state[partition]) for partition in flat]


def write_shards(folder: Path, optimizer: Any, accelerator: Accelerator) -> list[Path]:
    """Write what every process has of the optimizer's state; all processes call this together.

    Args:
        folder: the run's checkpoints folder; `save_checkpoint` takes the files from there.
        optimizer: as `accelerator.prepare` returned it.

    Returns:
        The files of all processes; none without ZeRO.
    """
    if not stage_of(accelerator):
        return []
    place = folder / ".shards"
    if accelerator.is_main_process:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
    wait_for_all(accelerator)
    tensors = {
        f"{number}|{key}": torch.as_tensor(value).detach().cpu().contiguous()
        for number, (_, state) in enumerate(_states(optimizer, accelerator))
        for key, value in state.items()
    }
    path = place / _shard_name(accelerator)
    try:
        save_file(tensors, path)
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{path}: this part of a checkpoint could not be written: {error}. The checkpoints before it stay; "
            "free space, and go on with --resume"
        ) from error
    wait_for_all(accelerator)
    parts = sorted(place.iterdir())
    if accelerator.is_main_process and len(parts) != accelerator.num_processes:
        raise RunError(
            f"{place}: expected the optimizer's shards of {accelerator.num_processes} processes, found "
            f"{len(parts)}: the run folder has to be on a file system that all nodes share. The checkpoints "
            "before it stay"
        )
    return parts


def forget(parts: list[Path]) -> None:
    """Remove the place that `write_shards` wrote to, once its files are part of a checkpoint."""
    if parts:
        parts[0].parent.rmdir()


def load_shard(checkpoint: Path, optimizer: Any, accelerator: Accelerator) -> None:
    """Give this process's part of the optimizer its state back; nothing without ZeRO.

    Raises:
        CheckpointError: for the shard of another model.
    """
    if not stage_of(accelerator):
        return
    path = checkpoint / _shard_name(accelerator)
    states = _states(optimizer, accelerator)
    for name, tensor in load_file(path).items():
        number, _, key = name.partition("|")
        partition, state = states[int(number)]
        if tensor.ndim and tensor.shape != partition.shape:
            raise CheckpointError(
                f"{path}: {name}: expected {tuple(partition.shape)}, found {tuple(tensor.shape)}: it is of "
                "another model or version of DeepSpeed; remove the folder to resume from an older one"
            )
        # AdamW keeps its step count on the CPU and its moments beside the parameter.
        state[key] = tensor if key == "step" else tensor.to(partition.device)


def require_same_sharding(checkpoint: Path, accelerator: Accelerator) -> None:
    """Whether a checkpoint was written by as many processes under the same stage as these are.

    Raises:
        ConfigError: where it was not, or a shard is missing.
    """
    matches = [SHARD.fullmatch(path.name) for path in sorted(checkpoint.iterdir())]
    found = [(int(match[1]), int(match[3])) for match in matches if match]
    stage, processes = found[0] if found else (0, 0)
    if len(found) != processes:
        raise ConfigError(
            f"{checkpoint}: expected the optimizer's shards of {processes} process(es), found {len(found)}; "
            "remove this folder to resume from an older one"
        )
    now = stage_of(accelerator)
    if (stage, processes) != (now, accelerator.num_processes if now else 0):
        raise ConfigError(
            f"{checkpoint}: was written by {_launch(stage, processes)}, and this is "
            f"{_launch(now, accelerator.num_processes)}: resume as it was written (without ZeRO any number "
            "of processes will do), or start a new run (run.name=...)"
        )


def _launch(stage: int, processes: int) -> str:
    return f"{processes} process(es) under ZeRO-{stage}" if stage else "a run without ZeRO"


@contextmanager
def whole(model: nn.Module, accelerator: Accelerator) -> Iterator[None]:
    """Inside, what is trained has all its values in every process; all processes enter together."""
    if stage_of(accelerator) != 3:
        yield
        return
    import deepspeed

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with deepspeed.zero.GatheredParameters(trained):
        yield


def release(model: nn.Module, accelerator: Accelerator) -> None:
    """After training: DeepSpeed lets go of the model, which is whole again in every process.

    They are new parameters under the old names: what DeepSpeed attached to the others, or made views of one
    buffer, goes with those. They meet on the CPU, as shards and moments are on the GPU until then.
    """
    stage = stage_of(accelerator)
    if not stage:
        return
    known: dict[nn.Parameter, nn.Parameter] = {}
    parameters = {
        module: {key: _whole(p, stage, known) for key, p in module._parameters.items()}
        for module in model.modules()
    }
    accelerator.free_memory()
    torch.nn.functional.linear = _LINEAR
    for module, those in parameters.items():
        module._parameters = those
    model.to(accelerator.device)


def _whole(
    parameter: nn.Parameter | None, stage: int, known: dict[nn.Parameter, nn.Parameter]
) -> nn.Parameter | None:
    """A copy of a parameter with all its values; tied ones stay one, and what no stage touches itself."""
    if parameter is None or (stage == 2 and not parameter.requires_grad):
        return parameter
    if parameter not in known:
        import deepspeed

        with deepspeed.zero.GatheredParameters(parameter):
            copy = parameter.detach().to("cpu", copy=True)
        known[parameter] = nn.Parameter(copy, requires_grad=parameter.requires_grad)
    return known[parameter]
