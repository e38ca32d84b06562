"""Activation checkpointing: a layer keeps its input alone, and is computed again in the backward pass."""

from __future__ import annotations

from artimuse.models.aesthetic import AestheticModel
from artimuse.models.kept_values import kept_values
from artimuse.models.mlp_blocks import mlp_in_blocks


def checkpoint_activations(model: AestheticModel) -> None:
    """Let every layer of the transformers model do so while it is trained; losses and gradients are the same.

    Frozen parts, which run without a graph, are not computed twice. The MLPs of the language model's layers are
    computed in blocks of tokens; attention by the structure of the trees (on CPUs) is computed once, and its
    output is kept beside a layer's input.
    """
    # Without re-entrance a layer is differentiated whether its input requires a gradient or not: with LoRA
    # the embeddings, which do not, need no hook that says so.
    inner = model.transformers_model
    # By the name that it had before transformers 5.20.
    enable = getattr(inner, "activation_checkpointing_enable", None)
    (enable or inner.gradient_checkpointing_enable)(
        {"use_reentrant": False, "context_fn": kept_values}
    )
    if model.family.language:
        for layer in inner.model.language_model.layers:
            mlp_in_blocks(layer.mlp)
