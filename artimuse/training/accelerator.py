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
    # Without a backend accelerate takes several CPU processes for one; with it, one for several.
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    gloo = several and not torch.cuda.is_available()
    handlers = [InitProcessGroupKwargs(backend="gloo")] if gloo else []
    accelerator = Accelerator(
        mixed_precision="bf16" if config.precision == "bf16" else "no",
        gradient_accumulation_steps=config.accumulation,
        kwargs_handlers=handlers,  # type: ignore[arg-type]  # a list of one kind is a list of handlers
    )
    known = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)
    if accelerator.distributed_type not in known:
        raise ValueError(
            f"launched under {accelerator.distributed_type.value}: expected one process or data "
            "parallel (DDP); launch with `torchrun` or an accelerate config of type MULTI_GPU"
        )
    return accelerator


def seed_micro_batch(seed: int, step: int, micro_batch: int, process: int) -> None:
    """Seed torch for one micro-batch of one process: random numbers are derived, never stored."""
    torch.manual_seed(zlib.crc32(f"{seed}/{step}/{micro_batch}/{process}".encode()))
