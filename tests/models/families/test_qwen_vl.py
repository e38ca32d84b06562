"""Qwen-VL: positions are the model's own, images of any size in a batch, sizes as settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from artimuse.config import ImagesConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.families import QwenVLFamily
from artimuse.prompts import protocol
from conftest import build_family_tiny

QWEN = ("qwen2_5_vl", "qwen3_vl")
SIZES = [(130, 70), (60, 100), (112, 112), (33, 300)]


def picture(size: tuple[int, int]) -> Image.Image:
    rng = np.random.default_rng(list(size))
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.fixture(params=QWEN)
def model(request: pytest.FixtureRequest, texts: list[str]) -> AestheticModel:
    return build_family_tiny(request.param, texts)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_positions_are_the_model_s_own(model: AestheticModel, count: int) -> None:
    family, sizes = model.family, SIZES[:count]
    ids = family.prompt_ids("what of it?", [family.image_tokens(size) for size in sizes])
    inputs = family.model_inputs(
        family.collate_images([family.pixels(picture(size)) for size in sizes])
    )
    row = torch.tensor([ids])
    stock, _ = model.transformers_model.model.get_rope_index(
        row,
        mm_token_type_ids=(row == family.placeholder_id).int(),
        image_grid_thw=inputs["image_grid_thw"],
    )
    assert family.prefix_positions(ids, sizes).tolist() == stock[:, 0].tolist()


def test_pixels_are_the_processor_s_own(model: AestheticModel) -> None:
    family = model.family
    images = [picture(size) for size in SIZES]
    stock = family.image_processor(images=images, return_tensors="pt")
    ours = family.model_inputs(family.collate_images([family.pixels(image) for image in images]))
    assert torch.equal(ours["image_grid_thw"], stock["image_grid_thw"])
    torch.testing.assert_close(ours["pixel_values"], stock["pixel_values"], rtol=0, atol=1e-6)


def again(model: AestheticModel, **images: object) -> QwenVLFamily:
    own = model.family
    return QwenVLFamily(
        own.tokenizer, type(own.image_processor)(**own.image_processor.to_dict()),
        name=own.name, protocol=protocol("plain"), images=ImagesConfig(**images),  # type: ignore[arg-type]
    )  # fmt: skip


def test_pixel_limits_are_written_into_the_processor(model: AestheticModel) -> None:
    family = again(model, max_pixels=64 * 64)
    assert family.image_tokens((500, 500)) == 4
    assert dict(family.image_processor.size)["longest_edge"] == 64 * 64
    image = picture((300, 200))
    stock = family.image_processor(images=[image], return_tensors="pt")["pixel_values"]
    ours = family.model_inputs(family.collate_images([family.pixels(image)]))["pixel_values"]
    torch.testing.assert_close(ours, stock, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="min_pixels <= max_pixels"):
        again(model, min_pixels=64 * 64, max_pixels=32 * 32)


def test_a_squashed_image_is_a_square(model: AestheticModel) -> None:
    family = again(model, fit="squash")
    side = 112 if model.family.name == "qwen2_5_vl" else 96
    for size in SIZES:
        patches = family.pixels(picture(size))
        assert len(set(patches.grid[1:])) == 1
        squashed = picture(size).resize((side, side), Image.Resampling.BICUBIC)
        assert torch.equal(patches.values, model.family.pixels(squashed).values)
        assert family.image_tokens(size) == len(patches.values) // 4
    assert family.preprocessing()["fit"] == "squash"


def test_no_image_is_an_empty_tensor(model: AestheticModel) -> None:
    empty = model.family.collate_images([])
    assert empty["grid"].shape == (0, 3)
    assert len(empty["patches"]) == 0
