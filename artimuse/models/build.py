"""From the configuration to a model that is ready to be trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from artimuse.config import ConfigError, ImagesConfig, LoraConfig, ModelConfig, ReadoutConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.base import base_folder
from artimuse.models.folder import (
    assemble,
    is_model_folder,
    load_model,
    read_info,
)
from artimuse.models.freezing import freeze, freeze_unread, frozen_modules, run_without_graph
from artimuse.models.info import ModelInfo
from artimuse.models.lora import add_lora, merge_adapter, require_same_settings, tuning_of
from artimuse.models.parts import Tuning
from artimuse.models.readouts import words_of
from artimuse.models.scratch import scratch_family, scratch_model
from artimuse.models.stock import load_backbone, load_family, read_config
from artimuse.models.weight_files import weights_sha256
from artimuse.prompts import PromptProtocol, protocol


def build_model(
    config: ModelConfig,
    *,
    texts: Iterable[str] = (),
    datasets: Sequence[str] = (),
    seed: int,
    dtype: torch.dtype = torch.float32,
) -> AestheticModel:
    """Build or load the backbone, put LoRA on it where asked, and give it a read-out and links.

    Args:
        texts: what a tokenizer of a model from scratch is trained on.
        datasets: data sets with score labels, in the order of the links.
        seed: of every weight that is drawn here.
        dtype: of the base's weights; read-out and links are float32 whatever it is.

    Raises:
        ConfigError: for a base that does not fit the rest of the configuration.
    """
    info = model_info(config, datasets)
    if config.scratch is not None:
        backbone, family = scratch_model(
            config.scratch,
            texts,
            seed=seed,
            protocol=protocol(info.prompt),
            images=info.images,
            words=words_of(info.readout) if info.readout else (),
        )
        model = assemble(backbone, family, info, seed=seed + 1)
    else:
        assert config.base is not None
        model = _from_base(config, info, seed=seed, dtype=dtype)
    return make_trainable(config, model, seed=seed + 2)


def make_trainable(config: ModelConfig, model: AestheticModel, *, seed: int) -> AestheticModel:
    """Put adapters on a model where asked and not there yet, and freeze what is not trained."""
    tuning = _tune(config, model, seed=seed)
    freeze_unread(model.transformers_model, model.family)
    model.frozen = tuple(frozen_modules(model.transformers_model, model.family, tuning))
    run_without_graph(model.frozen)
    return model.train()


def _tune(config: ModelConfig, model: AestheticModel, *, seed: int) -> Tuning:
    """Put adapters on the backbone where asked and not there yet, and freeze what is not trained."""
    if config.text_tower is not None and model.family.language:
        raise ConfigError(
            f"model.text_tower: of FGAesQ, and without effect on {model.family.name}: leave it out"
        )
    if isinstance(model.backbone, PeftModel):
        return tuning_of(model.backbone, model.family)
    tuning = Tuning.of(config)
    if config.tuning == "lora" and not model.family.language:
        raise ConfigError(
            f"model.tuning: 'lora' adapts a language model, and {model.family.name} has none: expected full"
        )
    if config.tuning == "lora":
        model.backbone = add_lora(
            model.backbone,
            model.family,
            config.lora or LoraConfig(),
            tuning,
            base=_base_name(config),
            seed=seed,
        )
    else:
        freeze(model.backbone, model.family, tuning)
    return tuning


def build_family(config: ModelConfig, texts: Iterable[str] = ()) -> tuple[Any, int | None]:
    """The family that `build_model` would give its model, without loading any weights.

    Returns:
        The family, and the positions that its language model is made for (None where its configuration
        does not say).

    Raises:
        ValueError: for a base that is not there (ConfigError), or whose architecture is not known.
    """
    info = model_info(config, (), hashed=False)
    wording = protocol(info.prompt)
    if config.scratch is not None:
        words = words_of(info.readout) if info.readout else ()
        family, backbone = scratch_family(
            config.scratch, texts, protocol=wording, images=info.images, words=words
        )
    else:
        assert config.base is not None
        folder = base_folder(config.base, weights=False)
        backbone = read_config(folder)
        family = load_family(folder, backbone, wording, info.images)
    if not family.language:
        return family, None
    return family, getattr(backbone.get_text_config(), "max_position_embeddings", None)


def _from_base(
    config: ModelConfig, info: ModelInfo, *, seed: int, dtype: torch.dtype
) -> AestheticModel:
    assert config.base is not None
    folder = base_folder(config.base)
    if not is_model_folder(folder):
        backbone = load_backbone(folder, dtype, config.quantization)
        family = load_family(folder, backbone.config, protocol(info.prompt), info.images)
        return assemble(backbone, family, info, seed=seed + 1)
    start = _continued(config, folder, dtype)
    if start.info.prompt != info.prompt:
        raise ConfigError(
            f"model.prompt: {config.base} was trained with {start.info.prompt!r}, found {info.prompt!r}"
        )
    # Rows of words are read for every aspect alike: the question tells aspects apart.
    same_outputs = start.info.aspects == info.aspects or bool(
        info.readout and words_of(info.readout)
    )
    if info.readout and config.readout is None and start.info.readout and not same_outputs:
        raise ConfigError(
            f"model.aspects: {config.base} scores {list(start.info.aspects)}, found "
            f"{list(info.aspects)}: give model.readout to train a new read-out for them"
        )
    family = start.family
    if info.images != start.info.images:
        family = load_family(
            folder, start.transformers_model.config, protocol(info.prompt), info.images
        )
    model = assemble(start.backbone, family, info, seed=seed + 1)
    if info.readout is not None and start.info.readout == info.readout and same_outputs:
        assert model.readout is not None
        assert start.readout is not None
        model.readout.load_state_dict(start.readout.state_dict())
        _keep_links(model, start)
    return model


def _continued(config: ModelConfig, folder: Path, dtype: torch.dtype) -> AestheticModel:
    """A model folder to go on from; its adapter stays one for tuning lora, and is merged for full.

    Raises:
        ConfigError: for settings that are not the adapter's own.
    """
    adapted = read_info(folder).tuning == "lora"
    if not adapted:
        return load_model(folder, dtype=dtype, quantization=config.quantization)
    if config.tuning == "full":
        start = load_model(folder, dtype=dtype, dequantize=True)
        assert isinstance(start.backbone, PeftModel)
        start.backbone = merge_adapter(start.backbone)
        return start
    start = load_model(folder, dtype=dtype, trainable=True)
    assert isinstance(start.backbone, PeftModel)
    if config.lora is not None:
        require_same_settings(start.backbone, config.lora, folder=str(folder))
    before = tuning_of(start.backbone, start.family)
    for key, there in (
        ("vision", before.vision),
        ("projector", before.projector),
        ("quantization", start.info.quantization),
    ):
        asked = getattr(config, key)
        if asked is not None and asked != there:
            raise ConfigError(
                f"model.{key}: {folder} holds an adapter with {there!r}, found {asked!r}: give the same, "
                "or merge it (scripts/export.py) and start from that"
            )
    return start


def _keep_links(model: AestheticModel, start: AestheticModel) -> None:
    """Go on with the links of the data sets that the base was trained on; a kept read-out's scale is theirs."""
    if model.links is None or start.links is None:
        return
    with torch.no_grad():
        for number, name in enumerate(model.info.datasets):
            if name in start.info.datasets:
                old = start.info.datasets.index(name)
                model.links.scale[number] = start.links.scale[old]
                model.links.offset[number] = start.links.offset[old]


def model_info(config: ModelConfig, datasets: Sequence[str], *, hashed: bool = True) -> ModelInfo:
    """What the model folder of such a model records.

    Args:
        hashed: read the base's weights for their hash, where they are in a folder; else it is None.
    """
    known = None
    if config.base is not None:
        folder = base_folder(config.base, weights=False)
        known = read_info(folder) if is_model_folder(folder) else None
    readout, prompt, images = config.readout, config.prompt, config.images
    if known is not None:
        readout, prompt = readout or known.readout, prompt or known.prompt
        if images == ImagesConfig():
            images = known.images
    readout = readout or ReadoutConfig() if config.aspects else None
    prompt = prompt or "plain"
    _require_told_apart(readout, config.aspects, protocol(prompt))
    base, base_sha256 = _origin(config, known, hashed=hashed)
    return ModelInfo(
        base=base,
        base_sha256=base_sha256,
        tuning=config.tuning,
        readout=readout,
        aspects=tuple(config.aspects),
        # One data set needs no link: its scale is the latent score's.
        datasets=tuple(datasets) if config.links and len(datasets) > 1 else (),
        prompt=prompt,
        images=images,
        quantization=config.quantization,
    )


def _require_told_apart(
    readout: ReadoutConfig | None, aspects: Sequence[str], wording: PromptProtocol
) -> None:
    """Raise ConfigError where two aspects would be one number: `tokens` and `levels` know an aspect by its
    question alone."""
    if readout is None or not words_of(readout):
        return
    asked = [wording.score(aspect) for aspect in aspects]
    for number, question in enumerate(asked):
        if question in asked[:number]:
            first, second = aspects[asked.index(question)], aspects[number]
            raise ConfigError(
                f"model.aspects: {first!r} and {second!r} are asked alike by model.prompt {wording.name!r}, "
                f"and a {readout.kind!r} read-out tells them apart by the question alone: expected one "
                "aspect, another model.prompt, or model.readout.kind regression or bins"
            )


def _origin(
    config: ModelConfig, known: ModelInfo | None, *, hashed: bool
) -> tuple[str | None, str | None]:
    """Name and, where wanted, hash of the base (which is read whole for it); an adapter that is continued
    stays on its own."""
    if config.base is None:
        return None, None
    if known is not None and known.tuning == config.tuning == "lora":
        return known.base, known.base_sha256
    return _base_name(config), weights_sha256(config.base) if hashed else None


def _base_name(config: ModelConfig) -> str:
    """An absolute path for a folder, so that the adapter loads from any working directory."""
    if config.base is None:
        return "scratch"  # of a skeleton, whose base is yet to be trained
    return str(Path(config.base).resolve()) if Path(config.base).is_dir() else config.base
