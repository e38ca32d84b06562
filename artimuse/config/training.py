"""The optimizer steps of a run: how many, of what, at which learning rates, and what is kept of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from artimuse.config.selection import SelectConfig
from artimuse.config.sources import Section


class TrainConfig(Section):
    steps: int | None = Field(default=None, gt=0)
    """Optimizer steps; or give epochs."""
    epochs: float | None = Field(default=None, gt=0)
    """Passes over the first source."""
    batch_images: int = Field(default=16, gt=0)
    """Images of an optimizer step, over all processes and micro-batches."""
    series_images: int | None = Field(default=None, gt=0)
    """With data.mixture alternate: images of a step of a source that has pairs; None is batch_images."""
    accumulation: int = Field(default=1, gt=0)
    """Micro-batches that each process cuts its share of a step into."""
    row_tokens: int | None = Field(default=None, gt=0)
    """Pack several images' trees into rows of at most so many tokens; None is one tree a row."""
    layout: Literal["tree", "rows"] = "tree"
    """How the questions of an image are laid out: as branches behind the image, or each in a row of its own
    with the image again, as general trainers do. Gradients are equal but for dropout, which draws other masks;
    `rows` is there to compare with."""
    lr: float = Field(default=1e-4, gt=0)
    readout_lr: float | None = Field(default=None, gt=0)
    """Learning rate of the read-out and links; None is lr."""
    vision_lr: float | None = Field(default=None, gt=0)
    projector_lr: float | None = Field(default=None, gt=0)
    """Learning rates of what is trained of the vision tower and of the projector, adapters included; None
    is lr. LLaVA-1.5's LoRA recipe has lr 2e-4 and projector_lr 2e-5."""
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_frac: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps with a linearly rising learning rate."""
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float | None = Field(default=1.0, gt=0)
    """Largest norm of the whole gradient."""
    nonfinite_in_a_row: int = Field(default=5, gt=0)
    """A step whose loss or gradient is not finite is skipped; so many in a row end the run."""
    precision: Literal["fp32", "bf16"] = "fp32"
    text_chunk: int | None = Field(default=256, gt=0)
    """Text targets whose logits are held at once; None holds those of a whole micro-batch, and so does
    ZeRO-3."""
    tree_attention: bool = True
    """On CPUs: attention by the structure of the trees, which leaves out what a dense mask throws away. Equal
    but for rounding. On a GPU the mask is dense in any case."""
    onednn: bool = True
    """On CPUs in float32: matrix products by oneDNN and not by MKL, which on an AMD EPYC takes twice as long.
    ZeRO-3 leaves it out."""
    activation_checkpointing: bool = False
    """Keep every layer's input alone, and compute the layer again in the backward pass: less memory, about a
    third more work, the same gradients; on CPUs but for rounding, where MLPs go by blocks of tokens, and where
    the output of attention is kept too."""
    checkpoint_every: int = Field(default=200, gt=0)
    """Steps between checkpoints; the last step always has one."""
    checkpoints_kept: int = Field(default=3, ge=3)
    log_every: int = Field(default=1, gt=0)
    """Steps between rows of metrics.jsonl."""
    threads: int | None = Field(default=None, gt=0)
    """CPU threads of torch; None leaves its default."""
    select: SelectConfig | None = None
    """Keep the best model of the run by a metric of the validation split; None keeps the last."""

    @model_validator(mode="after")
    def _length(self) -> TrainConfig:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("expected exactly one of `steps` and `epochs`")
        return self
