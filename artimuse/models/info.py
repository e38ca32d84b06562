"""What a model folder records beside the weights: everything that defines how a model is asked and read."""

from __future__ import annotations

from dataclasses import dataclass

from artimuse.config import ReadoutConfig
from artimuse.config.tuning import Quantization


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The parts of artimuse.json that are not derived from the family.

    base: folder or hub id that training started from, None from scratch. base_sha256: hash of its weights
    where it is a folder. aspects: what the read-out scores, in its order. datasets: in the order of the
    links, empty without links. prompt: name of the prompt protocol. quantization: of an adapter's base.
    """

    base: str | None
    base_sha256: str | None
    tuning: str
    readout: ReadoutConfig
    aspects: tuple[str, ...]
    datasets: tuple[str, ...]
    prompt: str
    quantization: Quantization = "none"
