"""Pixels of the Qwen-VL models: what transformers' own PIL processor gives, from an eighth of the bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from artimuse.models.families.qwen_pixels import QwenPixels

# Qwen2.5-VL's settings, and Qwen3-VL's.
SETTINGS = [
    {"patch_size": 14},
    {"patch_size": 16, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
     "size": {"shortest_edge": 65536, "longest_edge": 16777216}},
]  # fmt: skip
SIZES = [(640, 427), (427, 640), (1500, 1000), (57, 300), (28, 28), (333, 334), (20, 3000)]


def picture(size: tuple[int, int]) -> Image.Image:
    rng = np.random.default_rng(size)
    width, height = size
    noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("settings", SETTINGS, ids=["patch 14", "patch 16"])
def test_pixels_equal_the_processor_s(settings: dict, size: tuple[int, int]) -> None:
    processor = Qwen2VLImageProcessorPil(**settings)
    pixels = QwenPixels(processor)
    expected = processor(images=[picture(size)], return_tensors="pt")
    found = pixels.patches(picture(size))
    assert [list(found.grid)] == expected["image_grid_thw"].tolist()
    assert found.values.dtype == torch.uint8
    torch.testing.assert_close(
        pixels.normalize(found.values), expected["pixel_values"], rtol=0, atol=1e-6
    )
    assert pixels.image_tokens(size) == len(found.values) // pixels.merge**2


def test_what_is_sent_is_an_eighth() -> None:
    processor = Qwen2VLImageProcessorPil()
    sent = QwenPixels(processor).patches(picture((640, 427))).values
    whole = processor(images=[picture((640, 427))], return_tensors="pt")["pixel_values"]
    assert whole.numel() * whole.element_size() == 8 * sent.numel() * sent.element_size()


def test_another_resampling_is_refused() -> None:
    with pytest.raises(ValueError, match="bicubic"):
        QwenPixels(Qwen2VLImageProcessorPil(resample=Image.Resampling.NEAREST))


def test_a_strip_is_refused() -> None:
    with pytest.raises(ValueError, match="aspect ratio"):
        QwenPixels(Qwen2VLImageProcessorPil()).patches(picture((1, 201)))
