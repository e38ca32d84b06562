"""A model folder -> a plain transformers folder: adapters and fully trained parts merged into the weights.

    export_model("runs/mixture/model", Path("exported"))
    AutoModelForImageTextToText.from_pretrained("exported")

The exported folder is a model folder too, of tuning `full`: `artimuse.json` and `readout.safetensors` are in
it, and every command takes it. Its logits are those of the model that was exported. With `score_rows` the
trained rows of a `tokens` or `levels` read-out become rows of lm_head, so that the score can be read off plain
transformers' own logits, as serving needs it: `serving.json` then says how (`inference/serving/record.py`).
Texts are written with other logits for these words. A `regression` or `bins` head has no place there.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import nn

from artimuse.inference.serving import SERVING_FILE, TEMPLATE_FILE
from artimuse.inference.serving.record import NotServable, serving_record
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.base import base_folder, model_folder
from artimuse.models.folder import load_model, read_info, require_base, save_model
from artimuse.models.lora import merge_adapter
from artimuse.models.readouts import WordsReadout, words_of
from artimuse.models.stock import read_config
from artimuse.models.training_record import Training, read_training, write_record
from artimuse.models.words import words_are_the_heads

PROCESSOR_FILE = "processor_config.json"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was done.

    merged: an adapter was merged. score_words: words whose rows of lm_head are the read-out's, whose softmax
    expectation is the score. head_beside: a score head that plain transformers does not know was left beside.
    not_servable: why other engines cannot give the score, None where serving.json says how they do.
    """

    family: str
    dtype: torch.dtype
    parameters: int
    merged: bool
    score_words: tuple[str, ...]
    head_beside: bool
    not_servable: str | None


def export_model(
    folder: str | Path,
    destination: Path,
    *,
    dtype: torch.dtype | None = None,
    score_rows: bool = False,
) -> Exported:
    """Merge a model folder into a plain transformers folder.

    Args:
        folder: a model folder; one that is fully tuned is written anew, in another type where asked.
        destination: new, or an empty folder. It is complete or absent.
        dtype: of the weights; None is the base's own. Sums are rounded to it once.
        score_rows: the rows of a `tokens` or `levels` read-out become lm_head's.

    Raises:
        ValueError: for what is not a model folder, a destination that holds something, or score rows of a
            read-out that has none.
    """
    folder = model_folder(folder)
    info = read_info(folder)
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise ValueError(f"{destination}: expected a new or an empty folder, found something in it")
    if score_rows and (info.readout is None or not words_of(info.readout)):
        raise ValueError(
            f"{folder}: expected a 'tokens' or 'levels' read-out, whose rows lm_head can hold, found "
            f"{info.readout_kind!r}: leave --score-rows out, and use score.py with the exported folder"
        )
    if info.tuning == "lora":
        require_base(info, folder)
    dtype = dtype or _own_dtype(info.base if info.tuning == "lora" else folder)
    model = load_model(folder, dtype=dtype, dequantize=True)
    merged = isinstance(model.backbone, PeftModel)
    if isinstance(model.backbone, PeftModel):
        # What PEFT holds in float32 is rounded here, and only here.
        model.backbone = merge_adapter(model.backbone).to(dtype)
    words = _put_rows_into_head(model) if score_rows else ()
    model.info = replace(info, tuning="full", quantization="none")
    serving, not_servable = None, None
    try:
        in_head = bool(words) or words_are_the_heads(model)
        serving = serving_record(model, in_head=in_head)
    except NotServable as error:
        not_servable = str(error)
    _write(model, destination, read_training(folder), serving)
    return Exported(
        family=model.family.name,
        dtype=dtype,
        parameters=sum(p.numel() for p in model.backbone.parameters()),
        merged=merged,
        score_words=words,
        head_beside=model.readout is not None and not words,
        not_servable=not_servable,
    )


def _own_dtype(source: str | Path | None) -> torch.dtype:
    """The type that a transformers folder says it is in; float32 where it says nothing."""
    assert source is not None
    found: Any = read_config(base_folder(source, weights=False)).dtype
    return found or torch.float32


@torch.no_grad()
def _put_rows_into_head(model: AestheticModel) -> tuple[str, ...]:
    """The rows of a `tokens` or `levels` read-out become lm_head's."""
    assert isinstance(model.readout, WordsReadout)
    assert model.info.readout is not None
    backbone: Any = model.backbone
    head, words = backbone.get_output_embeddings(), words_of(model.info.readout)
    if head.weight.data_ptr() == backbone.get_input_embeddings().weight.data_ptr():
        # Otherwise the embeddings of these words would change with them.
        head.weight = nn.Parameter(head.weight.detach().clone())
        for config in (backbone.config, backbone.config.get_text_config()):
            config.tie_word_embeddings = False
    rows, ids = model.readout.rows, model.family.word_ids(words)
    head.weight[ids] = rows.weight.to(head.weight.dtype)
    if rows.bias is not None:
        head.bias[ids] = rows.bias.to(head.bias.dtype)
    return words


def _write(
    model: AestheticModel,
    destination: Path,
    training: Training | None,
    serving: dict[str, Any] | None,
) -> None:
    """Write to a temporary folder beside the destination, and rename it."""
    temporary = destination.with_name(f".{destination.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    save_model(model, temporary)
    if training is not None:
        write_record(temporary, training)
    if model.family.language:
        settings = model.family.processor_settings(model.backbone.config)
        text = json.dumps(settings, indent=2)
        (temporary / PROCESSOR_FILE).write_text(text + "\n", encoding="utf-8")
    if serving is not None:
        text = json.dumps(serving, indent=2, ensure_ascii=False)
        (temporary / SERVING_FILE).write_text(text + "\n", encoding="utf-8")
        if serving["chat_template"] is not None:
            (temporary / TEMPLATE_FILE).write_text(serving["chat_template"], encoding="utf-8")
    if destination.exists():
        destination.rmdir()
    temporary.rename(destination)
