"""An InternVLChat folder, imported: the same logits as the model that it was written from, and as a plain
forward pass over the published tensors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from layouts import (
    ADDED,
    PATCH,
    SIDE,
    WRITERS,
    internvl_checkpoint,
    internvl_settings,
    internvl_tensors,
    write,
)
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoTokenizer, Qwen2ForCausalLM

from artimuse.models.folder import load_model
from artimuse.models.published import FORMATS, import_checkpoint
from artimuse.prompts import SCORE_TOKENS, protocol


def run(source: Path, destination: Path, **options: Any) -> dict[str, Any]:
    return import_checkpoint(str(source), destination, **{"format": "artimuse", **options})


def inputs(vocabulary: int) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(5)
    ids = torch.randint(0, 256, (1, 12), generator=random)
    ids[0, 3:7] = vocabulary - 2
    return {"input_ids": ids, "pixel_values": torch.randn(1, 3, SIDE, SIDE, generator=random)}


def logits(model: Any) -> Tensor:
    with torch.no_grad():
        return model(**inputs(model.config.text_config.vocab_size)).logits


def load_whole(folder: Path) -> Any:
    """The transformers model of a folder, which must hold neither more nor less than its weights."""
    loaded: Any = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    model, found = loaded
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    assert not found["mismatched_keys"]
    return model.eval()


@pytest.mark.parametrize("how", WRITERS)
def test_logits_equal_the_originals(how: str, tmp_path: Path) -> None:
    original = internvl_checkpoint(tmp_path / "source", how=how)
    report = run(tmp_path / "source", tmp_path / "model")
    assert (logits(load_whole(tmp_path / "model")) - logits(original)).abs().max() <= 1e-5
    assert report["missing"] == report["unexpected"] == report["unused"] == []
    assert report["rows_added"] == 0
    assert report["lora"] is None


@pytest.mark.parametrize("changes", [{"qk_norm": True}, {"tied": True}], ids=str)
def test_variants_of_the_architecture(changes: dict[str, Any], tmp_path: Path) -> None:
    original = internvl_checkpoint(tmp_path / "source", **changes)
    run(tmp_path / "source", tmp_path / "model")
    loaded = load_whole(tmp_path / "model")
    assert loaded.config.tie_word_embeddings == changes.get("tied", False)
    assert (logits(loaded) - logits(original)).abs().max() <= 1e-5


def plain_forward(tensors: dict[str, Tensor], original: Any, batch: dict[str, Tensor]) -> Tensor:
    """InternVLChat's forward pass over its own tensors: vision tower, pixel shuffle, projector, Qwen2."""
    t = {name.removeprefix("vision_model."): tensor for name, tensor in tensors.items()}
    size, width = SIDE // PATCH, 32
    patches = F.conv2d(
        batch["pixel_values"], t["embeddings.patch_embedding.weight"],
        t["embeddings.patch_embedding.bias"], stride=PATCH,
    ).flatten(2).transpose(1, 2)  # fmt: skip
    x = torch.cat([t["embeddings.class_embedding"], patches], 1)
    x = x + t["embeddings.position_embedding"]
    for layer in range(2):
        w = {k.removeprefix(f"encoder.layers.{layer}."): v for k, v in t.items()}
        y = F.layer_norm(x, (width,), w["norm1.weight"], w["norm1.bias"], 1e-6)
        qkv = F.linear(y, w["attn.qkv.weight"], w["attn.qkv.bias"])
        q, k, v = qkv.view(1, -1, 3, 2, width // 2).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + w["ls1"] * F.linear(attended, w["attn.proj.weight"], w["attn.proj.bias"])
        y = F.layer_norm(x, (width,), w["norm2.weight"], w["norm2.bias"], 1e-6)
        y = F.gelu(F.linear(y, w["mlp.fc1.weight"], w["mlp.fc1.bias"]))
        x = x + w["ls2"] * F.linear(y, w["mlp.fc2.weight"], w["mlp.fc2.bias"])
    # A token of two rows and two columns: row, column, channel.
    grid = x[0, 1:].view(size, size, width)
    grid = grid.view(size // 2, 2, size // 2, 2, width).permute(0, 2, 1, 3, 4)
    features = grid.reshape(-1, 4 * width)
    y = F.layer_norm(features, (4 * width,), t["mlp1.0.weight"], t["mlp1.0.bias"], 1e-5)
    y = F.gelu(F.linear(y, t["mlp1.1.weight"], t["mlp1.1.bias"]))
    image = F.linear(y, t["mlp1.3.weight"], t["mlp1.3.bias"])
    language = Qwen2ForCausalLM(original.config.text_config).eval()
    prefix = "language_model."
    language.load_state_dict(
        {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
    )
    embeddings = language.get_input_embeddings()(batch["input_ids"]).clone()
    embeddings[batch["input_ids"] == original.config.image_token_id] = image
    return language(inputs_embeds=embeddings).logits


def test_logits_equal_a_plain_forward_pass_over_the_published_tensors(tmp_path: Path) -> None:
    original = internvl_checkpoint(tmp_path / "source")
    run(tmp_path / "source", tmp_path / "model")
    tensors = load_file(tmp_path / "source" / "model.safetensors")
    with torch.no_grad():
        plain = plain_forward(tensors, original, inputs(original.config.text_config.vocab_size))
    assert (logits(load_whole(tmp_path / "model")) - plain).abs().max() <= 1e-5


def test_a_bf16_checkpoint_stays_bf16(tmp_path: Path) -> None:
    original = internvl_checkpoint(tmp_path / "source")
    tensors = {n: t.to(torch.bfloat16) for n, t in internvl_tensors(original).items()}
    write(tmp_path / "source", tensors, "safetensors")
    report = run(tmp_path / "source", tmp_path / "model")
    assert set(report["parameters_by_type"]) == {"bfloat16"}
    assert json.loads((tmp_path / "model" / "config.json").read_text())["dtype"] == "bfloat16"
    found = load_file(tmp_path / "model" / "model.safetensors")
    assert {tensor.dtype for tensor in found.values()} == {torch.bfloat16}
    readout = load_file(tmp_path / "model" / "readout.safetensors")
    assert {tensor.dtype for tensor in readout.values()} == {torch.float32}


@pytest.mark.parametrize("format", ["artimuse", "unipercept", "internvl"])
def test_what_the_folder_records(format: str, tmp_path: Path) -> None:
    original = internvl_checkpoint(tmp_path / "source")
    run(tmp_path / "source", tmp_path / "model", format=format)
    model = load_model(tmp_path / "model")
    assert model.info.prompt == FORMATS[format].prompt
    assert model.info.aspects == FORMATS[format].aspects
    assert model.family.preprocessing()["fit"] == "squash"
    assert model.family.preprocessing()["size"] == [SIDE, SIDE]
    if format == "internvl":
        assert model.readout is None
        assert not (tmp_path / "model" / "readout.safetensors").exists()
        return
    ids = model.family.tokenizer.convert_tokens_to_ids(list(SCORE_TOKENS))
    (rows,) = load_file(tmp_path / "model" / "readout.safetensors").values()
    assert torch.equal(rows, original.lm_head.weight[ids])


def test_token_ids_are_those_of_the_files(tmp_path: Path) -> None:
    internvl_checkpoint(tmp_path / "source")
    run(tmp_path / "source", tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert type(tokenizer).__name__ == "Qwen2Tokenizer"
    vocabulary = json.loads((tmp_path / "source" / "vocab.json").read_text())
    vocabulary |= {token: 357 + n for n, token in enumerate(ADDED)}
    assert tokenizer.get_vocab() == vocabulary
    text = "<|im_start|>YOU\nab<img></img>!<|im_end|>"
    a, b = (vocabulary[word] for word in ("ab", "!"))
    letters = [vocabulary[c] for c in "YOU"] + [vocabulary["Ċ"]]
    assert tokenizer(text)["input_ids"] == [359, *letters, a, 360, 361, b, 357]


def test_an_imported_folder_scores_and_answers(tmp_path: Path) -> None:
    """Token-as-Score by hand: the expectation over 101 logits behind the whole prompt."""
    original = internvl_checkpoint(tmp_path / "source")
    run(tmp_path / "source", tmp_path / "model")
    model = load_model(tmp_path / "model")
    wording, family = protocol("artimuse"), model.family
    ids = family.prompt_ids(wording.score("overall"), [4], separator=wording.score_separator)
    pixels = inputs(364)["pixel_values"]
    with torch.no_grad():
        last = original(input_ids=torch.tensor([ids]), pixel_values=pixels).logits[0, -1]
        hidden = model.transformers_model.model(
            input_ids=torch.tensor([ids]), pixel_values=pixels
        ).last_hidden_state[:, -1]
        score = model.read_out(hidden, torch.zeros(1, dtype=torch.int64)).scores
    words = family.tokenizer.convert_tokens_to_ids(list(SCORE_TOKENS))
    expected = last[words].softmax(-1) @ torch.arange(101.0)
    assert (score - expected).abs().max() <= 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "internvl"}, "model_type 'internvl': .* needs no import"),
        (
            {"model_type": "llama"},
            "model_type 'llama': a InternVLChat checkpoint has internvl_chat",
        ),
        ({"ps_version": "v1"}, "ps_version 'v1': expected 'v2'"),
        ({"select_layer": -4}, "select_layer -4: expected -1"),
        (
            {"llm_config": {"model_type": "internlm2"}},
            "'internlm2': expected one that transformers",
        ),
        ({"llm_config": {}}, "llm_config: expected 'model_type', found none"),
        ({"vision_config": {"hidden_size": 32}}, "vision_config: expected 'num_hidden_layers'"),
    ],
)
def test_a_configuration_that_cannot_be_converted(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    original = internvl_checkpoint(tmp_path / "source")
    settings = internvl_settings(original, **change)
    (tmp_path / "source" / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "source", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_sizes_that_are_not_the_weights_are_an_error(tmp_path: Path) -> None:
    original = internvl_checkpoint(tmp_path / "source")
    settings = internvl_settings(original)
    settings["llm_config"]["intermediate_size"] = 64
    (tmp_path / "source" / "config.json").write_text(json.dumps(settings))
    with pytest.raises(
        ValueError, match=r"expected shape \[\d+, \d+\], as config.json says, found"
    ):
        run(tmp_path / "source", tmp_path / "model")
    assert list(tmp_path.glob(".model*")) == []


@pytest.mark.parametrize("name", ["mlp1.3.bias", "vision_model.encoder.layers.1.attn.qkv.weight"])
def test_a_missing_tensor_is_named(name: str, tmp_path: Path) -> None:
    tensors = internvl_tensors(internvl_checkpoint(tmp_path / "source"))
    del tensors[name]
    write(tmp_path / "source", tensors, "safetensors")
    place = "multi_modal_projector.linear_2.bias" if "mlp1" in name else "attention.k_proj.weight"
    with pytest.raises(ValueError, match=rf"expected every weight .*{re.escape(place)}"):
        run(tmp_path / "source", tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_an_unexpected_tensor_is_an_error_unless_allowed(tmp_path: Path) -> None:
    tensors = internvl_tensors(internvl_checkpoint(tmp_path / "source"))
    buffer = "language_model.model.layers.0.self_attn.rotary_emb.inv_freq"
    tensors |= {"vision_model.head.weight": torch.ones(3), buffer: torch.ones(3)}
    write(tmp_path / "source", tensors, "safetensors")
    with pytest.raises(ValueError, match=r"no place for vision_model\.head\.weight \(1 in all\)"):
        run(tmp_path / "source", tmp_path / "model")
    report = run(tmp_path / "source", tmp_path / "model", allow_unexpected=True)
    assert report["unexpected"] == ["vision_model.head.weight"]
    assert report["unused"] == [buffer]
    assert json.loads((tmp_path / "model" / "import.json").read_text()) == report


def test_a_tied_head_of_its_own_is_an_error(tmp_path: Path) -> None:
    tensors = internvl_tensors(internvl_checkpoint(tmp_path / "source", tied=True))
    head, embeddings = "language_model.lm_head.weight", "language_model.model.embed_tokens.weight"
    write(tmp_path / "source", tensors | {head: tensors[embeddings]}, "safetensors")
    assert run(tmp_path / "source", tmp_path / "model")["unused"] == [head]
    write(tmp_path / "source", tensors | {head: tensors[embeddings] + 1}, "safetensors")
    with pytest.raises(ValueError, match=r"says tie_word_embeddings, but .* differs"):
        run(tmp_path / "source", tmp_path / "other")


def test_a_destination_in_use_is_left_alone(tmp_path: Path) -> None:
    internvl_checkpoint(tmp_path / "source")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="expected a folder that is empty or not there yet"):
        run(tmp_path / "source", tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    run(tmp_path / "source", tmp_path / "empty")
    assert (tmp_path / "empty" / "model.safetensors").is_file()
