"""CLIP's text encoder beside FGAesQ while it is trained: what `objective.align` compares pairs with.

    attach_text_tower(model, config.model, texts, seed=0)

It is frozen, and no part of the model folder: scoring has no use for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import CLIPTextModelWithProjection, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from artimuse.config import ConfigError, ModelConfig
from artimuse.models.base import base_folder
from artimuse.models.fgaesq import FGAesQModel
from artimuse.models.scratch.fgaesq import text_tower
from artimuse.models.stock import read_config
from artimuse.models.weight_files import incomplete

RANDOM = "random"


def attach_text_tower(
    model: FGAesQModel, config: ModelConfig, texts: Sequence[str], *, seed: int
) -> None:
    """Give a model the text encoder that its recipe names, and its family the tokenizer.

    Args:
        texts: what the tokenizer of a tower from scratch is trained on.

    Raises:
        ConfigError: for a base without a text encoder, or one whose embeddings are not as wide as the
            image encoder's.
    """
    needed = model.transformers_model.config.projection_dim
    if config.text_tower == RANDOM or (config.scratch is not None and config.text_tower is None):
        tower, tokenizer = text_tower(texts, width=needed, seed=seed)
    else:
        source = config.text_tower or config.base
        assert source is not None
        tower, tokenizer = _loaded(source, "text_tower" if config.text_tower else "base")
    wide = tower.config.projection_dim
    if wide != needed:
        raise ConfigError(
            f"model.text_tower: expected text embeddings of {needed} numbers, as the image encoder's are, "
            f"found {wide}"
        )
    model.text_tower = tower.requires_grad_(False).eval()
    model.frozen = (*model.frozen, model.text_tower)
    model.family.tokenizer = tokenizer


def _loaded(source: str, setting: str) -> tuple[Any, Any]:
    folder = base_folder(source, setting=f"model.{setting}")
    if read_config(folder).model_type != "clip":
        raise ConfigError(
            f"model.{setting}: {source} holds no text encoder, which objective.align compares pairs with: "
            "expected a whole CLIP model; name one as model.text_tower, or set objective.align to 0"
        )
    transformers_logging.disable_progress_bar()
    loaded: Any = CLIPTextModelWithProjection.from_pretrained(
        folder, use_safetensors=True, output_loading_info=True
    )
    tower, report = loaded
    if report["missing_keys"]:
        raise ConfigError(incomplete(source, sorted(report["missing_keys"])))
    return tower, CLIPTokenizer.from_pretrained(Path(folder))
