"""A small LLaVA-1.5: a CLIP tower and a Llama, with a SentencePiece-like tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlamaTokenizer,
    LlavaConfig,
    LlavaImageProcessorPil,
)

from artimuse.config import ScratchConfig
from artimuse.models.families.llava import CHAT_TEMPLATE, IMAGE
from artimuse.models.scratch.tokenizers import train_llama

PATCH = 14


def parts(
    config: ScratchConfig, texts: Iterable[str], words: Sequence[str]
) -> tuple[LlamaTokenizer, LlavaImageProcessorPil, LlavaConfig]:
    """Tokenizer, image processor and transformers configuration."""
    tokenizer = train_llama(texts, config.vocabulary, special=[IMAGE], words=words)
    tokenizer.chat_template = CHAT_TEMPLATE
    side = config.image_size
    # do_pad: LLaVA-1.5 itself pads; the -hf processors only do so when they are told.
    processor = LlavaImageProcessorPil(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}, do_pad=True
    )
    return tokenizer, processor, _model_config(config, tokenizer)


def _model_config(config: ScratchConfig, tokenizer: LlamaTokenizer) -> LlavaConfig:
    vision = CLIPVisionConfig(
        hidden_size=config.vision_width,
        # Features are taken from the last layer but one, so the last is never trained.
        num_hidden_layers=config.vision_layers + 1,
        num_attention_heads=config.vision_heads,
        intermediate_size=4 * config.vision_width,
        image_size=config.image_size,
        patch_size=PATCH,
    )
    ids = tokenizer.get_vocab()
    language = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.language_width,
        num_hidden_layers=config.language_layers,
        num_attention_heads=config.language_heads,
        num_key_value_heads=config.key_value_heads,
        intermediate_size=4 * config.language_width,
        max_position_embeddings=4096,
        initializer_range=config.initializer_range,
        tie_word_embeddings=False,
        bos_token_id=ids["<s>"],
        eos_token_id=ids["</s>"],
        pad_token_id=ids["<unk>"],
    )
    return LlavaConfig(
        vision_config=vision,
        text_config=language,
        image_token_index=ids[IMAGE],
        image_seq_length=(config.image_size // PATCH) ** 2,
        tie_word_embeddings=False,
    )
