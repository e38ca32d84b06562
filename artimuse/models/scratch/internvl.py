"""A small InternVL; its tokenizer is a stock Qwen2 tokenizer, as InternVL3's is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from transformers import (
    GotOcr2ImageProcessorPil,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    Qwen2Config,
    Qwen2Tokenizer,
)

from artimuse.config import ScratchConfig
from artimuse.models.families.internvl import (
    CHAT_TEMPLATE,
    END_OF_TURN,
    IMAGE_CONTEXT,
    IMAGE_END,
    IMAGE_START,
)
from artimuse.models.scratch.tokenizers import train_qwen

SPECIAL_TOKENS = [
    "<|endoftext|>",
    "<|im_start|>",
    END_OF_TURN,
    IMAGE_START,
    IMAGE_CONTEXT,
    IMAGE_END,
]
TOKEN_NAMES = {
    "start_image_token": IMAGE_START,
    "end_image_token": IMAGE_END,
    "context_image_token": IMAGE_CONTEXT,
}
PATCH = 14
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def parts(
    config: ScratchConfig, texts: Iterable[str], words: Sequence[str]
) -> tuple[Qwen2Tokenizer, GotOcr2ImageProcessorPil, InternVLConfig]:
    """Tokenizer, image processor and transformers configuration."""
    tokenizer = train_qwen(
        texts, config.vocabulary, special=SPECIAL_TOKENS, names=TOKEN_NAMES, words=words
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    processor = GotOcr2ImageProcessorPil(
        size={"height": config.image_size, "width": config.image_size},
        crop_to_patches=False,
        image_mean=IMAGENET_MEAN,
        image_std=IMAGENET_STD,
    )
    return tokenizer, processor, _model_config(config, tokenizer)


@torch.no_grad()
def start_seeing(model: InternVLForConditionalGeneration, config: ScratchConfig) -> None:
    """Initialise what decides whether a small tower sees place and detail within minutes.

    transformers starts position embeddings at 0, where patch embeddings have a standard deviation of about
    2; and the mean colour of a patch is several times larger than what varies inside it, so that the first
    norm hides edges and blur. A pretrained tower has both from its training.
    """
    embeddings = model.model.vision_tower.embeddings
    torch.nn.init.normal_(embeddings.position_embeddings, std=config.position_range)
    if config.detail_gain:
        filters = embeddings.patch_embeddings.projection.weight[::2]
        filters.sub_(filters.mean(dim=(2, 3), keepdim=True)).mul_(config.detail_gain)


def _model_config(config: ScratchConfig, tokenizer: Qwen2Tokenizer) -> InternVLConfig:
    vision = InternVLVisionConfig(
        hidden_size=config.vision_width,
        num_hidden_layers=config.vision_layers,
        num_attention_heads=config.vision_heads,
        intermediate_size=4 * config.vision_width,
        image_size=config.image_size,
        patch_size=PATCH,
        layer_scale_init_value=config.layer_scale,
        initializer_range=config.initializer_range,
    )
    ids = tokenizer.get_vocab()
    language = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=config.language_width,
        num_hidden_layers=config.language_layers,
        num_attention_heads=config.language_heads,
        num_key_value_heads=config.key_value_heads,
        intermediate_size=4 * config.language_width,
        max_position_embeddings=4096,
        initializer_range=config.initializer_range,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=ids[END_OF_TURN],
        pad_token_id=ids["<|endoftext|>"],
    )
    # tie_word_embeddings is True unless told otherwise, and would overwrite the embeddings at load.
    return InternVLConfig(
        vision_config=vision,
        text_config=language,
        image_token_id=ids[IMAGE_CONTEXT],
        image_seq_length=(config.image_size // (2 * PATCH)) ** 2,
        tie_word_embeddings=False,
    )
