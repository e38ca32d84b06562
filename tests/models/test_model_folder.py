"""The model folder: what is saved is what was trained, and what is loaded is what was saved, to the bit."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from trained import ADAPTED, answers, batches, save_base, trained
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

from artimuse.batch import Batch, attention_mask
from artimuse.models import folder as folder_module
from artimuse.models.aesthetic import AestheticModel, axes
from artimuse.models.folder import load_model, read_info, save_model
from artimuse.models.patch_embedding import flatten_patches
from artimuse.prompts import protocol
from artimuse.records import Sample
from conftest import FAMILIES

PEFT_NAME = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*")
KINDS = ("full", "bins", "links", *ADAPTED)


@pytest.fixture
def base(tmp_path: Path, texts: list[str]) -> Path:
    return save_base(tmp_path / "base", texts)


@pytest.fixture
def batch_for(make_sample: Callable[..., Sample]) -> Callable[[AestheticModel], Batch]:
    return batches(make_sample)


@pytest.mark.parametrize("kind", KINDS)
def test_loaded_scores_are_bit_equal(
    kind: str, base: Path, tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    model = trained(kind, base, texts)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.info == model.info
    assert not loaded.training
    before, after = answers(model, batch_for(model)), answers(loaded, batch_for(loaded))
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    # And saving what was loaded changes nothing either.
    save_model(loaded, tmp_path / "again")
    for file in (tmp_path / "model").iterdir():
        if file.suffix == ".safetensors" or file.name == "artimuse.json":
            assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_folder_holds_what_it_says(
    kind: str, base: Path, tmp_path: Path, texts: list[str]
) -> None:
    folder = tmp_path / "model"
    save_model(trained(kind, base, texts), folder)
    names = {path.name for path in folder.iterdir()}
    expected = {
        "artimuse.json",
        "readout.safetensors",
        "tokenizer.json",
        "preprocessor_config.json",
    }
    adapter = {"adapter_config.json", "adapter_model.safetensors"}
    plain = {"config.json", "model.safetensors"}
    assert expected | (plain if kind == "full" else adapter) <= names
    assert not any(re.search(r"\.(bin|pt|pth|pkl)$", name) for name in names)
    record = json.loads((folder / "artimuse.json").read_text())
    assert record["family"] == "internvl"
    assert record["scale"] == {"low": 0, "high": 100, "unit": "points"}
    assert record["prompts"]["name"] == "plain"
    assert record["preprocessing"]["backend"] == "pil"
    assert (record["base"] == str(base)) == (kind == "lora")
    # Stock class names: plain transformers finds tokenizer and image processor.
    assert type(AutoTokenizer.from_pretrained(folder)).__name__ == "Qwen2Tokenizer"
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    assert type(processor).__name__ == "GotOcr2ImageProcessorPil"


def last_hidden(transformers_model: Any, family: Any, batch: Batch) -> torch.Tensor:
    with torch.inference_mode():
        return transformers_model(
            input_ids=batch.input_ids,
            attention_mask=attention_mask(batch.tree, batch.branch),
            position_ids=axes(batch.positions),
            **family.model_inputs(batch.images),
            output_hidden_states=True,
        ).hidden_states[-1]


@PEFT_NAME
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ADAPTED)
def test_an_adapter_loads_with_plain_peft(
    kind: str, family: str, tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    base = save_base(tmp_path / "base", texts, family)
    model = trained(kind, base, texts)
    save_model(model, tmp_path / "model")
    plain = AutoModelForImageTextToText.from_pretrained(
        base, dtype=torch.float32, attn_implementation="sdpa"
    )
    batch = batch_for(model)
    # As transformers attends, and here Qwen-VL's patches: the same kernels, so the same numbers to the bit.
    model.tree_attention = False
    flatten_patches(plain)
    untuned = last_hidden(plain, model.family, batch)
    stock: Any = PeftModel.from_pretrained(plain, tmp_path / "model").eval().get_base_model()
    tuned = last_hidden(stock, model.family, batch)
    with torch.inference_mode():
        ours = model.hidden_states(batch).view_as(tuned)
        logits = stock.lm_head(tuned.flatten(0, 1)[batch.supervised])
    assert torch.equal(tuned, ours)
    assert torch.equal(logits, answers(model, batch)[0])
    assert (tuned - untuned).abs().max() > 1e-3


def test_a_full_folder_is_a_plain_transformers_folder(
    base: Path, tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    model = trained("full", base, texts)
    save_model(model, tmp_path / "model")
    plain = AutoModelForImageTextToText.from_pretrained(
        tmp_path / "model", dtype=torch.float32, attn_implementation="sdpa"
    ).eval()
    batch = batch_for(model)
    model.tree_attention = False
    ours = model.hidden_states(batch).detach()
    assert torch.equal(
        last_hidden(plain, model.family, batch), ours.view(*batch.input_ids.shape, -1)
    )


def drop(path: Path, part: str) -> None:
    """Write a safetensors file again without one tensor."""
    state = load_file(path)
    del state[next(name for name in sorted(state) if part in name)]
    save_file(state, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("kind", "file", "part"),
    [
        ("lora", "adapter_model.safetensors", "lora_B"),
        ("lora with projector", "adapter_model.safetensors", "multi_modal_projector"),
        ("full", "model.safetensors", "q_proj"),
        ("full", "readout.safetensors", "readout"),
        ("links", "readout.safetensors", "links.scale"),
    ],
)
def test_weights_that_are_missing_are_an_error(
    kind: str, file: str, part: str, base: Path, tmp_path: Path, texts: list[str]
) -> None:
    folder = tmp_path / "model"
    save_model(trained(kind, base, texts), folder)
    drop(folder / file, part)
    with pytest.raises(ValueError, match=re.escape(str(folder)) + r".*expected"):
        load_model(folder)


@pytest.mark.parametrize(
    "file", ["adapter_model.safetensors", "readout.safetensors", "adapter_config.json"]
)
def test_a_file_that_is_missing_is_an_error(
    file: str, base: Path, tmp_path: Path, texts: list[str]
) -> None:
    folder = tmp_path / "model"
    save_model(trained("lora", base, texts), folder)
    (folder / file).unlink()
    with pytest.raises(ValueError, match=f"expected {file} in it, found none"):
        load_model(folder)


# Saving that goes wrong is noticed


def corrupted(write: Callable[..., None]) -> Callable[..., None]:
    """A disk that flips one value of the last tensor."""

    def corrupt(state: dict[str, torch.Tensor], *args: Any, **options: Any) -> None:
        name = max(state)
        broken = state[name].clone()
        broken.view(-1)[-1] += 1
        write({**state, name: broken}, *args, **options)

    return corrupt


@pytest.mark.parametrize(
    ("kind", "where", "name"),
    [
        ("full", "artimuse.models.folder.save_file", "readout.safetensors"),
        ("lora", "artimuse.models.folder.save_file", "readout.safetensors"),
        ("full", "artimuse.models.folder.save_torch_state_dict", r"model\*.safetensors"),
        ("lora", "peft.peft_model.safe_save_file", "adapter_model.safetensors"),
    ],
)
def test_a_broken_write_is_noticed(
    kind: str, where: str, name: str, base: Path, tmp_path: Path, texts: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    model = trained(kind, base, texts)
    module, _, attribute = where.rpartition(".")
    monkeypatch.setattr(where, corrupted(getattr(sys.modules[module], attribute)))
    with pytest.raises(RuntimeError, match=f"{name}: read back, .* is not what was saved"):
        save_model(model, tmp_path / "model")


def test_an_adapter_that_was_loaded_is_compared_too(
    base: Path, tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a loaded adapter requires a gradient; all of it is to be saved."""
    save_model(trained("lora", base, texts), tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    where = "peft.peft_model.safe_save_file"
    monkeypatch.setattr(where, corrupted(sys.modules["peft.peft_model"].safe_save_file))
    with pytest.raises(RuntimeError, match="is not what was saved"):
        save_model(loaded, tmp_path / "again")


def test_a_part_that_peft_leaves_out_is_noticed(
    base: Path, tmp_path: Path, texts: list[str]
) -> None:
    """Unfrozen by hand, outside `modules_to_save`: trained, and in no adapter file."""
    model = trained("lora", base, texts)
    model.transformers_model.lm_head.weight.requires_grad_(True)
    with pytest.raises(RuntimeError, match=r"lm_head\.weight' is not what was saved"):
        save_model(model, tmp_path / "model")


# The base of an adapter, and what is no model folder


def test_a_changed_base_is_an_error(base: Path, tmp_path: Path, texts: list[str]) -> None:
    save_model(trained("lora", base, texts), tmp_path / "model")
    state = load_file(base / "model.safetensors")
    state[next(name for name in state if "lm_head" in name)] += 1e-3
    save_file(state, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"the weights of its base .* changed since"):
        load_model(tmp_path / "model")


def test_a_missing_base_is_an_error(base: Path, tmp_path: Path, texts: list[str]) -> None:
    save_model(trained("lora", base, texts), tmp_path / "model")
    base.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"its base model .* is not there: put it back"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "not a model folder: expected artimuse.json in it"),
        ("", "artimuse.json: damaged"),
        ("[]", "artimuse.json: damaged"),
        ('{"format_version": 1}', "format version 1, from before read-outs had a spread"),
        ('{"format_version": 2}', "artimuse.json: damaged"),
        ('{"format_version": 99}', "format version 99; this version of artimuse reads up to 2"),
    ],
)
def test_what_is_no_model_folder_is_an_error(
    text: str | None, message: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "artimuse.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_info(tmp_path)


def test_an_architecture_that_is_not_known_is_an_error(tiny_model: AestheticModel) -> None:
    class Config:
        model_type = "llama"

    with pytest.raises(
        ValueError, match="model_type 'llama': expected one of clip, clip_vision_model, internvl"
    ):
        folder_module.load_family("somewhere", Config(), protocol("plain"))
