"""A published checkpoint with everything read but its weights, and the configuration parts formats share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, GenerationConfig, PreTrainedConfig, PreTrainedTokenizerBase

from artimuse.models.published.convert import Part
from artimuse.models.published.source import read_json

_ROPE = {"rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor"}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What an import writes, weights aside.

    Attributes:
        config: of the transformers model.
        parts: where the weights are. The first folder is the checkpoint's own.
        added_rows: rows that the embeddings and the head lack for the tokenizer.
        facts: what the report says of the conversion.
    """

    config: Any
    generation: GenerationConfig
    tokenizer: PreTrainedTokenizerBase
    image_processor: Any
    parts: Sequence[Part]
    added_rows: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


def language_config(kind: str, settings: Mapping[str, Any], place: str, *, tied: bool) -> Any:
    """transformers' configuration of a language model, from what old versions of it wrote.

    Only what defines the model is taken: the defaults of generation that old versions wrote beside it
    have a file of their own.

    Raises:
        ValueError: for an architecture that transformers has no code for.
    """
    if kind not in CONFIG_MAPPING:
        raise ValueError(
            f"{place}: language model {kind!r}: expected one that transformers has code of its own for "
            "(qwen2, qwen3, llama, mistral, ...); code that comes with a checkpoint is never run"
        )
    config_class = CONFIG_MAPPING[kind]
    known = own_fields(config_class) | _ROPE
    taken = {key: value for key, value in settings.items() if key in known}
    return config_class(**{**taken, "tie_word_embeddings": tied})


def own_fields(config_class: type[PreTrainedConfig]) -> set[str]:
    """Settings of an architecture, without those that every transformers configuration has."""
    names = {entry.name for entry in fields(config_class)}
    return names - {entry.name for entry in fields(PreTrainedConfig)}


def setting(config: Mapping[str, Any], key: str, place: str) -> Any:
    """A setting that has no default; ValueError where it is missing."""
    if config.get(key) is None:
        raise ValueError(f"{place}: expected {key!r}, found none: download the folder again")
    return config[key]


def check_model_type(
    config: Mapping[str, Any], known: Collection[str], folder: Path, *, named: str
) -> None:
    """Raise ValueError for a folder of another format."""
    found = config.get("model_type")
    if found in known:
        return
    hint = ""
    if found in ("internvl", "llava", "qwen2_5_vl", "qwen3_vl"):
        hint = "; this folder is in transformers' own layout and needs no import"
    raise ValueError(
        f"{folder / 'config.json'}: model_type {found!r}: a {named} checkpoint has "
        f"{' or '.join(sorted(known))}{hint}"
    )


def generation_config(folder: Path, **token_ids: Any) -> tuple[GenerationConfig, list[str]]:
    """Token ids that end an answer and pad it, and which settings of the checkpoint's file were left out.

    Sampling settings are no part of what a model is; answers here are greedy.
    """
    path = folder / "generation_config.json"
    found = read_json(path) if path.is_file() else {}
    beside = {"_from_model_config", "transformers_version", *token_ids}
    return GenerationConfig(**token_ids), sorted(found.keys() - beside)
