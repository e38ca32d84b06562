"""The original LLaVA-1.5 layout (AesExpert's release) -> transformers' own `llava`.

Source of the format: the published folders of liuhaotian/llava-v1.5 (config.json with `mm_*` settings,
`model.layers.*`, `model.mm_projector.{0,2}.*`, the CLIP tower inside the weights or named beside them);
arXiv 2310.03744.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import CLIPVisionConfig, LlavaConfig, LlavaImageProcessorPil

from artimuse.models.published.checkpoint import (
    Checkpoint,
    check_model_type,
    generation_config,
    language_config,
    setting,
)
from artimuse.models.published.convert import Part
from artimuse.models.published.lora import split_lora
from artimuse.models.published.place import locate
from artimuse.models.published.source import WeightFiles, read_json
from artimuse.models.published.tokenizers import llava_tokenizer

_LANGUAGE = {"llava_llama": "llama", "llava": "llama", "llava_mistral": "mistral"}
_TOWER_INSIDE = "model.vision_tower.vision_tower."
_SELECT = {"patch": "default", "cls_patch": "full"}
_PROCESSOR = (
    "do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor",
    "do_normalize", "image_mean", "image_std", "do_convert_rgb",
)  # fmt: skip

# The two towers that LLaVA-1.5 models are published with, so that a checkpoint with the tower's weights inside
# needs nothing beside it: sizes of CLIP ViT-L/14 (arXiv 2103.00020).
_LARGE = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
    "patch_size": 14, "projection_dim": 768, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
}  # fmt: skip
_KNOWN_TOWERS = {
    "openai/clip-vit-large-patch14": {**_LARGE, "image_size": 224},
    "openai/clip-vit-large-patch14-336": {**_LARGE, "image_size": 336},
}


def read_llava(folder: Path, vision_tower: str | None) -> Checkpoint:
    """An original LLaVA folder and its vision tower, weights aside.

    Args:
        vision_tower: folder or hub name of the CLIP tower; needed where the weights do not hold it.

    Raises:
        ValueError: for a folder of another format, a tower that is needed and not given, or a setting that
            transformers' code lacks.
    """
    place = str(folder / "config.json")
    config = read_json(folder / "config.json")
    check_model_type(config, set(_LANGUAGE), folder, named="LLaVA-1.5")
    _check_supported(config, place)
    files = WeightFiles(folder)
    weights, _ = split_lora(files.names, {}, folder / "config.json")
    inside = any(name.startswith(_TOWER_INSIDE) for name in weights)
    tower, vision = _tower(config, inside, vision_tower, place)
    tokenizer, image_token = llava_tokenizer(folder, int(setting(config, "vocab_size", place)))
    converted, added_rows = _config(config, vision, image_token["id"], weights, place)
    generation, left_out = generation_config(
        folder,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    parts = [Part(files, weights, rename, _unused)]
    if not inside:
        assert tower is not None
        beside = WeightFiles(tower)
        names = {name: name for name in beside.names}
        parts.append(Part(beside, names, rename_tower, _unused_of_clip))
    return Checkpoint(
        config=converted,
        generation=generation,
        tokenizer=tokenizer,
        image_processor=_image_processor(tower, vision, config),
        parts=parts,
        added_rows=added_rows,
        facts={
            "image_token": image_token,
            "vision_tower": "inside the checkpoint" if inside else vision_tower,
            "generation_settings_left_out": left_out,
        },
    )


def rename(name: str) -> tuple[str, ...]:
    """Names on disk of a tensor of the checkpoint, none for an unknown one."""
    if name.startswith(_TOWER_INSIDE):
        return rename_tower(name.removeprefix(_TOWER_INSIDE))
    if name.startswith("model.mm_projector."):
        number, _, kind = name.removeprefix("model.mm_projector.").partition(".")
        layer = {"0": "linear_1", "2": "linear_2"}.get(number)
        return (f"multi_modal_projector.{layer}.{kind}",) if layer else ()
    return (f"language_model.{name}",)


def rename_tower(name: str) -> tuple[str, ...]:
    """Names on disk of a tensor of a CLIP vision tower, none for what belongs to something else."""
    _, found, rest = name.partition("vision_model.")
    return (f"vision_tower.{rest}",) if found else ()


def _unused(name: str) -> bool:
    """Buffers that are computed from the configuration."""
    return name.endswith(("rotary_emb.inv_freq", "position_ids"))


def _unused_of_clip(name: str) -> bool:
    """Of a whole CLIP model only the vision tower is used."""
    others = ("text_model.", "text_projection.", "visual_projection.", "logit_scale")
    return _unused(name) or name.startswith(others)


def _check_supported(config: Mapping[str, Any], place: str) -> None:
    if "text_config" in config:
        raise ValueError(f"{place}: this folder is in transformers' own layout and needs no import")
    expected: dict[str, tuple[Any, ...]] = {
        "mm_projector_type": ("mlp2x_gelu",),
        "mm_patch_merge_type": ("flat", None),
        "mm_use_im_start_end": (False, None),
        "image_aspect_ratio": ("pad", "square", None),
        "mm_vision_select_feature": (*_SELECT, None),
    }
    for key, values in expected.items():
        if config.get(key) not in values:
            raise ValueError(
                f"{place}: {key} {config.get(key)!r}: expected {values[0]!r}, as LLaVA-1.5 has it"
            )


def _tower(
    config: Mapping[str, Any], inside: bool, given: str | None, place: str
) -> tuple[Path | None, CLIPVisionConfig]:
    """Folder of the tower, where one is used, and its configuration."""
    name = config.get("mm_vision_tower")
    if given is not None:
        folder = locate(given, what="--vision-tower")
        return folder, _clip_config(folder)
    if inside and name in _KNOWN_TOWERS:
        return None, CLIPVisionConfig(**_KNOWN_TOWERS[name])
    needed = "its configuration" if inside else "its weights, which are not in the checkpoint"
    raise ValueError(
        f"{place}: mm_vision_tower is {name!r}: expected --vision-tower with a folder or hub name for "
        f"{needed}"
    )


def _clip_config(folder: Path) -> CLIPVisionConfig:
    config = read_json(folder / "config.json")
    check_model_type(config, {"clip", "clip_vision_model"}, folder, named="CLIP")
    return CLIPVisionConfig.from_pretrained(folder)


def _config(
    config: Mapping[str, Any],
    vision: CLIPVisionConfig,
    image_token: int,
    weights: Mapping[str, str],
    place: str,
) -> tuple[LlavaConfig, int]:
    """transformers' configuration, and the rows that the checkpoint lacks for the image token."""
    tied = bool(config.get("tie_word_embeddings", "lm_head.weight" not in weights))
    rows = int(setting(config, "vocab_size", place))
    added = max(0, image_token + 1 - rows)
    language = {**config, "vocab_size": rows + added}
    text = language_config(_LANGUAGE[config["model_type"]], language, place, tied=tied)
    select = _SELECT[config.get("mm_vision_select_feature") or "patch"]
    assert isinstance(vision.image_size, int)
    assert isinstance(vision.patch_size, int)
    converted = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=image_token,
        image_seq_length=(vision.image_size // vision.patch_size) ** 2 + (select == "full"),
        vision_feature_select_strategy=select,  # type: ignore[arg-type]  # a value of _SELECT
        vision_feature_layer=int(setting(config, "mm_vision_select_layer", place)),
        tie_word_embeddings=tied,
    )
    return converted, added


def _image_processor(
    tower: Path | None, vision: CLIPVisionConfig, config: Mapping[str, Any]
) -> LlavaImageProcessorPil:
    """CLIP's own preprocessing, after padding to a square with its mean colour where the checkpoint does."""
    side = vision.image_size
    settings: dict[str, Any] = {
        "size": {"shortest_edge": side},
        "crop_size": {"height": side, "width": side},
    }
    if tower is not None:
        written = read_json(tower / "preprocessor_config.json")
        settings |= {key: written[key] for key in _PROCESSOR if written.get(key) is not None}
    return LlavaImageProcessorPil(**settings, do_pad=config.get("image_aspect_ratio") == "pad")
