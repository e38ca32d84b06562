"""Models of the benchmark presets: real architectures with random weights, made on the device that runs them.

    family, architecture = parts(shape, case.texts)
    model = make_model(family, architecture, device=torch.device("cuda"), dtype=torch.bfloat16, seed=0)

Every process makes its model from the same parts and seed, so all have the same weights. The language model
has LoRA without dropout, the rest is frozen but for the float32 regression read-out. LoRA's B is drawn at
random: at its usual zero the gradient of A is zero, and a comparison of gradients says nothing of it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from artimuse.benchmarks.presets import LORA_RANK, Shape
from artimuse.config import LoraConfig, ModelConfig, ReadoutConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import make_trainable
from artimuse.models.families import ChatFamily
from artimuse.models.folder import assemble
from artimuse.models.info import ModelInfo
from artimuse.models.scratch import scratch_family
from artimuse.models.skeleton import without_numbers
from artimuse.models.stock import from_config
from artimuse.prompts import protocol
from artimuse.records import OVERALL

B_RANGE = 0.02
PROMPT = "plain"


def parts(shape: Shape, texts: Iterable[str]) -> tuple[ChatFamily, Any]:
    """The family, with a tokenizer trained on the texts, and transformers' configuration of the model.

    Raises:
        AttributeError: for a size that the architecture's configuration does not have.
    """
    family, architecture = scratch_family(shape.scratch, texts, protocol=protocol(PROMPT))
    assert isinstance(family, ChatFamily)
    architecture.tie_word_embeddings = shape.tied
    _set(architecture.text_config, {**shape.language, "tie_word_embeddings": shape.tied})
    _set(architecture.vision_config, shape.vision)
    return family, architecture


def make_model(
    family: ChatFamily,
    architecture: Any,
    *,
    device: torch.device,
    dtype: torch.dtype,
    seed: int,
) -> AestheticModel:
    """A model ready to be trained, on the device; read-out and adapters are float32 whatever `dtype` is."""
    torch.manual_seed(seed)
    with device:
        # transformers changes the sub-configurations that it is given.
        backbone = from_config(copy.deepcopy(architecture), dtype=dtype, attn_implementation="sdpa")
    info = ModelInfo(
        base=None, base_sha256=None, tuning="lora", readout=ReadoutConfig(), aspects=(OVERALL,),
        datasets=(), prompt=PROMPT,
    )  # fmt: skip
    config = ModelConfig(
        base="random-weights", tuning="lora", lora=LoraConfig(rank=LORA_RANK, dropout=0.0)
    )
    model = make_trainable(
        config, assemble(backbone, family, info, seed=seed + 1), seed=seed + 2
    ).to(device)
    _draw_b(model, seed + 3)
    return model


def make_skeleton(family: ChatFamily, architecture: Any) -> AestheticModel:
    """The same model with shapes in place of numbers: FLOPs are counted with it, in no time and memory."""
    model = make_model(
        family, architecture, device=torch.device("meta"), dtype=torch.float32, seed=0
    )
    return without_numbers(model)


def _set(config: Any, sizes: Mapping[str, Any]) -> None:
    for name, value in sizes.items():
        getattr(config, name)  # a name that is not known would be stored and never read
        setattr(config, name, value)


@torch.no_grad()
def _draw_b(model: AestheticModel, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "lora_B" in name and parameter.device.type != "meta":
            drawn = torch.randn(parameter.shape, generator=generator) * B_RANGE
            parameter.copy_(drawn)
