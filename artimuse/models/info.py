"""What a model folder records beside the weights: everything that defines how a model is asked and read."""

from __future__ import annotations

from dataclasses import dataclass, field

from artimuse.config import ImagesConfig, ReadoutConfig
from artimuse.config.tuning import Quantization


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The parts of artimuse.json that are not derived from the family.

    base: folder or hub id that training started from, None from scratch. base_sha256: hash of its weights
    where it is a folder. readout: None for a model that only answers, which has no aspects. aspects: what the
    read-out scores, in its order. datasets: in the order of the links, empty without links. prompt: name of
    the prompt protocol. quantization: of an adapter's base. images: how an image is brought to the model's
    size. align: of FGAesQ, what became of `objective.align`, the term that compares pairs with texts.
    """

    base: str | None
    base_sha256: str | None
    tuning: str
    readout: ReadoutConfig | None
    aspects: tuple[str, ...]
    datasets: tuple[str, ...]
    prompt: str
    quantization: Quantization = "none"
    images: ImagesConfig = field(default_factory=ImagesConfig)
    align: str | None = None

    @property
    def readout_kind(self) -> str | None:
        """regression, tokens, levels or bins; None without a read-out."""
        return self.readout.kind if self.readout is not None else None
