"""A small FGAesQ: CLIP's image encoder of any size; and a text tower with a stock CLIP tokenizer.

Its text tower is as random as the rest and stays so: texts that share words have similar embeddings, which is
enough for tests and demo runs of `objective.align`, and no measure of what CLIP's gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from artimuse.config import ScratchConfig
from artimuse.models.scratch.tokenizers import train_clip

PATCH = 16
MOST_TEXT_TOKENS = 77
VOCABULARY = 800


def image_parts(config: ScratchConfig) -> tuple[CLIPImageProcessorPil, CLIPVisionConfig]:
    """Image processor and transformers configuration."""
    side = config.image_size // PATCH * PATCH
    vision = CLIPVisionConfig(
        hidden_size=config.vision_width,
        intermediate_size=4 * config.vision_width,
        num_hidden_layers=config.vision_layers,
        num_attention_heads=config.vision_heads,
        projection_dim=config.language_width,
        image_size=side,
        patch_size=PATCH,
        initializer_range=config.initializer_range,
    )
    return CLIPImageProcessorPil(), vision


@torch.no_grad()
def start_seeing(model: CLIPVisionModelWithProjection, config: ScratchConfig) -> None:
    """Initialise what decides whether a small tower sees place and detail within minutes.

    As for InternVL's (`scratch/internvl.py`): position embeddings of a size with those of patches, and half of
    the patch filters without a mean, so that edges and blur are not lost in the colour of a patch.
    """
    embeddings: Any = model.vision_model.embeddings
    torch.nn.init.normal_(embeddings.position_embedding.weight, std=config.position_range)
    if config.detail_gain:
        filters = embeddings.patch_embedding.weight[::2]
        filters.sub_(filters.mean(dim=(2, 3), keepdim=True)).mul_(config.detail_gain)


def text_tower(
    texts: Iterable[str], *, width: int, seed: int
) -> tuple[CLIPTextModelWithProjection, CLIPTokenizer]:
    """A text encoder and its tokenizer, a function of the texts, the width and the seed."""
    tokenizer = train_clip(texts, VOCABULARY, longest=MOST_TEXT_TOKENS)
    ids = tokenizer.get_vocab()
    settings = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=1,
        num_attention_heads=1,
        projection_dim=width,
        max_position_embeddings=MOST_TEXT_TOKENS,
        bos_token_id=ids["<|startoftext|>"],
        eos_token_id=ids["<|endoftext|>"],
        pad_token_id=ids["<|endoftext|>"],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLIPTextModelWithProjection(settings), tokenizer
