"""FGAesQ's released state dict: OpenAI CLIP's names, and a model folder that says what CLIP itself says."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from artimuse.models.difftoken.tokens import cut_all
from artimuse.models.fgaesq import FGAesQModel
from artimuse.models.folder import load_model
from artimuse.models.published import import_checkpoint

WIDTH, LAYERS, OUTPUT, PATCH, SIDE = 128, 2, 32, 16, 7


def openai_layer(number: int, block: dict[str, Tensor], stock: dict[str, Tensor]) -> None:
    """One block of a stock CLIP under OpenAI's names."""
    layer, name = f"vision_model.encoder.layers.{number}.", f"transformer.resblocks.{number}."
    for kind, joined in (("weight", "in_proj_weight"), ("bias", "in_proj_bias")):
        rows = [stock[f"{layer}self_attn.{part}_proj.{kind}"] for part in "qkv"]
        block[f"{name}attn.{joined}"] = torch.cat(rows)
        block[f"{name}attn.out_proj.{kind}"] = stock[f"{layer}self_attn.out_proj.{kind}"]
        block[f"{name}mlp.c_fc.{kind}"] = stock[f"{layer}mlp.fc1.{kind}"]
        block[f"{name}mlp.c_proj.{kind}"] = stock[f"{layer}mlp.fc2.{kind}"]
        block[f"{name}ln_1.{kind}"] = stock[f"{layer}layer_norm1.{kind}"]
        block[f"{name}ln_2.{kind}"] = stock[f"{layer}layer_norm2.{kind}"]


def released(stock: CLIPVisionModelWithProjection) -> dict[str, Tensor]:
    """A state dict as it is released, around the weights of a stock CLIP."""
    ours = stock.state_dict()
    visual = {
        "class_embedding": ours["vision_model.embeddings.class_embedding"],
        "positional_embedding": ours["vision_model.embeddings.position_embedding.weight"],
        "conv1.weight": ours["vision_model.embeddings.patch_embedding.weight"],
        "proj": ours["visual_projection.weight"].T,
    }
    for theirs, here in (("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm")):
        for kind in ("weight", "bias"):
            visual[f"{theirs}.{kind}"] = ours[f"vision_model.{here}.{kind}"]
    for number in range(LAYERS):
        openai_layer(number, visual, ours)
    # The released module also holds parts of the encoder as its own, and the text encoder.
    state = {f"clip_model.visual.{name}": tensor for name, tensor in visual.items()}
    state |= {
        name: visual[name] for name in visual if name.startswith(("ln_", "proj", "transformer"))
    }
    state |= {
        "clip_model.logit_scale": torch.tensor(1.0),
        "clip_model.text_projection": torch.ones(4, 4),
    }
    sizes = (OUTPUT, 256, 64, 10)
    for number, (inputs, outputs) in zip("036", pairwise(sizes), strict=True):
        state[f"iqa_head.{number}.weight"] = torch.randn(outputs, inputs) / inputs**0.5
        state[f"iqa_head.{number}.bias"] = torch.randn(outputs)
    state["scale_embedding"] = 0.1 * torch.randn(1, 2, WIDTH)
    state["mask_token"] = 0.1 * torch.randn(1, 1, WIDTH)
    return {name: tensor.clone() for name, tensor in state.items()}


@pytest.fixture(scope="module")
def stock() -> CLIPVisionModelWithProjection:
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=LAYERS, num_attention_heads=2,
        projection_dim=OUTPUT, image_size=SIDE * PATCH, patch_size=PATCH, initializer_range=0.2,
    )  # fmt: skip
    model = CLIPVisionModelWithProjection(config)
    for parameter in model.parameters():  # norms and biases too
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.fixture(scope="module")
def state(stock: CLIPVisionModelWithProjection) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return released(stock)


def imported(state: dict[str, Tensor], folder: Path) -> FGAesQModel:
    torch.save(state, folder / "model.pt")
    import_checkpoint(str(folder), folder / "model", format="fgaesq", say=lambda _: None)
    model = load_model(folder / "model")
    assert isinstance(model, FGAesQModel)
    return model


@pytest.mark.parametrize("size", [(112, 112), (144, 96), (80, 256)])
def test_the_encoder_is_transformers_clip(
    size: tuple[int, int],
    state: dict[str, Tensor],
    stock: CLIPVisionModelWithProjection,
    tmp_path: Path,
) -> None:
    """On a plain grid of any size: with the weights' own position embedding, and interpolated."""
    model = imported(state, tmp_path)
    # What FGAesQ adds, and what the released training padded with, is not CLIP's.
    model.tokens.scale.data.zero_()
    model.tokens.attend_padding = False
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    view = cut_all(Image.fromarray(pixels), PATCH)
    assert tuple(view.grid) == (size[1] // PATCH, size[0] // PATCH)
    image = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]
    with torch.inference_mode():
        found = model.encode(model.family.collate_images([view]))
        expected = stock(
            pixel_values=model.family.normalization(image), interpolate_pos_encoding=True
        ).image_embeds
    assert expected.abs().mean() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_what_is_written_says_what_it_is(state: dict[str, Tensor], tmp_path: Path) -> None:
    model = imported(state, tmp_path)
    record = json.loads((tmp_path / "model" / "artimuse.json").read_text())
    assert record["images"]["difftoken"] == "released"
    assert record["family"] == "fgaesq"
    assert record["readout"] == model.info.readout.model_dump()  # type: ignore[union-attr]
    report = json.loads((tmp_path / "model" / "import.json").read_text())
    assert "clip_model.logit_scale" in report["unused"]
    assert "ln_pre.weight" in report["unused"]
    torch.testing.assert_close(model.tokens.scale, state["scale_embedding"][0])
    torch.testing.assert_close(model.tokens.padding, state["mask_token"][0, 0])
    torch.testing.assert_close(model.readout.mlp[6].bias, state["iqa_head.6.bias"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("iqa_head.3.weight"), "iqa_head.3.weight"),
        (lambda s: s.pop("clip_model.visual.ln_post.bias"), "ln_post.bias"),
        (lambda s: s.update(extra=torch.zeros(1)), "no place for extra"),
        (lambda s: s["ln_pre.weight"].add_(1), "differs from clip_model.visual.ln_pre.weight"),
    ],
)
def test_another_state_dict_is_refused(
    change, message, state: dict[str, Tensor], tmp_path: Path
) -> None:
    changed = {name: tensor.clone() for name, tensor in state.items()}
    change(changed)
    with pytest.raises(ValueError, match=message):
        imported(changed, tmp_path)
    assert not (tmp_path / "model").exists()


def test_a_pickle_of_anything_else_is_not_loaded(tmp_path: Path) -> None:
    torch.save({"model": print}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match="expected a pickle of tensors alone"):
        import_checkpoint(str(tmp_path), tmp_path / "m", format="fgaesq", say=lambda _: None)
