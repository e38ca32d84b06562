"""Families that see a square tile: the PIL processor's own pixels, and every way to make a tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    CLIPImageProcessorPil,
    GotOcr2ImageProcessorPil,
    LlavaImageProcessorPil,
)

from artimuse.config import ImagesConfig
from artimuse.data import images as data_images
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.families import InternVLFamily, LlavaFamily, tiles
from artimuse.models.families.tiles import tile
from artimuse.prompts import protocol
from conftest import build_family_tiny

SIZES = [(56, 56), (57, 55), (300, 200), (13, 170), (1, 1), (2, 300), (1024, 33), (448, 448)]
PLAIN = protocol("plain")


def picture(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng([width, height])
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def values(family: Any, *images: Image.Image) -> torch.Tensor:
    pixels = family.collate_images([family.pixels(image) for image in images])
    assert pixels["pixels"].dtype == torch.uint8
    return family.model_inputs(pixels)["pixel_values"]


@pytest.mark.parametrize("size", SIZES)
def test_internvl_s_pixels_are_the_processor_s_own(
    tiny_model: AestheticModel, size: tuple[int, int]
) -> None:
    family, image = tiny_model.family, picture(*size)
    assert isinstance(family.image_processor, GotOcr2ImageProcessorPil)
    stock = family.image_processor(image, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(values(family, image), stock, rtol=0, atol=1e-6)


def llava(tokenizer: Any, processor: Any, **images: Any) -> LlavaFamily:
    return LlavaFamily(
        tokenizer, processor, tokens_per_image=16, side=56, protocol=PLAIN,
        images=ImagesConfig(**images),
    )  # fmt: skip


SIDE: dict[str, Any] = {"size": {"shortest_edge": 56}, "crop_size": {"height": 56, "width": 56}}
SQUARE: dict[str, Any] = {"size": {"height": 56, "width": 56}, "do_center_crop": False}


@pytest.mark.parametrize("size", [size for size in SIZES if size != (2, 300)])
@pytest.mark.parametrize(
    ("processor", "fit"),
    [
        (LlavaImageProcessorPil(**SIDE, do_pad=True), "pad"),
        (LlavaImageProcessorPil(**SIDE), "crop"),
        (CLIPImageProcessorPil(**SIDE), "crop"),
        (CLIPImageProcessorPil(**SQUARE), "squash"),
    ],
    ids=["llava pad", "llava crop", "clip crop", "clip squash"],
)
def test_llava_s_pixels_are_the_processor_s_own(
    processor: Any, fit: str, size: tuple[int, int], texts: list[str]
) -> None:
    family = llava(build_family_tiny("llava", texts).family.tokenizer, processor)
    assert family.fit == fit
    stock = processor(picture(*size), return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(values(family, picture(*size)), stock, rtol=0, atol=1e-6)


def test_a_fit_of_the_recipe_overrules_the_processor(texts: list[str]) -> None:
    tokenizer = build_family_tiny("llava", texts).family.tokenizer
    padded = LlavaImageProcessorPil(**SIDE, do_pad=True)
    told = llava(tokenizer, LlavaImageProcessorPil(**SIDE), fit="pad")
    image = picture(100, 60)
    assert torch.equal(values(told, image), values(llava(tokenizer, padded), image))
    assert told.preprocessing()["fit"] == "pad"


def test_internvl_can_keep_the_aspect_ratio(tiny_model: AestheticModel) -> None:
    own = tiny_model.family
    family = InternVLFamily(
        own.tokenizer, own.image_processor, tokens_per_image=4, protocol=PLAIN,
        images=ImagesConfig(fit="pad"),
    )  # fmt: skip
    tile = family.pixels(picture(200, 100))
    mean = [int(value * 255) for value in family.normalization.mean]
    assert tile[:, 0, 0].tolist() == mean
    assert tile[:, -1, -1].tolist() == mean
    assert tile[:, 28, 28].tolist() != mean
    square = picture(70, 70)
    assert torch.equal(family.pixels(square), own.pixels(square))


def test_several_images_stay_in_their_order(tiny_model: AestheticModel) -> None:
    family, images = tiny_model.family, [picture(60, 70), picture(90, 40)]
    stock = family.image_processor(images, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(values(family, *images), stock, rtol=0, atol=1e-6)


def test_no_image_is_an_empty_tensor(tiny_model: AestheticModel) -> None:
    assert tiny_model.family.collate_images([])["pixels"].shape == (0, 3, 56, 56)


@pytest.mark.parametrize(
    "options", [{"resample": 2}, {"size": {"shortest_edge": 56}}], ids=["bilinear", "shortest edge"]
)
def test_a_processor_that_does_something_else_is_refused(
    tiny_model: AestheticModel, options: dict[str, Any]
) -> None:
    processor = GotOcr2ImageProcessorPil(**options)
    with pytest.raises(ValueError, match="expected an image processor that squashes"):
        InternVLFamily(tiny_model.family.tokenizer, processor, tokens_per_image=4, protocol=PLAIN)


@pytest.mark.parametrize(
    "options",
    [
        SIDE | {"resample": 2},
        {"size": {"shortest_edge": 60}, "crop_size": {"height": 56, "width": 56}},
        {"size": {"shortest_edge": 56}, "crop_size": {"height": 50, "width": 56}},
    ],
)
def test_a_clip_processor_of_another_tile_is_refused(
    options: dict[str, Any], texts: list[str]
) -> None:
    tokenizer = build_family_tiny("llava", texts).family.tokenizer
    with pytest.raises(ValueError, match="tiles of 56 pixels"):
        llava(tokenizer, CLIPImageProcessorPil(**options))


def test_pixel_limits_of_a_tile_are_refused(tiny_model: AestheticModel) -> None:
    own = tiny_model.family
    with pytest.raises(ValueError, match="min_pixels and max_pixels"):
        InternVLFamily(
            own.tokenizer, own.image_processor, tokens_per_image=4, protocol=PLAIN,
            images=ImagesConfig(max_pixels=1000),
        )  # fmt: skip


def test_a_tokenizer_without_image_tokens_is_refused(tiny_model: AestheticModel) -> None:
    class Bare:
        unk_token_id = 0

        def convert_tokens_to_ids(self, token: str) -> int:
            return 0 if token == "</img>" else 7

    processor = tiny_model.family.image_processor
    with pytest.raises(ValueError, match="the tokenizer has no token '</img>'"):
        InternVLFamily(Bare(), processor, tokens_per_image=4, protocol=PLAIN)  # type: ignore[arg-type]


def test_preprocessing_is_recorded(tiny_model: AestheticModel) -> None:
    record = tiny_model.family.preprocessing()
    assert record["backend"] == "pil"
    assert record["size"] == [56, 56]
    assert record["fit"] == "squash"
    assert record["tokens_per_image"] == 4


@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (3, 900_000)])
def test_a_small_file_of_an_odd_shape_takes_no_more_than_a_large_image(
    fit: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    new, resize = Image.new, Image.Image.resize

    def watched_new(mode: str, shape: tuple[int, int], *more: Any) -> Image.Image:
        made.append(shape[0] * shape[1])
        assert made[-1] <= tiles.MAX_PIXELS
        return new(mode, shape, *more)

    def watched_resize(self: Image.Image, shape: Any, *more: Any) -> Image.Image:
        made.append(shape[0] * shape[1])
        assert made[-1] <= tiles.MAX_PIXELS
        return resize(self, shape, *more)

    image = Image.new("RGB", size, (255, 0, 0))
    monkeypatch.setattr(Image, "new", watched_new)
    monkeypatch.setattr(Image.Image, "resize", watched_resize)
    pixels = tile(image, 448, fit, (0.0, 0.0, 0.0))
    assert pixels.shape == (3, 448, 448)
    assert made
    if fit == "crop":  # nothing but the image
        assert (pixels == torch.tensor([255, 0, 0], dtype=torch.uint8)[:, None, None]).all()


def test_what_is_scaled_before_it_is_padded_looks_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a smaller limit; an image within it is what it was, to the bit."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    image = small.resize((400, 300), Image.Resampling.BICUBIC)
    plain = tile(image, 56, "pad", (0.5, 0.5, 0.5))
    monkeypatch.setattr(tiles, "MAX_PIXELS", 400 * 400)
    assert torch.equal(tile(image, 56, "pad", (0.5, 0.5, 0.5)), plain)
    monkeypatch.setattr(tiles, "MAX_PIXELS", 200 * 200)
    found = tile(image, 56, "pad", (0.5, 0.5, 0.5))
    assert (found.float() - plain.float()).abs().mean() < 2


def test_the_limit_is_that_of_reading() -> None:
    assert tiles.MAX_PIXELS == data_images.MAX_PIXELS
