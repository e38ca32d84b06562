"""How the parts of a model are trained: the sections of a recipe's `model` that say it.

ArtiMuse's own recipe (arXiv 2507.14533; InternVL3's fine-tuning script) is

    tuning: lora, vision: full, projector: full, lora: {rank: 128, alpha: 256}

and the usual one for a single GPU is `tuning: lora` alone.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from artimuse.config.sources import Section

PartTuning = Literal["frozen", "lora", "full"]
Quantization = Literal["none", "4bit"]


class LoraConfig(Section):
    """Every adapter of a model has these settings, in whatever part it is."""

    rank: int = Field(default=16, gt=0)
    alpha: float = Field(default=32, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    rslora: bool = False
    """Scale by alpha / sqrt(rank) instead of alpha / rank (arXiv 2312.03732): for large ranks."""
    dora: bool = False
    """Train magnitude and direction apart (arXiv 2402.09353): nearer to full tuning, and slower."""
    target: str | None = None
    """Regular expression over module names; None is the family's own (the language model's linears)."""
    vision_target: str | None = None
    """The same for `model.vision: lora`; None is the family's own (the linears of the tower's blocks)."""
