"""An exported folder is a plain transformers folder with the model folder's own logits, and its scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from models.trained import ADAPTED, batches, disturb, lora_config, save_base
from safetensors.torch import load_file
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)

from artimuse.batch import Batch, attention_mask
from artimuse.config import ModelConfig, ReadoutConfig
from artimuse.inference.export import export_model
from artimuse.inference.scorer import Scorer
from artimuse.inference.serving.record import NotServable, serving_record
from artimuse.models.aesthetic import AestheticModel, axes
from artimuse.models.build import build_model
from artimuse.models.folder import load_model, read_info, save_model
from artimuse.records import Sample
from conftest import FAMILIES, TINY

LEVELS = ["bad", "poor", "fair", "good", "excellent"]


@pytest.fixture
def batch_for(make_sample: Callable[..., Sample]) -> Callable[[AestheticModel], Batch]:
    return batches(make_sample)


def logits(transformers_model: Any, family: Any, batch: Batch) -> torch.Tensor:
    """(R,T,V) of a transformers model's own forward."""
    with torch.inference_mode():
        return transformers_model(
            input_ids=batch.input_ids,
            attention_mask=attention_mask(batch.tree, batch.branch),
            position_ids=axes(batch.positions),
            **family.model_inputs(batch.images),
        ).logits


def plain(folder: Path) -> Any:
    return AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa"
    ).eval()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["full", *ADAPTED])
def test_plain_transformers_gives_the_same_logits(
    kind: str, family: str, tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    base = save_base(tmp_path / "base", texts, family)
    changes = {"tuning": "full"} if kind == "full" else ADAPTED[kind]
    model = disturb(build_model(lora_config(base, **changes), seed=3))
    save_model(model, tmp_path / "model")
    done = export_model(tmp_path / "model", tmp_path / "exported")
    assert (done.family, done.dtype) == (family, torch.float32)
    assert done.merged == (kind != "full")
    assert done.head_beside
    batch = batch_for(model)
    ours = logits(model.transformers_model, model.family, batch)
    theirs = logits(plain(tmp_path / "exported"), model.family, batch)
    assert torch.allclose(ours, theirs, atol=1e-4)
    # Not for want of a difference: the base says something else.
    assert (ours - logits(plain(base), model.family, batch)).abs().max() > 1e-2


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed")
def test_a_4_bit_base_is_written_with_the_values_that_it_was_trained_on(
    tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    base = save_base(tmp_path / "base", texts)
    model = disturb(build_model(lora_config(base, quantization="4bit"), seed=3))
    save_model(model, tmp_path / "model")
    export_model(tmp_path / "model", tmp_path / "exported")
    assert read_info(tmp_path / "exported").quantization == "none"
    assert "quantization" not in (tmp_path / "exported" / "config.json").read_text()
    batch = batch_for(model)
    ours = logits(model.transformers_model, model.family, batch)
    assert torch.allclose(
        ours, logits(plain(tmp_path / "exported"), model.family, batch), atol=1e-4
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_a_model_folder_too(
    family: str, tmp_path: Path, texts: list[str], draw_image: Callable[[str], Path]
) -> None:
    base = save_base(tmp_path / "base", texts, family)
    model = disturb(build_model(lora_config(base), datasets=["ava", "para"], seed=3))
    save_model(model, tmp_path / "model")
    export_model(tmp_path / "model", tmp_path / "exported")
    images = [draw_image(name) for name in "abc"]
    expected, found = (
        Scorer(load_model(tmp_path / name), device="cpu").score_images(images)
        for name in ("model", "exported")
    )
    for a, b in zip(expected, found, strict=True):
        assert a == pytest.approx(b, abs=1e-4)
    info = read_info(tmp_path / "exported")
    assert (info.tuning, info.base, info.datasets) == ("full", str(base), ("ava", "para"))
    heads = [load_file(tmp_path / n / "readout.safetensors") for n in ("model", "exported")]
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[0])
    # Exporting what is exported changes nothing.
    export_model(tmp_path / "exported", tmp_path / "again")
    for file in (tmp_path / "exported").iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name
    # And training goes on from it.
    build_model(ModelConfig(base=str(tmp_path / "exported"), tuning="lora"), seed=0)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tied", [False, True])
def test_words_are_scored_by_plain_transformers(
    tied: bool, family: str, tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    """The trained rows are lm_head's: softmax over the words' logits is the score, tied or not."""
    model = words_model(family, texts, tied=tied)
    save_model(model, tmp_path / "model")
    done = export_model(tmp_path / "model", tmp_path / "exported", score_rows=True)
    assert done.score_words == tuple(LEVELS)
    assert not done.head_beside
    batch = batch_for(model)
    exported = plain(tmp_path / "exported")
    theirs = logits(exported, model.family, batch).flatten(0, 1)[batch.readouts]
    ids = model.family.word_ids(LEVELS)
    scores = theirs[:, ids].float().softmax(-1) @ torch.linspace(0, 100, len(LEVELS))
    with torch.inference_mode():
        expected = model(batch)
    assert torch.allclose(scores, expected.scores, atol=1e-3)
    # All other words are said as before, and what goes in is not touched.
    before = logits(model.transformers_model, model.family, batch)
    after = logits(exported, model.family, batch)
    others = [n for n in range(before.shape[-1]) if n not in ids]
    assert torch.allclose(before[..., others], after[..., others], atol=1e-4)
    assert not torch.allclose(before[..., ids], after[..., ids], atol=1e-2)
    assert not exported.config.tie_word_embeddings


@pytest.mark.parametrize("tied", [False, True])
def test_words_stay_beside_unless_they_are_asked_for(
    tied: bool, tmp_path: Path, texts: list[str], batch_for: Callable[..., Batch]
) -> None:
    """What is exported writes as the model did, and scores as it did from the read-out beside it."""
    model = words_model("internvl", texts, tied=tied)
    save_model(model, tmp_path / "model")
    done = export_model(tmp_path / "model", tmp_path / "exported")
    assert (done.score_words, done.head_beside) == ((), True)
    batch = batch_for(model)
    before = logits(model.transformers_model, model.family, batch)
    assert torch.allclose(
        before, logits(plain(tmp_path / "exported"), model.family, batch), atol=1e-4
    )
    again = load_model(tmp_path / "exported")
    with torch.inference_mode():
        assert torch.allclose(again(batch).scores, model(batch).scores, atol=1e-4)


def test_a_server_is_told_how_to_score(tmp_path: Path, texts: list[str]) -> None:
    """serving.json: only where the head gives the score, and all that a request needs."""
    model = words_model("internvl", texts, tied=False)
    save_model(model, tmp_path / "model")
    beside = export_model(tmp_path / "model", tmp_path / "beside")
    assert "export with --score-rows" in str(beside.not_servable)
    assert not (tmp_path / "beside" / "serving.json").exists()
    done = export_model(tmp_path / "model", tmp_path / "exported", score_rows=True)
    assert done.not_servable is None
    record = json.loads((tmp_path / "exported" / "serving.json").read_text(encoding="utf-8"))
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path / "exported")
    answer, prompt = record["answer"], record["prompts"]["overall"]
    assert answer["words"] == LEVELS
    assert answer["values"] == [0, 25, 50, 75, 100]
    assert answer["token_ids"] == model.family.word_ids(LEVELS)
    assert answer["texts"] == [tokenizer.decode([number]) for number in answer["token_ids"]]
    assert record["request"]["top_logprobs"] == 20
    assert record["request"]["allowed_token_ids"] == answer["token_ids"]
    assert record["images"] == model.family.preprocessing()
    # The tokenizer's own template writes it, and the ids are those that the model is asked with.
    assert record["chat_template"] is None
    question = "Rate the overall aesthetic quality of this image."
    assert prompt["text"] == model.family.render(question, 1)
    image = [prompt["token_ids"]["image"]] * 4
    whole = [*prompt["token_ids"]["before"], *image, *prompt["token_ids"]["after"]]
    assert whole == model.family.prompt_ids(question, [4])
    assert whole.count(model.family.placeholder_id) == 4


def test_what_no_server_can_score_is_said(tmp_path: Path, texts: list[str]) -> None:
    bins = build_model(
        ModelConfig(scratch=TINY, readout=ReadoutConfig(kind="bins")), texts=texts, seed=0
    )
    with pytest.raises(NotServable, match="cannot give this score: a 'bins' head"):
        serving_record(bins, in_head=False)
    mute = replace(bins.info, readout=None, aspects=())
    bins.readout, bins.info = None, mute
    with pytest.raises(NotServable, match="has no score read-out"):
        serving_record(bins, in_head=False)
    scratch = TINY.model_copy(update={"family": "llava", "vision_layers": 2})
    apart = ModelConfig(scratch=scratch, readout=ReadoutConfig(kind="levels"), prompt="llava_v1")
    with pytest.raises(NotServable, match="cannot render this prompt: the protocol 'llava_v1'"):
        serving_record(build_model(apart, texts=[*texts, *LEVELS], seed=0), in_head=True)


def test_rows_of_another_read_out_cannot_be_asked_for(tmp_path: Path, texts: list[str]) -> None:
    save_base(tmp_path / "model", texts, "internvl")
    with pytest.raises(ValueError, match=r"expected a 'tokens' or 'levels' read-out.*'regression'"):
        export_model(tmp_path / "model", tmp_path / "exported", score_rows=True)
    assert not (tmp_path / "exported").exists()


def words_model(family: str, texts: list[str], *, tied: bool) -> AestheticModel:
    scratch = TINY.model_copy(update={"family": family, "vision_layers": 2})
    readout = ReadoutConfig(kind="levels")
    config = ModelConfig(scratch=scratch, readout=readout)
    model = build_model(config, texts=[*texts, *LEVELS], seed=0).eval()
    if tied:
        backbone: Any = model.backbone
        for part in (backbone.config, backbone.config.get_text_config()):
            part.tie_word_embeddings = True
        backbone.get_output_embeddings().weight = backbone.get_input_embeddings().weight
    with torch.no_grad():
        model.readout.rows.weight.add_(torch.randn_like(model.readout.rows.weight))
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_tokenizer_image_processor_and_processor(
    family: str, tmp_path: Path, texts: list[str]
) -> None:
    model = build_model(
        ModelConfig(scratch=TINY.model_copy(update={"family": family, "vision_layers": 2})),
        texts=texts,
        seed=0,
    )
    save_model(model, tmp_path / "model")
    export_model(tmp_path / "model", tmp_path / "exported")
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path / "exported")
    assert tokenizer.chat_template == model.family.tokenizer.chat_template
    assert tokenizer.get_vocab() == model.family.tokenizer.get_vocab()
    processor = AutoImageProcessor.from_pretrained(tmp_path / "exported", backend="pil")
    assert type(processor) is type(model.family.image_processor)
    settings = json.loads((tmp_path / "exported" / "processor_config.json").read_text())
    assert settings["processor_class"] in {
        "InternVLProcessor", "LlavaProcessor", "Qwen2_5_VLProcessor", "Qwen3VLProcessor",
    }  # fmt: skip
    if family == "internvl":
        assert settings["image_seq_length"] == model.family.image_tokens((80, 60))


def test_a_stock_processor_makes_what_the_model_was_trained_on(
    tmp_path: Path, texts: list[str]
) -> None:
    """LLaVA's, which can be built without torchvision: the same ids and pixels."""
    from PIL import Image

    scratch = TINY.model_copy(update={"family": "llava", "vision_layers": 2})
    model = build_model(ModelConfig(scratch=scratch), texts=texts, seed=0)
    save_model(model, tmp_path / "model")
    export_model(tmp_path / "model", tmp_path / "exported")
    processor: Any = AutoProcessor.from_pretrained(tmp_path / "exported", backend="pil")
    assert type(processor).__name__ == "LlavaProcessor"
    image = Image.new("RGB", (90, 60), (200, 10, 90))
    family = model.family
    made: Any = processor(images=image, text=family.render("Is it red?", 1), return_tensors="pt")
    expected = family.prompt_ids("Is it red?", [family.image_tokens(image.size)])
    assert made["input_ids"][0].tolist() == expected
    ours = family.model_inputs(family.collate_images([family.pixels(image)]))
    assert torch.allclose(made["pixel_values"], ours["pixel_values"], atol=1e-5)


def test_the_type_is_the_bases_own_or_what_is_asked(tmp_path: Path, texts: list[str]) -> None:
    base = save_base(tmp_path / "base", texts)
    half = load_model(base, dtype=torch.bfloat16)
    save_model(half, tmp_path / "half")
    model = disturb(build_model(lora_config(tmp_path / "half", vision="full"), seed=3))
    save_model(model, tmp_path / "model")
    assert export_model(tmp_path / "model", tmp_path / "own").dtype == torch.bfloat16
    asked = export_model(tmp_path / "model", tmp_path / "asked", dtype=torch.float16)
    assert asked.dtype == torch.float16
    for name, dtype in (("own", torch.bfloat16), ("asked", torch.float16)):
        weights = load_file(tmp_path / name / "model.safetensors")
        assert {tensor.dtype for tensor in weights.values()} == {dtype}
        assert json.loads((tmp_path / name / "config.json").read_text())["dtype"] in str(dtype)
        head = load_file(tmp_path / name / "readout.safetensors")
        assert {tensor.dtype for tensor in head.values()} == {torch.float32}


def test_a_destination_that_holds_something_is_refused(
    tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save_base(tmp_path / "base", texts)
    taken = tmp_path / "taken"
    taken.mkdir()
    export_model(base, taken)  # an empty folder is as good as none
    before = sorted(path.name for path in taken.iterdir())
    for place in (taken, base / "config.json"):
        with pytest.raises(ValueError, match="expected a new or an empty folder, found something"):
            export_model(base, place)
    assert sorted(path.name for path in taken.iterdir()) == before
    with pytest.raises(ValueError, match="not a model folder"):
        export_model(tmp_path, tmp_path / "new")
    # A folder is complete or absent.
    monkeypatch.setattr("artimuse.inference.export.PROCESSOR_FILE", "no/such/folder/file")
    with pytest.raises(OSError, match="no/such/folder"):
        export_model(base, tmp_path / "stopped")
    assert not (tmp_path / "stopped").exists()


def test_an_adapter_without_its_base_is_an_error(tmp_path: Path, texts: list[str]) -> None:
    base = save_base(tmp_path / "base", texts)
    save_model(build_model(lora_config(base), seed=0), tmp_path / "model")
    base.rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"its base model .* is not there: put it back"):
        export_model(tmp_path / "model", tmp_path / "exported")
