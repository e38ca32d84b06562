"""Small models of the real architectures with random weights and tokenizers of their own.

    model, family = scratch_model(ScratchConfig(family="llava"), texts, seed=0, protocol=protocol("plain"))

What quickstart and the tests train: no download, and the same code path as an 8B checkpoint.
"""

from artimuse.models.scratch.build import scratch_family, scratch_model

__all__ = ["scratch_family", "scratch_model"]
