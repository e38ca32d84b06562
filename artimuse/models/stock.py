"""transformers' side of a folder: backbone, tokenizer and image processor, safetensors and PIL alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
    CLIPVisionModelWithProjection,
)
from transformers.utils import logging as transformers_logging

from artimuse.config import ImagesConfig
from artimuse.config.tuning import Quantization
from artimuse.models.base import base_folder
from artimuse.models.families import FAMILIES, ChatFamily, FGAesQFamily
from artimuse.models.quantization import keep_packing, quantization_config
from artimuse.models.weight_files import incomplete, require_whole
from artimuse.prompts import PromptProtocol


def read_config(folder: Path) -> Any:
    """transformers' configuration of a folder; code that lies beside it is never run, nor asked about.

    Raises:
        ValueError: for a model that exists as code in the folder alone.
    """
    return AutoConfig.from_pretrained(folder, trust_remote_code=False)


def load_backbone(
    source: str | Path, dtype: torch.dtype, quantization: Quantization = "none"
) -> Any:
    """A transformers image-text-to-text model from a folder or hub id, safetensors only.

    Raises:
        ConfigError: for a base that is not there, or a quantisation whose package is not installed.
        ValueError: when weights are missing; transformers would draw them at random.
    """
    folder = base_folder(source)
    require_whole(folder)
    options: dict[str, Any] = {}
    if quantization != "none":
        kind = read_config(folder).model_type
        options["quantization_config"] = quantization_config(
            quantization, known_family(kind, source), dtype
        )
    transformers_logging.disable_progress_bar()
    # Without use_safetensors a folder of pickles would be loaded; `dtype` must be said, as the default
    # follows the checkpoint.
    kind = read_config(folder).model_type
    loaded: Any = model_class(kind).from_pretrained(
        folder,
        dtype=dtype,
        attn_implementation="sdpa",
        use_safetensors=True,
        trust_remote_code=False,
        output_loading_info=True,
        **options,
    )
    backbone, report = loaded
    missing = sorted(report["missing_keys"])
    if missing:
        raise ValueError(incomplete(source, missing))
    keep_packing(backbone)
    return backbone


def model_class(model_type: str) -> Any:
    """transformers' class of a family: of CLIP its image encoder, of all others the model with language."""
    if FAMILIES.get(model_type) is FGAesQFamily:
        return CLIPVisionModelWithProjection
    return AutoModelForImageTextToText


def from_config(config: Any, **options: Any) -> Any:
    """A model of an architecture with fresh weights; the configuration that is given may be changed."""
    known = model_class(config.model_type)
    if known is CLIPVisionModelWithProjection:
        return known._from_config(getattr(config, "vision_config", config), **options)
    return known.from_config(config, **options)


def load_family(
    source: str | Path, config: Any, protocol: PromptProtocol, images: ImagesConfig | None = None
) -> ChatFamily | FGAesQFamily:
    """The family of a transformers configuration, with tokenizer and PIL image processor of a folder or hub
    id.

    Raises:
        ValueError: for an architecture that this project does not know, or files that are not its own.
    """
    kind = config.model_type
    known = known_family(kind, source)
    folder = base_folder(source, weights=False)
    if known is FGAesQFamily:
        with _told_of(folder, "image processor"):
            image_processor = AutoImageProcessor.from_pretrained(
                folder, backend="pil", trust_remote_code=False
            )
        return known.from_config(None, image_processor, config, protocol=protocol, images=images)
    _only_full_attention(config, source)
    with _told_of(folder, "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if tokenizer.chat_template is None:
        tokenizer.chat_template = _processor_template(folder)
    with _told_of(folder, "image processor"):
        image_processor = AutoImageProcessor.from_pretrained(
            folder, backend="pil", trust_remote_code=False
        )
    return known.from_config(tokenizer, image_processor, config, protocol=protocol, images=images)


@contextmanager
def _told_of(folder: Path, part: str) -> Iterator[None]:
    """transformers' errors about files that are absent or damaged, with their folder."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{folder}: its {part} cannot be loaded: {error}\n  expected the files of a whole model folder: "
            "copy the folder again"
        ) from error


def known_family(kind: str, source: str | Path) -> Any:
    """The family class of transformers' `model_type`."""
    if kind not in FAMILIES:
        raise ValueError(
            f"{source}: model_type {kind!r}: expected one of {', '.join(sorted(FAMILIES))}"
        )
    return FAMILIES[kind]


def _only_full_attention(config: Any, source: str | Path) -> None:
    """Raise ValueError for sliding windows, which a tree's mask would widen without a word."""
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ()) - {"full_attention"}
    if kinds:
        raise ValueError(
            f"{source}: expected layers of full attention, found {', '.join(sorted(kinds))}: "
            "the token tree needs full attention"
        )


def _processor_template(folder: Path) -> str:
    """The chat template that a processor has and its tokenizer has not (llava-hf)."""
    for name in ("chat_template.jinja", "chat_template.json"):
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8")
            return text if name.endswith(".jinja") else json.loads(text)["chat_template"]
    raise ValueError(
        f"{folder}: expected a chat template (chat_template.jinja, chat_template.json, or in "
        "tokenizer_config.json), found none"
    )
