"""A small InternVL of the real architecture, built from its configuration with random weights.

What quickstart and the tests train: no download, and the same code path as an 8B checkpoint. Its byte-level
BPE tokenizer is trained on the training texts and is a stock Qwen2 tokenizer, as InternVL3's is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
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
    InternVLFamily,
)

SPECIAL_TOKENS = [
    "<|endoftext|>",
    "<|im_start|>",
    END_OF_TURN,
    IMAGE_START,
    IMAGE_CONTEXT,
    IMAGE_END,
]
PATCH = 14
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> Qwen2Tokenizer:
    """A byte-level BPE tokenizer of at most `vocabulary` entries, special tokens included."""
    stock = Qwen2Tokenizer()
    backend = Tokenizer(models.BPE())
    pre_tokenizer = stock.backend_tokenizer.pre_tokenizer
    normalizer = stock.backend_tokenizer.normalizer
    assert pre_tokenizer is not None
    assert normalizer is not None
    backend.pre_tokenizer, backend.normalizer = pre_tokenizer, normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
        special_tokens=[],
    )
    # Sorted distinct texts: the vocabulary must not depend on the order of a data set.
    backend.train_from_iterator(sorted(set(texts)), trainer)
    state = _bpe_state(backend)
    tokenizer = Qwen2Tokenizer(
        vocab=state[0],
        merges=state[1],  # type: ignore[arg-type]  # tuples of two strings are what BPE takes
        extra_special_tokens={
            "start_image_token": IMAGE_START,
            "end_image_token": IMAGE_END,
            "context_image_token": IMAGE_CONTEXT,
        },
        eos_token=END_OF_TURN,
        pad_token="<|endoftext|>",
    )
    tokenizer.add_tokens(SPECIAL_TOKENS, special_tokens=True)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _bpe_state(backend: Tokenizer) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a trained backend."""
    model = json.loads(backend.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def scratch_family(
    config: ScratchConfig, texts: Iterable[str], system: str | None = None
) -> tuple[InternVLFamily, InternVLConfig]:
    """The family, and the transformers configuration of the model that it belongs to; no weights."""
    tokenizer = train_tokenizer(texts, config.vocabulary)
    tokens_per_image = (config.image_size // (2 * PATCH)) ** 2
    processor = GotOcr2ImageProcessorPil(
        size={"height": config.image_size, "width": config.image_size},
        crop_to_patches=False,
        image_mean=IMAGENET_MEAN,
        image_std=IMAGENET_STD,
    )
    family = InternVLFamily(tokenizer, processor, tokens_per_image=tokens_per_image, system=system)
    return family, _model_config(config, tokenizer, tokens_per_image)


def scratch_model(
    config: ScratchConfig, texts: Iterable[str], *, seed: int, system: str | None = None
) -> tuple[InternVLForConditionalGeneration, InternVLFamily]:
    """Build model and family; the weights are a function of the configuration, texts and seed."""
    family, model_config = scratch_family(config, texts, system)
    torch.manual_seed(seed)
    model = InternVLForConditionalGeneration._from_config(model_config, attn_implementation="sdpa")
    _start_seeing(model, config)
    return model, family


@torch.no_grad()
def _start_seeing(model: InternVLForConditionalGeneration, config: ScratchConfig) -> None:
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


def _model_config(
    config: ScratchConfig, tokenizer: Qwen2Tokenizer, tokens_per_image: int
) -> InternVLConfig:
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
        image_seq_length=tokens_per_image,
        tie_word_embeddings=False,
    )
