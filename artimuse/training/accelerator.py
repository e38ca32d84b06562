"""Accelerate, threads, and determinism: what a run sets up before anything is built."""

from __future__ import annotations

import os
import zlib
from datetime import timedelta
from functools import lru_cache
from typing import Any

import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedType
from accelerate.utils import GradientAccumulationPlugin, InitProcessGroupKwargs

from artimuse.config import ConfigError, TrainConfig
from artimuse.training import zero

FILL_MEMORY = False
"""Deterministic mode would fill all memory with NaN before it is written, an eighth of a step on a CPU. Nothing
here reads what it has not written: the tests of this project do fill it."""
KNOWN = (
    DistributedType.NO,
    DistributedType.MULTI_GPU,
    DistributedType.MULTI_CPU,
    DistributedType.DEEPSPEED,
)


def build_accelerator(config: TrainConfig) -> Accelerator:
    """The accelerator of this process; `accelerate launch` and `torchrun` say how many there are.

    Raises:
        ConfigError: under FSDP or another engine than data parallel and ZeRO, and see `deepspeed_plugin`.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    # On CUDA some operators have no deterministic kernel, and the others are slower.
    torch.use_deterministic_algorithms(not torch.cuda.is_available())
    deterministic: Any = torch.utils.deterministic
    deterministic.fill_uninitialized_memory = FILL_MEMORY
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    on_cpu = not torch.cuda.is_available()
    sharded = zero.asked_for()
    accelerator = Accelerator(
        # Without `cpu` several CPU processes would each train alone, without a word; with it accelerate
        # would not see DeepSpeed.
        cpu=on_cpu and several and not sharded,
        # Under ZeRO autocast is DeepSpeed's.
        mixed_precision="bf16" if config.precision == "bf16" and not sharded else "no",
        # As a plugin: a number alone gives way to what a launcher leaves in the environment.
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=config.accumulation),
        deepspeed_plugin=zero.deepspeed_plugin(config) if sharded else None,
        kwargs_handlers=[InitProcessGroupKwargs(backend="gloo")]
        if on_cpu and (several or sharded)
        else None,
    )
    if sharded:
        zero.load_models_whole()
    if accelerator.distributed_type not in KNOWN:
        raise ConfigError(
            f"launched under {accelerator.distributed_type.value}: expected one process, data parallel (DDP) "
            "or DeepSpeed's ZeRO; launch with `torchrun`, or a file of configs/accelerate"
        )
    assert (accelerator.num_processes > 1) == several, "accelerate did not see the other processes"
    assert not several or accelerator.distributed_type != DistributedType.NO
    return accelerator


def prepare_stage(accelerator: Accelerator, config: TrainConfig) -> None:
    """Make an accelerator that trained one stage ready for the next: forget the model, count anew."""
    accelerator.free_memory()
    accelerator.gradient_accumulation_steps = config.accumulation
    zero.prepare_stage(accelerator, config)
    if config.threads is not None:
        torch.set_num_threads(config.threads)


def wait_for_all(accelerator: Accelerator) -> None:
    """All processes meet here, however long one of them takes: for what the first alone does.

    An exchange between GPUs is given up after ten minutes, and drawing, decoding or evaluating data, or writing
    a checkpoint, may take longer. A process that is gone is noticed at once, for its connection closes; a
    machine that is gone by the launcher, or after a day.
    """
    if accelerator.num_processes > 1:
        dist.barrier(group=_patient_group(dist.group.WORLD))


@lru_cache(maxsize=1)
def _patient_group(_: object) -> Any:
    """Of all processes, on the CPU; one for as long as the processes are grouped."""
    return dist.new_group(backend="gloo", timeout=timedelta(days=1))


def seed_micro_batch(seed: int, step: int, micro_batch: int, process: int) -> None:
    """Seed torch for one micro-batch of one process: random numbers are derived, never stored."""
    torch.manual_seed(zlib.crc32(f"{seed}/{step}/{micro_batch}/{process}".encode()))
