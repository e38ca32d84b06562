"""A small Qwen2.5-VL or Qwen3-VL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from transformers import (
    Qwen2_5_VLConfig,
    Qwen2Tokenizer,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
)

from artimuse.config import ScratchConfig
from artimuse.models.families.qwen_vl import (
    CHAT_TEMPLATES,
    END_OF_TURN,
    IMAGE_PAD,
    VISION_END,
    VISION_START,
)
from artimuse.models.scratch.tokenizers import train_qwen

VIDEO_PAD = "<|video_pad|>"
SPECIAL_TOKENS = [
    "<|endoftext|>",
    "<|im_start|>",
    END_OF_TURN,
    VISION_START,
    VISION_END,
    IMAGE_PAD,
    VIDEO_PAD,
]
TOKEN_NAMES = {"image_token": IMAGE_PAD, "video_token": VIDEO_PAD}
# What sets the two apart: patches, normalisation (Qwen3-VL's mean and deviation are .5), and windows.
PATCH = {"qwen2_5_vl": 14, "qwen3_vl": 16}
MERGE = 2


def parts(
    config: ScratchConfig, texts: Iterable[str], words: Sequence[str]
) -> tuple[Qwen2Tokenizer, Qwen2VLImageProcessorPil, Qwen2_5_VLConfig | Qwen3VLConfig]:
    """Tokenizer, image processor and transformers configuration."""
    tokenizer = train_qwen(
        texts, config.vocabulary, special=SPECIAL_TOKENS, names=TOKEN_NAMES, words=words
    )
    tokenizer.chat_template = CHAT_TEMPLATES[config.family]
    half = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    normalization: dict[str, Any] = half if config.family == "qwen3_vl" else {}
    patch = PATCH[config.family]
    processor = Qwen2VLImageProcessorPil(
        patch_size=patch,
        size={"shortest_edge": (patch * MERGE) ** 2, "longest_edge": config.image_size**2},
        **normalization,
    )
    return tokenizer, processor, _model_config(config, tokenizer)


def _model_config(
    config: ScratchConfig, tokenizer: Qwen2Tokenizer
) -> Qwen2_5_VLConfig | Qwen3VLConfig:
    ids = tokenizer.get_vocab()
    shared: dict[str, Any] = {
        "image_token_id": ids[IMAGE_PAD],
        "video_token_id": ids[VIDEO_PAD],
        "vision_start_token_id": ids[VISION_START],
        "vision_end_token_id": ids[VISION_END],
        "tie_word_embeddings": False,
    }
    vision: dict[str, Any] = {
        "depth": config.vision_layers,
        "hidden_size": config.vision_width,
        "num_heads": config.vision_heads,
        "intermediate_size": 4 * config.vision_width,
        "patch_size": PATCH[config.family],
        "spatial_merge_size": MERGE,
        "out_hidden_size": config.language_width,
        "initializer_range": config.initializer_range,
    }
    head = config.language_width // config.language_heads
    # Of a head's rotary frequencies a quarter is time, the rest is halved (16, 24, 24 of Qwen2.5-VL's 64).
    side = head // 2 * 3 // 8
    rope: dict[str, Any] = {
        "rope_type": "default",
        "rope_theta": 1_000_000.0,
        "mrope_section": [head // 2 - 2 * side, side, side],
    }
    language: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": config.language_width,
        "num_hidden_layers": config.language_layers,
        "num_attention_heads": config.language_heads,
        "num_key_value_heads": config.key_value_heads,
        "intermediate_size": 4 * config.language_width,
        "max_position_embeddings": 4096,
        "initializer_range": config.initializer_range,
        "tie_word_embeddings": False,
        "rope_parameters": rope,
        "bos_token_id": None,
        "eos_token_id": ids[END_OF_TURN],
        "pad_token_id": ids["<|endoftext|>"],
    }
    if config.family == "qwen2_5_vl":
        # Windows of two tokens a side, so that a small image has several; every other layer sees all.
        vision |= {
            "window_size": 2 * MERGE * PATCH["qwen2_5_vl"],
            "fullatt_block_indexes": list(range(1, config.vision_layers, 2)),
        }
        return Qwen2_5_VLConfig(vision_config=vision, text_config=language, **shared)
    grid = config.image_size // PATCH["qwen3_vl"]
    vision |= {
        "num_position_embeddings": grid**2,
        # Features of the first layers are added to the first layers of the language model.
        "deepstack_visual_indexes": list(range(min(config.vision_layers, config.language_layers))),
    }
    rope["mrope_interleaved"] = True
    language["head_dim"] = head
    return Qwen3VLConfig(vision_config=vision, text_config=language, **shared)
