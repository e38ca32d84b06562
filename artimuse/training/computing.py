"""How a model computes what it is trained with: what makes it faster or smaller, and changes no number of it
but in its last digits. Each is a setting of `train`, and has a test that compares it with the plain way."""

from __future__ import annotations

from artimuse.config import TrainConfig
from artimuse.models.activations import checkpoint_activations
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.cpu_linear import use_onednn


def set_computing(model: AestheticModel, config: TrainConfig) -> None:
    """Let a model compute as the settings say, from now on."""
    model.tree_attention &= config.tree_attention
    model.text_chunk = config.text_chunk
    use_onednn(model, trained=config.onednn)
    if config.activation_checkpointing:
        checkpoint_activations(model)
