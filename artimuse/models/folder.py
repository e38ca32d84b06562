"""The model folder: plain transformers or PEFT files, and beside them what makes it an aesthetic model.

    config.json, model.safetensors              fully tuned
    adapter_config.json, adapter_model.safetensors    LoRA, in PEFT's own files
    readout.safetensors                         read-out and links (FGAesQ: and token embeddings), float32
    artimuse.json                               family, base, read-out, aspects, prompts, scale, preprocessing
    tokenizer and image processor               under their stock class names
    training.json                               of one that was trained here: `training_record`

Safetensors only. Saving reads back and compares; loading gives the same scores to the bit.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import save_torch_state_dict
from peft import PeftModel
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from transformers.core_model_loading import revert_weight_conversion

from artimuse.config import ImagesConfig, ReadoutConfig
from artimuse.config.tuning import Quantization
from artimuse.models.adapter import ADAPTER_FILE, adapter_state, attach_adapter
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.base import base_folder, model_folder
from artimuse.models.families import ChatFamily, FGAesQFamily
from artimuse.models.fgaesq import FGAesQModel
from artimuse.models.info import ModelInfo
from artimuse.models.readouts import ScoreLinks, WordsReadout, build_readout, words_of
from artimuse.models.stock import load_backbone, load_family
from artimuse.models.weight_files import (
    compare_written,
    present,
    require_whole,
    weights_sha256,
)
from artimuse.prompts import protocol

INFO_FILE, READOUT_FILE = "artimuse.json", "readout.safetensors"
FORMAT_VERSION = 2


def save_model(model: AestheticModel, folder: Path) -> None:
    """Write a model folder, read it back, and compare.

    Raises:
        RuntimeError: when what was read back differs (a full disk, a broken file system).
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model.backbone, PeftModel):
        # "auto" would ask the hub whether the base's vocabulary grew; no family here resizes it.
        model.backbone.save_pretrained(str(folder), save_embedding_layers=False)
    else:
        _save_plain(model.backbone, folder)
    model.family.save(folder)
    state = head_state(model)
    if state:
        save_file(state, folder / READOUT_FILE)
    write_info(folder, model.info, model.family)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
    if state:
        compare_written(folder, state, READOUT_FILE)
    compare_written(folder, *_trained_weights(model))


def _save_plain(backbone: Any, folder: Path) -> None:
    """config.json and safetensors (sharded where large) under transformers' names on disk.

    Not `save_pretrained`: that imports deepspeed wherever it is installed.
    """
    backbone.config.architectures = [type(backbone).__name__]
    backbone.config.dtype = backbone.dtype
    backbone.config.save_pretrained(folder)
    if getattr(backbone, "generation_config", None) is not None:
        backbone.generation_config.save_pretrained(folder)
    for stale in folder.glob("model*.safetensors*"):
        stale.unlink()
    save_torch_state_dict(_names_on_disk(backbone), folder, metadata={"format": "pt"})


def _names_on_disk(backbone: Any) -> dict[str, torch.Tensor]:
    state = {name: tensor.detach().cpu() for name, tensor in backbone.state_dict().items()}
    return revert_weight_conversion(backbone, state)


def write_info(folder: Path, info: ModelInfo, family: ChatFamily | FGAesQFamily) -> None:
    """artimuse.json: what `read_info` reads, and what the family and the protocol say."""
    record = {
        "format_version": FORMAT_VERSION,
        "family": family.name,
        **asdict(info),
        "readout": info.readout.model_dump() if info.readout else None,
        "images": info.images.model_dump(),
        "prompts": asdict(protocol(info.prompt)),
        "scale": {"low": 0, "high": 100, "unit": "points"},
        "preprocessing": family.preprocessing(),
    }
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (folder / INFO_FILE).write_text(text + "\n", encoding="utf-8")


def load_model(
    folder: str | Path,
    *,
    dtype: torch.dtype = torch.float32,
    trainable: bool = False,
    dequantize: bool = False,
    quantization: Quantization = "none",
) -> AestheticModel:
    """Load a model folder, or the hub id of one, on the CPU, in evaluation mode.

    Args:
        trainable: an adapter is to be trained further: it requires gradients, and is float32.
        dequantize: an adapter's 4-bit base becomes one of `dtype`, with the values that it has in 4 bits.
        quantization: of a fully tuned model; an adapter's base has the one that it was trained on.

    Raises:
        ValueError: for a folder that is not a model folder or lacks some of its weights, a newer
            format, or a base that changed. A ConfigError (which is one) where it, or its base, is absent.
    """
    folder = model_folder(folder)
    info = read_info(folder)
    require_whole(folder)
    source: str | Path = folder
    if info.tuning == "lora":
        assert info.base is not None
        check_base(info, folder)
        quantization = info.quantization
        source = base_folder(info.base, setting=f"{folder / INFO_FILE}: base")
    backbone = load_backbone(source, dtype, quantization)
    if dequantize and quantization != "none":
        backbone = backbone.dequantize()
    if info.tuning == "lora":
        backbone = attach_adapter(backbone, folder, trainable=trainable)
    family = load_family(folder, backbone.config, protocol(info.prompt), info.images)
    model = assemble(backbone, family, info)
    if head_state(model):
        _load_heads(model, load_file(present(folder, READOUT_FILE)), folder)
    return model.eval()


def assemble(backbone: Any, family: Any, info: ModelInfo, *, seed: int = 0) -> AestheticModel:
    """Backbone and family -> the aesthetic model with a fresh read-out and links as `info` says.

    Raises:
        ValueError: for words of a `tokens` or `levels` read-out that the vocabulary does not hold, and for
            tokens that were added to it.
    """
    if family.language:
        _require_known_tokens(backbone, family)
    readout = None
    if info.readout is not None:
        head = backbone.get_output_embeddings() if family.language else None
        if head is None and words_of(info.readout):
            raise ValueError(
                f"model.readout.kind: {info.readout.kind!r} reads words of a vocabulary, and a {family.name} "
                "model has none: expected bins or regression"
            )
        readout = build_readout(
            info.readout,
            hidden=hidden_size(backbone.config, family),
            aspects=len(info.aspects),
            seed=seed,
            bias=head is not None and head.bias is not None,
        )
        if isinstance(readout, WordsReadout) and head is not None:
            readout.start_from(head, family.word_ids(words_of(info.readout)))
    links = ScoreLinks(len(info.datasets)) if info.datasets else None
    kind = AestheticModel if family.language else FGAesQModel
    return kind(backbone, family, readout, links, info)


def hidden_size(config: Any, family: Any) -> int:
    """Width of what the read-out reads."""
    return config.get_text_config().hidden_size if family.language else config.projection_dim


def _require_known_tokens(backbone: Any, family: Any) -> None:
    """No family resizes embeddings, so a token beyond them would fail in the middle of a run."""
    tokens, rows = len(family.tokenizer), backbone.get_input_embeddings().weight.shape[0]
    if tokens > rows:
        raise ValueError(
            f"{family.tokenizer.name_or_path or 'the tokenizer'}: it has {tokens} tokens, and the model's "
            f"embeddings {rows} rows: tokens were added; expected embeddings that hold them already "
            "(resize and save the base first)"
        )


def read_info(folder: Path) -> ModelInfo:
    """artimuse.json of a model folder."""
    path = folder / INFO_FILE
    if not path.is_file():
        raise ValueError(
            f"{folder}: not a model folder: expected {INFO_FILE} in it, as training writes "
            "(runs/NAME/model)"
        )
    try:
        return _info(json.loads(path.read_text(encoding="utf-8")), path)
    except (KeyError, TypeError, json.JSONDecodeError, ValidationError) as error:
        raise ValueError(f"{path}: damaged ({error!r}): copy the folder again") from error


def _info(record: dict[str, Any], path: Path) -> ModelInfo:
    if record["format_version"] < FORMAT_VERSION:
        raise ValueError(
            f"{path}: format version {record['format_version']}, from before read-outs had a spread; this "
            f"version of artimuse reads {FORMAT_VERSION}: train the model again"
        )
    if record["format_version"] > FORMAT_VERSION:
        raise ValueError(
            f"{path}: format version {record['format_version']}; this version of artimuse reads up to "
            f"{FORMAT_VERSION}: upgrade it"
        )
    return ModelInfo(
        base=record["base"],
        base_sha256=record["base_sha256"],
        tuning=record["tuning"],
        readout=ReadoutConfig(**record["readout"]) if record["readout"] else None,
        aspects=tuple(record["aspects"]),
        datasets=tuple(record["datasets"]),
        prompt=record["prompt"],
        images=ImagesConfig(**record["images"]),
        align=record.get("align"),
        quantization=record["quantization"],
    )


def is_model_folder(path: str | Path) -> bool:
    return (Path(path) / INFO_FILE).is_file()


def require_base(info: ModelInfo, folder: Path) -> None:
    """Raise ValueError when the base of an adapter, a folder, is gone."""
    assert info.base is not None
    if info.base_sha256 is not None and not Path(info.base).is_dir():
        raise ValueError(
            f"{folder}: its base model {info.base!r} is not there: put it back, or correct `base` in "
            f"{folder / INFO_FILE} and base_model_name_or_path in adapter_config.json"
        )


def check_base(info: ModelInfo, folder: Path) -> None:
    """Raise ValueError when the base of an adapter is gone or is not the one it was trained on."""
    require_base(info, folder)
    assert info.base is not None
    if info.base_sha256 is None:
        return
    found = weights_sha256(info.base)
    if found != info.base_sha256:
        raise ValueError(
            f"{folder}: the weights of its base {info.base!r} changed since the adapter was trained "
            f"(sha256 {info.base_sha256[:12]} expected, {str(found)[:12]} found): scores would be wrong"
        )


def head_state(model: AestheticModel) -> dict[str, torch.Tensor]:
    """The read-out, links and FGAesQ's token embeddings as float32 tensors by name."""
    return {
        name: tensor.detach().float().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if name.startswith(("readout.", "links.", "tokens."))
    }


def _load_heads(model: AestheticModel, state: dict[str, torch.Tensor], folder: Path) -> None:
    expected = head_state(model)
    if {k: v.shape for k, v in expected.items()} != {k: v.shape for k, v in state.items()}:
        raise ValueError(
            f"{folder / READOUT_FILE}: expected {sorted(expected)} in the shapes that {INFO_FILE} says, "
            f"found {sorted(state)}"
        )
    model.load_state_dict(state, strict=False)


def _trained_weights(model: AestheticModel) -> tuple[dict[str, torch.Tensor], str]:
    """What a saved backbone must hold, and the files that hold it."""
    if isinstance(model.backbone, PeftModel):
        state = adapter_state(model.backbone)
        # Whatever PEFT means to write: nothing that is trained may be left out.
        for name, parameter in model.backbone.named_parameters():
            if parameter.requires_grad:
                # PEFT drops the adapter's name, and the wrapper's around fully trained modules.
                name = name.replace(".modules_to_save.default", "").replace(".default", "")
                state[name] = parameter.detach().cpu()
        return state, ADAPTER_FILE
    return _names_on_disk(model.backbone), "model*.safetensors"
