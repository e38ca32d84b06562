"""Accelerate, threads, and determinism: what a run sets up before anything is built."""

from __future__ import annotations

import os
import zlib

import torch
from accelerate import Accelerator, DistributedType
from accelerate.utils import InitProcessGroupKwargs

from artimuse.config import TrainConfig


def build_accelerator(config: TrainConfig) -> Accelerator:
    """The accelerator of this process; `accelerate launch` and `torchrun` say how many there are.

    Raises:
        ValueError: under DeepSpeed or FSDP, which checkpoints cannot hold yet.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    # On CUDA some operators have no deterministic kernel, and the others are slower.
    torch.use_deterministic_algorithms(not torch.cuda.is_available())
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    on_cpu = several and not torch.cuda.is_available()
    accelerator = Accelerator(
        # Without `cpu` several CPU processes would each train alone, without a word.
        cpu=on_cpu,
        mixed_precision="bf16" if config.precision == "bf16" else "no",
        gradient_accumulation_steps=config.accumulation,
        kwargs_handlers=[InitProcessGroupKwargs(backend="gloo")] if on_cpu else None,
    )
    known = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
    if accelerator.distributed_type not in known:
        raise ValueError(
            f"launched under {accelerator.distributed_type.value}: expected one process or data "
            "parallel (DDP); launch with `torchrun` or an accelerate config of type MULTI_GPU"
        )
    assert (accelerator.num_processes > 1) == several, "accelerate did not see the other processes"
    assert not several or accelerator.distributed_type != DistributedType.NO
    return accelerator


def prepare_stage(accelerator: Accelerator, config: TrainConfig) -> None:
    """Make an accelerator that trained one stage ready for the next: forget the model, count anew."""
    accelerator.free_memory()
    accelerator.gradient_accumulation_steps = config.accumulation
    if config.threads is not None:
        torch.set_num_threads(config.threads)


def seed_micro_batch(seed: int, step: int, micro_batch: int, process: int) -> None:
    """Seed torch for one micro-batch of one process: random numbers are derived, never stored."""
    torch.manual_seed(zlib.crc32(f"{seed}/{step}/{micro_batch}/{process}".encode()))
