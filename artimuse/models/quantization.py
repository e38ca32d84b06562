"""A 4-bit base (QLoRA, arXiv 2305.14314): nf4 with double quantisation, through bitsandbytes.

Only the language model's linear layers are quantised: lm_head (whose rows read-outs start from), vision
tower and projector stay in the type of the run, and the read-out in float32 as always.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from transformers import BitsAndBytesConfig

from artimuse.config import ConfigError
from artimuse.config.tuning import Quantization
from artimuse.models.parts import projector_names


def quantization_config(
    quantization: Quantization, family: Any, dtype: torch.dtype
) -> BitsAndBytesConfig | None:
    """What transformers' `from_pretrained` takes; None for no quantisation.

    Args:
        family: class or instance; names vision tower and projector.
        dtype: that matrix products are computed in.

    Raises:
        ConfigError: where bitsandbytes is not installed.
    """
    if quantization == "none":
        return None
    if find_spec("bitsandbytes") is None:
        raise ConfigError(
            "model.quantization: '4bit' needs the package bitsandbytes, which is not installed: "
            "pip install 'artimuse[qlora]', or set it to none"
        )
    # Matched from the start of a module's name.
    names = ("lm_head", family.vision, *projector_names(family))
    kept = [rf"(.*\.)?{re.escape(name)}" for name in names]
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=kept,
    )


def keep_packing(backbone: nn.Module) -> None:
    """Hold every 4-bit weight in the one form that can be trained on.

    On CPUs with AVX512-BF16 bitsandbytes 0.50 packs a weight anew in its first forward without gradients,
    for products in bf16 that have no backward and give other scores.
    """
    for module in backbone.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]
