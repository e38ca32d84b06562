"""From a ScratchConfig to a family and a transformers model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from transformers import (
    CLIPVisionModelWithProjection,
    InternVLForConditionalGeneration,
    LlavaForConditionalGeneration,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLForConditionalGeneration,
)

from artimuse.config import ImagesConfig, ScratchConfig
from artimuse.models.families import FAMILIES, ChatFamily, FGAesQFamily
from artimuse.models.scratch import fgaesq, internvl, llava, qwen_vl
from artimuse.prompts import LEVELS, SCORE_TOKENS, PromptProtocol

_PARTS = {
    "internvl": internvl.parts,
    "llava": llava.parts,
    "qwen2_5_vl": qwen_vl.parts,
    "qwen3_vl": qwen_vl.parts,
}
_MODELS: dict[str, Any] = {
    "internvl": InternVLForConditionalGeneration,
    "llava": LlavaForConditionalGeneration,
    "qwen2_5_vl": Qwen2_5_VLForConditionalGeneration,
    "qwen3_vl": Qwen3VLForConditionalGeneration,
    "fgaesq": CLIPVisionModelWithProjection,
}


def scratch_family(
    config: ScratchConfig,
    texts: Iterable[str],
    *,
    protocol: PromptProtocol,
    images: ImagesConfig | None = None,
    words: Sequence[str] = (),
) -> tuple[ChatFamily | FGAesQFamily, Any]:
    """The family, and the transformers configuration of the model that it belongs to; no weights.

    Args:
        texts: what the tokenizer is trained on.
        words: each becomes one token, as the first of an answer (for `tokens` and `levels`); they come on
            top of `config.vocabulary`, as those of `config.score_words` do.
    """
    if config.family == "fgaesq":
        image_processor, model_config = fgaesq.image_parts(config)
        family = FGAesQFamily(image_processor, patch=model_config.patch_size, images=images)
        return family, model_config
    pretrained = (*SCORE_TOKENS, *LEVELS) if config.score_words else ()
    words = tuple(dict.fromkeys((*words, *pretrained)))
    tokenizer, image_processor, model_config = _PARTS[config.family](config, texts, words)
    family = FAMILIES[config.family].from_config(
        tokenizer, image_processor, model_config, protocol=protocol, images=images
    )
    return family, model_config


def scratch_model(
    config: ScratchConfig,
    texts: Iterable[str],
    *,
    seed: int,
    protocol: PromptProtocol,
    images: ImagesConfig | None = None,
    words: Sequence[str] = (),
) -> tuple[Any, ChatFamily | FGAesQFamily]:
    """Build model and family; the weights are a function of the configuration, texts, words and seed."""
    family, model_config = scratch_family(
        config, texts, protocol=protocol, images=images, words=words
    )
    torch.manual_seed(seed)
    model = _MODELS[config.family]._from_config(model_config, attn_implementation="sdpa")
    if config.family == "internvl":
        internvl.start_seeing(model, config)
    if config.family == "fgaesq":
        fgaesq.start_seeing(model, config)
    return model, family
