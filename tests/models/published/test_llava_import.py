"""An original LLaVA folder, imported: the same logits as the model that it was written from, and as CLIP and
Llama put together by hand; the same token ids as sentencepiece."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece
import torch
import torch.nn.functional as F
from layouts import PATCH, SIDE, WRITERS, llava_checkpoint, llava_settings
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
    CLIPVisionModel,
    LlamaForCausalLM,
)

from artimuse.models.folder import load_model
from artimuse.models.published import import_checkpoint

IMAGE_TOKENS = (SIDE // PATCH) ** 2


def run(place: Path, **options: Any) -> dict[str, Any]:
    """From `source`, with its tower beside it, to `model`."""
    settings = {"format": "llava", "vision_tower": str(place / "tower"), **options}
    return import_checkpoint(str(place / "source"), place / "model", **settings)


def load_whole(folder: Path) -> Any:
    loaded: Any = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    model, found = loaded
    assert not found["missing_keys"]
    assert not found["unexpected_keys"]
    return model.eval()


def inputs(image_token: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(260, 300, (1, IMAGE_TOKENS + 6), generator=generator)
    ids[0, 2 : 2 + IMAGE_TOKENS] = image_token
    return {"input_ids": ids, "pixel_values": torch.randn(1, 3, SIDE, SIDE, generator=generator)}


def logits(model: Any) -> Tensor:
    with torch.no_grad():
        return model(**inputs(model.config.image_token_id)).logits


@pytest.mark.parametrize("how", WRITERS)
@pytest.mark.parametrize("inside", [False, True], ids=["tower beside", "tower inside"])
def test_logits_equal_the_originals(how: str, inside: bool, tmp_path: Path) -> None:
    original = llava_checkpoint(tmp_path / "source", how=how, inside=inside)
    report = run(tmp_path)
    assert (logits(load_whole(tmp_path / "model")) - logits(original)).abs().max() <= 1e-5
    assert report["missing"] == report["unexpected"] == []
    clip = {"text_model.final_layer_norm.weight", "logit_scale"}
    clip.add("vision_model.embeddings.position_ids")
    buffer = "model.layers.0.self_attn.rotary_emb.inv_freq"
    assert set(report["unused"]) == {buffer} | (set() if inside else clip)
    assert (report["vision_tower"] == "inside the checkpoint") == inside


def test_logits_equal_clip_and_llama_put_together(tmp_path: Path) -> None:
    original = llava_checkpoint(tmp_path / "source", how="safetensors")
    run(tmp_path)
    tensors = load_file(tmp_path / "source" / "model.safetensors")
    clip = CLIPVisionModel(original.config.vision_config).eval()
    tower = load_file(tmp_path / "tower" / "model.safetensors")
    names = {n.removeprefix("vision_model."): t for n, t in tower.items() if "vision_model" in n}
    clip.load_state_dict(
        {n: names[n.removeprefix("vision_model.")] for n in clip.state_dict()}, strict=True
    )
    language = LlamaForCausalLM(original.config.text_config).eval()
    language.load_state_dict(
        {n: t for n, t in tensors.items() if "mm_projector" not in n and "inv_freq" not in n}
    )
    batch = inputs(original.config.image_token_id)
    with torch.no_grad():
        states: Any = clip(batch["pixel_values"], output_hidden_states=True).hidden_states
        w = {n.removeprefix("model.mm_projector."): t for n, t in tensors.items()}
        image = F.gelu(F.linear(states[-2][0, 1:], w["0.weight"], w["0.bias"]))
        image = F.linear(image, w["2.weight"], w["2.bias"])
        embeddings = language.get_input_embeddings()(batch["input_ids"]).clone()
        embeddings[batch["input_ids"] == original.config.image_token_id] = image
        expected = language(inputs_embeds=embeddings).logits
    assert (logits(load_whole(tmp_path / "model")) - expected).abs().max() <= 1e-5


# The image token


def test_the_image_token_adds_no_row(tmp_path: Path) -> None:
    original = llava_checkpoint(tmp_path / "source")
    report = run(tmp_path)
    loaded = load_whole(tmp_path / "model")
    byte = original.config.image_token_id
    assert report["rows_added"] == 0
    assert report["image_token"]["id"] == loaded.config.image_token_id == byte
    assert "<0xC0>" in report["image_token"]["how"]
    assert torch.equal(loaded.lm_head.weight, original.lm_head.weight)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer.convert_tokens_to_ids("<image>") == byte
    assert len(tokenizer) == original.config.text_config.vocab_size


def test_a_spare_row_becomes_the_image_token(tmp_path: Path) -> None:
    original = llava_checkpoint(tmp_path / "source", spare_rows=5)
    report = run(tmp_path)
    assert report["rows_added"] == 0
    assert report["image_token"]["id"] == original.config.text_config.vocab_size - 5
    assert (logits(load_whole(tmp_path / "model")) - logits(original)).abs().max() <= 1e-5


def test_a_token_past_the_embeddings_adds_rows_and_changes_nothing_else(tmp_path: Path) -> None:
    """The tokenizer has `<image>` already, at an id that the embeddings lack."""
    original = llava_checkpoint(tmp_path / "source")
    path = tmp_path / "source" / "tokenizer_config.json"
    rows = original.config.text_config.vocab_size
    added = {str(rows): {"content": "<image>", "special": True, "normalized": False}}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"added_tokens_decoder": added}))
    report = run(tmp_path)
    assert report["rows_added"] == 1
    assert report["image_token"] == {
        "token": "<image>",
        "id": rows,
        "how": "the checkpoint's own token",
    }
    loaded = load_whole(tmp_path / "model")
    found = logits(loaded)
    assert found.shape[-1] == rows + 1
    assert (found[..., :rows] - logits(original)).abs().max() <= 1e-5


# The tokenizer


def texts() -> list[str]:
    """Spaces, newlines, scripts and emoji at random, and what a seeded draw may miss."""
    draw = random.Random(0)
    letters = "the light ▁\n\t  é书😀'.,USER:"
    made = ["".join(draw.choices(letters, k=draw.randint(0, 40))) for _ in range(300)]
    return [*made, "", " ", "  two  spaces ", "\nWhat? ASSISTANT:", "USER: ", "ﬁ ½ e\u0301 12345"]


def test_token_ids_equal_sentencepiece(tmp_path: Path) -> None:
    llava_checkpoint(tmp_path / "source")
    run(tmp_path)
    original = sentencepiece.SentencePieceProcessor(
        model_file=str(tmp_path / "source" / "tokenizer.model")
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    for text in texts():
        ids = original.encode(text)
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids, text
        assert tokenizer(text)["input_ids"] == [1, *ids]
        assert tokenizer.decode(ids) == original.decode(ids)


def test_text_around_an_image_is_tokenized_apart(tmp_path: Path) -> None:
    """Each part starts with sentencepiece's prefix, as in LLaVA's own inference."""
    llava_checkpoint(tmp_path / "source")
    run(tmp_path)
    original = sentencepiece.SentencePieceProcessor(
        model_file=str(tmp_path / "source" / "tokenizer.model")
    )
    family = load_model(tmp_path / "model").family
    token = family.tokenizer.convert_tokens_to_ids("<image>")
    assert isinstance(token, int)
    system = family.protocol.system
    expected = [1, *original.encode(f"{system} USER: "), *[token] * IMAGE_TOKENS]
    expected += original.encode("\nIs the light soft? ASSISTANT:")
    assert family.prompt_ids("Is the light soft?", [IMAGE_TOKENS]) == expected


def test_answers_are_decoded_as_sentencepiece_does(tmp_path: Path) -> None:
    """Broken UTF-8 among whole characters, as an untrained model writes it."""
    llava_checkpoint(tmp_path / "source")
    image_token = run(tmp_path)["image_token"]["id"]
    original = sentencepiece.SentencePieceProcessor(
        model_file=str(tmp_path / "source" / "tokenizer.model")
    )
    family = load_model(tmp_path / "model").family
    draw = random.Random(1)
    for _ in range(300):
        ids = [draw.choice([draw.randint(3, 258), draw.randint(259, 380)]) for _ in range(8)]
        ids = [number for number in ids if number != image_token]
        assert family.answer_text([1, *ids]) == original.decode(ids).strip()


def test_another_kind_of_sentencepiece_model_is_refused(tmp_path: Path) -> None:
    llava_checkpoint(tmp_path / "source")
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "sentences.txt"), model_prefix=str(tmp_path / "source" / "tokenizer"),
        model_type="bpe", vocab_size=400, byte_fallback=True, hard_vocab_limit=False, minloglevel=2,
        normalization_rule_name="nmt_nfkc", remove_extra_whitespaces=True,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"tokenizer\.model: .* by sentencepiece: expected a BPE"):
        run(tmp_path)


def test_a_missing_or_damaged_tokenizer_is_an_error(tmp_path: Path) -> None:
    llava_checkpoint(tmp_path / "source")
    (tmp_path / "source" / "tokenizer.model").write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"tokenizer\.model: no SentencePiece model"):
        run(tmp_path)
    (tmp_path / "source" / "tokenizer.model").unlink()
    with pytest.raises(ValueError, match=r"expected tokenizer\.model"):
        run(tmp_path)


# The image processor


@pytest.mark.parametrize("fit", ["pad", None])
def test_the_image_is_padded_with_the_mean_colour(fit: str | None, tmp_path: Path) -> None:
    """A wide image: LLaVA's square keeps all of it, CLIP alone cuts its sides off."""
    original = llava_checkpoint(tmp_path / "source")
    settings = llava_settings(original) | {"image_aspect_ratio": fit}
    (tmp_path / "source" / "config.json").write_text(json.dumps(settings))
    run(tmp_path)
    processor = AutoImageProcessor.from_pretrained(tmp_path / "model", backend="pil")
    assert type(processor).__name__ == "LlavaImageProcessorPil"
    image = Image.new("RGB", (2 * SIDE, SIDE), (255, 0, 0))
    pixels = processor(image, return_tensors="np")["pixel_values"][0]
    mean, std = np.array([0.4, 0.5, 0.6]), np.array([0.2, 0.3, 0.4])
    red = (np.array([1.0, 0, 0]) - mean) / std
    padding = (np.array([102, 127, 153]) / 255 - mean) / std
    assert np.abs(pixels[:, SIDE // 2, SIDE // 2] - red).max() <= 1e-5
    assert np.abs(pixels[:, 2, SIDE // 2] - (padding if fit else red)).max() <= 1e-5
    ours = load_model(tmp_path / "model").family
    mine = ours.model_inputs(ours.collate_images([ours.pixels(image)]))["pixel_values"][0]
    assert np.abs(mine.numpy() - pixels).max() <= 1e-5


# What cannot be imported


def test_a_tower_that_is_nowhere_is_an_error(tmp_path: Path) -> None:
    llava_checkpoint(tmp_path / "source")
    with pytest.raises(
        ValueError, match=r"mm_vision_tower is 'somebody/clip-tiny': expected --vis"
    ):
        run(tmp_path, vision_tower=None)
    with pytest.raises(
        ValueError, match=r"--vision-tower: 'somebody/clip-tiny' is neither a folder.*hf download"
    ):
        run(tmp_path, vision_tower="somebody/clip-tiny")


def test_a_known_tower_inside_needs_nothing_beside_it(tmp_path: Path) -> None:
    """The configuration is known; these tiny weights are not of its size, which is how one sees that."""
    original = llava_checkpoint(tmp_path / "source", inside=True)
    settings = llava_settings(original)
    settings["mm_vision_tower"] = "openai/clip-vit-large-patch14-336"
    (tmp_path / "source" / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=r"none for vision_tower\.encoder\.layers\.3"):
        run(tmp_path, vision_tower=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "llava_mpt"}, "model_type 'llava_mpt': a LLaVA-1.5 checkpoint has"),
        ({"model_type": "llava", "text_config": {}}, "transformers' own layout"),
        ({"mm_projector_type": "linear"}, "mm_projector_type 'linear': expected 'mlp2x_gelu'"),
        ({"image_aspect_ratio": "anyres"}, "image_aspect_ratio 'anyres': expected 'pad'"),
        ({"mm_use_im_start_end": True}, "mm_use_im_start_end True: expected False"),
        ({"vocab_size": None}, "expected 'vocab_size', found none"),
        ({"hidden_size": "wide"}, r"config\.json: .*hidden_size"),
    ],
)
def test_a_configuration_that_cannot_be_converted(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    original = llava_checkpoint(tmp_path / "source")
    settings = llava_settings(original) | change
    (tmp_path / "source" / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=message):
        run(tmp_path)
    assert not (tmp_path / "model").exists()
