"""The model folder: plain transformers or PEFT files, and beside them what makes it an aesthetic model.

    config.json, model.safetensors              fully tuned
    adapter_config.json, adapter_model.safetensors    LoRA, in PEFT's own files
    readout.safetensors                         read-out and links, float32
    artimuse.json                               family, base, read-out, aspects, prompts, scale, preprocessing
    tokenizer and image processor               under their stock class names

Safetensors only. Saving reads back and compares; loading gives the same scores to the bit.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import save_torch_state_dict
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer
from transformers.core_model_loading import revert_weight_conversion
from transformers.utils import logging as transformers_logging

from artimuse.config import ImagesConfig, ReadoutConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.base import base_folder, model_folder
from artimuse.models.families import FAMILIES, ChatFamily
from artimuse.models.info import ModelInfo
from artimuse.models.readouts import ScoreLinks, WordsReadout, build_readout, words_of
from artimuse.prompts import PromptProtocol, protocol

INFO_FILE, READOUT_FILE = "artimuse.json", "readout.safetensors"
ADAPTER_FILE = "adapter_model.safetensors"
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
    model.family.tokenizer.save_pretrained(folder)
    model.family.image_processor.save_pretrained(folder)
    state = head_state(model)
    if state:
        save_file(state, folder / READOUT_FILE)
    write_info(folder, model.info, model.family)
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
    if state:
        _compare(folder, state, READOUT_FILE)
    _compare(folder, *_trained_weights(model))


def _save_plain(backbone: Any, folder: Path) -> None:
    """config.json and safetensors (sharded where large) under transformers' names on disk.

    Not `save_pretrained`: that imports deepspeed wherever it is installed.
    """
    backbone.config.architectures = [type(backbone).__name__]
    backbone.config.dtype = backbone.dtype
    backbone.config.save_pretrained(folder)
    backbone.generation_config.save_pretrained(folder)
    for stale in folder.glob("model*.safetensors*"):
        stale.unlink()
    save_torch_state_dict(_names_on_disk(backbone), folder, metadata={"format": "pt"})


def _names_on_disk(backbone: Any) -> dict[str, torch.Tensor]:
    state = {name: tensor.detach().cpu() for name, tensor in backbone.state_dict().items()}
    return revert_weight_conversion(backbone, state)


def write_info(folder: Path, info: ModelInfo, family: ChatFamily) -> None:
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


def load_model(folder: str | Path, *, dtype: torch.dtype = torch.float32) -> AestheticModel:
    """Load a model folder, or the hub id of one, on the CPU, in evaluation mode.

    Raises:
        ValueError: for a folder that is not a model folder or lacks some of its weights, a newer
            format, or a base that changed. A ConfigError (which is one) where it, or its base, is absent.
    """
    folder = model_folder(folder)
    info = read_info(folder)
    source: str | Path = folder
    if info.tuning == "lora":
        assert info.base is not None
        check_base(info, folder)
        source = base_folder(info.base, setting=f"{folder / INFO_FILE}: base")
    backbone = load_backbone(source, dtype)
    if info.tuning == "lora":
        backbone = attach_adapter(backbone, folder)
    family = load_family(folder, backbone.config, protocol(info.prompt), info.images)
    model = assemble(backbone, family, info)
    if head_state(model):
        _load_heads(model, load_file(_present(folder, READOUT_FILE)), folder)
    return model.eval()


def assemble(backbone: Any, family: Any, info: ModelInfo, *, seed: int = 0) -> AestheticModel:
    """Backbone and family -> the aesthetic model with a fresh read-out and links as `info` says.

    Raises:
        ValueError: for words of a `tokens` or `levels` read-out that the vocabulary does not hold.
    """
    readout = None
    if info.readout is not None:
        head = backbone.get_output_embeddings()
        readout = build_readout(
            info.readout,
            hidden=backbone.config.get_text_config().hidden_size,
            aspects=len(info.aspects),
            seed=seed,
            bias=head.bias is not None,
        )
        if isinstance(readout, WordsReadout):
            readout.start_from(head, family.word_ids(words_of(info.readout)))
    links = ScoreLinks(len(info.datasets)) if info.datasets else None
    return AestheticModel(backbone, family, readout, links, info)


def load_backbone(source: str | Path, dtype: torch.dtype) -> Any:
    """A transformers image-text-to-text model from a folder or hub id, safetensors only.

    Raises:
        ConfigError: for a base that is not there.
        ValueError: when weights are missing; transformers would draw them at random.
    """
    folder = base_folder(source)
    transformers_logging.disable_progress_bar()
    # Without use_safetensors a folder of pickles would be loaded; `dtype` must be said, as the default
    # follows the checkpoint.
    loaded: Any = AutoModelForImageTextToText.from_pretrained(
        folder,
        dtype=dtype,
        attn_implementation="sdpa",
        use_safetensors=True,
        output_loading_info=True,
    )
    backbone, report = loaded
    missing = sorted(report["missing_keys"])
    if missing:
        raise ValueError(_incomplete(source, missing))
    return backbone


def attach_adapter(backbone: Any, folder: Path) -> PeftModel:
    """PEFT's own loading of an adapter folder around a transformers model.

    Raises:
        ValueError: when weights of the adapter are missing; PEFT would leave them at their start.
    """
    written = load_file(_present(folder, ADAPTER_FILE))
    _present(folder, "adapter_config.json")
    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5 by a name that is on its way out.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
        warnings.filterwarnings("ignore", message="Found missing adapter keys")
        try:
            adapted = PeftModel.from_pretrained(backbone, folder)
        except KeyError as error:  # a fully trained part, which PEFT looks up by name
            raise ValueError(_incomplete(folder / ADAPTER_FILE, error.args)) from error
    missing = sorted(_adapter_state(adapted).keys() - written.keys())
    if missing:
        raise ValueError(_incomplete(folder / ADAPTER_FILE, missing))
    return adapted


def load_family(
    source: str | Path, config: Any, protocol: PromptProtocol, images: ImagesConfig | None = None
) -> ChatFamily:
    """The family of a transformers configuration, with tokenizer and PIL image processor of a folder or hub
    id.

    Raises:
        ValueError: for an architecture that this project does not know, or files that are not its own.
    """
    kind = config.model_type
    if kind not in FAMILIES:
        raise ValueError(
            f"{source}: model_type {kind!r}: expected one of {', '.join(sorted(FAMILIES))}"
        )
    _only_full_attention(config, source)
    folder = base_folder(source, weights=False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.chat_template is None:
        tokenizer.chat_template = _processor_template(folder)
    image_processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    return FAMILIES[kind].from_config(
        tokenizer, image_processor, config, protocol=protocol, images=images
    )


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
    except (KeyError, TypeError, json.JSONDecodeError) as error:
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
    )


def is_model_folder(path: str | Path) -> bool:
    return (Path(path) / INFO_FILE).is_file()


def weights_sha256(source: str | Path) -> str | None:
    """One hash over a folder's safetensors files, names included; None for a hub id.

    A hub id is pinned by the hub's own revision, so its files are not read for this.
    """
    files = sorted(Path(source).glob("*.safetensors"))
    if not files:
        return None
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        total.update(f"{file.name} {digest}\n".encode())
    return total.hexdigest()


def check_base(info: ModelInfo, folder: Path) -> None:
    """Raise ValueError when the base of an adapter is gone or is not the one it was trained on."""
    assert info.base is not None
    if info.base_sha256 is None:
        return
    if not Path(info.base).is_dir():
        raise ValueError(
            f"{folder}: its base model {info.base!r} is not there: put it back, or correct `base` in "
            f"{folder / INFO_FILE} and base_model_name_or_path in adapter_config.json"
        )
    found = weights_sha256(info.base)
    if found != info.base_sha256:
        raise ValueError(
            f"{folder}: the weights of its base {info.base!r} changed since the adapter was trained "
            f"(sha256 {info.base_sha256[:12]} expected, {str(found)[:12]} found): scores would be wrong"
        )


def head_state(model: AestheticModel) -> dict[str, torch.Tensor]:
    """The read-out and links as float32 tensors by name."""
    return {
        name: tensor.detach().float().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if name.startswith(("readout.", "links."))
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
        state = _adapter_state(model.backbone)
        # Whatever PEFT means to write: nothing that is trained may be left out.
        for name, parameter in model.backbone.named_parameters():
            if parameter.requires_grad:
                # PEFT drops the adapter's name, and the wrapper's around fully trained modules.
                name = name.replace(".modules_to_save.default", "").replace(".default", "")
                state[name] = parameter.detach().cpu()
        return state, ADAPTER_FILE
    return _names_on_disk(model.backbone), "model*.safetensors"


def _adapter_state(backbone: PeftModel) -> dict[str, torch.Tensor]:
    """What PEFT writes of an adapter, by its names on disk."""
    state = get_peft_model_state_dict(backbone, save_embedding_layers=False)
    return {name: tensor.detach().cpu() for name, tensor in state.items()}


def _present(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise ValueError(f"{folder}: expected {name} in it, found none: copy the folder again")
    return folder / name


def _incomplete(place: str | Path, missing: Sequence[str]) -> str:
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    return (
        f"{place}: expected every weight of the model, found none for {', '.join(missing[:3])}{more}: "
        "copy the folder again"
    )


def _compare(folder: Path, expected: dict[str, torch.Tensor], pattern: str) -> None:
    """Raise RuntimeError unless the files hold these tensors, bit for bit."""
    written: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob(pattern)):
        written |= load_file(file)
    # Of tensors that share memory (tied weights) one name is written.
    shared = {tensor.data_ptr() for name, tensor in expected.items() if name in written}
    for name, tensor in expected.items():
        same = (
            torch.equal(written[name], tensor) if name in written else tensor.data_ptr() in shared
        )
        if not same:
            raise RuntimeError(
                f"{folder / pattern}: read back, {name!r} is not what was saved; the disk may be full"
            )
