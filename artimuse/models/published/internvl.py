"""InternVLChat (InternVL3, ArtiMuse, UniPercept) -> transformers' own `internvl`.

Source of the format: the published folders of OpenGVLab (config.json, `vision_model.*`, `mlp1.*`,
`language_model.*`); arXiv 2504.10479. A vision setting that a folder leaves out has the format's default.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import GotOcr2ImageProcessorPil, InternVLConfig, InternVLVisionConfig
from transformers.utils.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from artimuse.models.families.internvl import IMAGE_CONTEXT
from artimuse.models.published.checkpoint import (
    Checkpoint,
    check_model_type,
    generation_config,
    language_config,
    setting,
)
from artimuse.models.published.convert import Part
from artimuse.models.published.lora import split_lora
from artimuse.models.published.source import WeightFiles, read_json
from artimuse.models.published.tokenizers import qwen2_tokenizer

_NORM_EPS = 1e-6  # of transformers' norms of queries and keys, whatever the configuration says
_PATCH = 14
_PROJECTOR = {"0": "layer_norm", "1": "linear_1", "3": "linear_2"}
_EMBEDDINGS = {
    "class_embedding": "cls_token",
    "position_embedding": "position_embeddings",
    "patch_embedding.weight": "patch_embeddings.projection.weight",
    "patch_embedding.bias": "patch_embeddings.projection.bias",
}
_LAYER = {
    "ls1": ("lambda_1",),
    "ls2": ("lambda_2",),
    "norm1": ("layernorm_before",),
    "norm2": ("layernorm_after",),
    "attn.qkv": ("attention.q_proj", "attention.k_proj", "attention.v_proj"),
    "attn.q_norm": ("attention.q_norm",),
    "attn.k_norm": ("attention.k_norm",),
    "attn.proj": ("attention.projection_layer",),
    "mlp.fc1": ("mlp.fc1",),
    "mlp.fc2": ("mlp.fc2",),
}


def read_internvl(folder: Path) -> Checkpoint:
    """An InternVLChat folder, weights aside.

    Raises:
        ValueError: for a folder of another format, or with a setting that transformers' code lacks.
    """
    place = str(folder / "config.json")
    config = read_json(folder / "config.json")
    check_model_type(config, {"internvl_chat"}, folder, named="InternVLChat")
    _check_supported(config, place)
    files = WeightFiles(folder)
    ranks = {
        "language_model": int(config.get("use_llm_lora") or 0),
        "vision_model": int(config.get("use_backbone_lora") or 0),
    }
    weights, pairs = split_lora(files.names, ranks, folder / "config.json")
    tokenizer = qwen2_tokenizer(folder)
    converted, size = _config(config, weights, tokenizer, place)
    generation, left_out = generation_config(
        folder, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    facts: dict[str, Any] = {"generation_settings_left_out": left_out}
    if config["vision_config"].get("drop_path_rate"):
        facts["drop_path_rate"] = (
            f"{config['vision_config']['drop_path_rate']} in training: transformers' tower has no drop path"
        )
    return Checkpoint(
        config=converted,
        generation=generation,
        tokenizer=tokenizer,
        image_processor=GotOcr2ImageProcessorPil(
            size={"height": size, "width": size},
            crop_to_patches=False,
            image_mean=IMAGENET_DEFAULT_MEAN,
            image_std=IMAGENET_DEFAULT_STD,
        ),
        parts=[Part(files, weights, rename, _unused, pairs)],
        facts=facts,
    )


def rename(name: str) -> tuple[str, ...]:
    """Names on disk of a tensor; three for the fused q, k, v of the vision tower, none for an unknown one."""
    if name.startswith("language_model."):
        return (name,)
    if name.startswith("mlp1."):
        _, number, kind = [*name.split("."), "", ""][:3]
        return (f"multi_modal_projector.{_PROJECTOR.get(number, number)}.{kind}",)
    if name.startswith("vision_model.embeddings."):
        rest = name.removeprefix("vision_model.embeddings.")
        return (f"vision_tower.embeddings.{_EMBEDDINGS[rest]}",) if rest in _EMBEDDINGS else ()
    layer = re.match(r"vision_model\.encoder\.layers\.(\d+)\.(.+?)(\.weight|\.bias)?$", name)
    if layer is None or layer[2] not in _LAYER:
        return ()
    stem = f"vision_tower.encoder.layer.{layer[1]}."
    return tuple(f"{stem}{target}{layer[3] or ''}" for target in _LAYER[layer[2]])


def _unused(name: str) -> bool:
    """Buffers that are computed from the configuration."""
    return name.endswith(("rotary_emb.inv_freq", "position_ids"))


def _check_supported(config: Mapping[str, Any], place: str) -> None:
    expected = {"ps_version": "v2", "select_layer": -1, "pad2square": False}
    for key, value in expected.items():
        if config.get(key, value) != value:
            raise ValueError(
                f"{place}: {key} {config[key]!r}: expected {value!r}, the one that transformers' InternVL has"
            )
    vision = setting(config, "vision_config", place)
    if (
        vision.get("qk_normalization", True)
        and vision.get("layer_norm_eps", _NORM_EPS) != _NORM_EPS
    ):
        raise ValueError(
            f"{place}: vision_config.layer_norm_eps {vision['layer_norm_eps']}: expected {_NORM_EPS} with "
            "qk_normalization, as transformers' norms of queries and keys have"
        )


def _config(
    config: Mapping[str, Any], weights: Mapping[str, str], tokenizer: Any, place: str
) -> tuple[InternVLConfig, int]:
    """transformers' configuration, and the width and height of the tile."""
    vision, language = (
        _vision_config(config["vision_config"], place),
        config.get("llm_config") or {},
    )
    kind = setting(language, "model_type", f"{place}: llm_config")
    # A folder that does not say is tied when it has no head of its own.
    tied = bool(language.get("tie_word_embeddings", "language_model.lm_head.weight" not in weights))
    text = language_config(kind, language, place, tied=tied)
    size = int(config.get("force_image_size") or config["vision_config"]["image_size"])
    ratio = float(config.get("downsample_ratio", 0.5))
    patches = size // int(config["vision_config"].get("patch_size", _PATCH))
    image_token = tokenizer.convert_tokens_to_ids(IMAGE_CONTEXT)
    if image_token >= text.vocab_size:
        raise ValueError(
            f"{place}: llm_config.vocab_size {text.vocab_size}: expected more than {image_token}, the id of "
            f"{IMAGE_CONTEXT} in the tokenizer"
        )
    # tie_word_embeddings is True unless told otherwise, and would overwrite the embeddings at load.
    converted = InternVLConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=image_token,
        image_seq_length=math.floor(patches**2 * ratio**2),
        downsample_ratio=ratio,
        tie_word_embeddings=tied,
    )
    return converted, size


def _vision_config(vision: Mapping[str, Any], place: str) -> InternVLVisionConfig:
    needed = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    sizes = {key: setting(vision, key, f"{place}: vision_config") for key in needed}
    return InternVLVisionConfig(
        **sizes,
        image_size=setting(vision, "image_size", f"{place}: vision_config"),
        patch_size=vision.get("patch_size", _PATCH),
        num_channels=vision.get("num_channels", 3),
        attention_bias=vision.get("qkv_bias", False),
        use_qk_norm=vision.get("qk_normalization", True),
        norm_type=vision.get("norm_type", "rms_norm"),
        layer_norm_eps=vision.get("layer_norm_eps", 1e-6),
        hidden_act=vision.get("hidden_act", "gelu"),
        attention_dropout=vision.get("attention_dropout", 0.0),
        projection_dropout=vision.get("dropout", 0.0),
        initializer_range=vision.get("initializer_range", 0.02),
        layer_scale_init_value=vision.get("initializer_factor", 0.1),
    )
