"""Image preprocessing of the Qwen-VL models: resize near the image's own size, cut into patches.

    pixels = QwenPixels(image_processor)
    patches = pixels.patches(image)               # in a loader process: uint8, an eighth of the bytes
    values = pixels.normalize(patches.values)     # on the device: what the processor's `pixel_values` hold

Source: arXiv 2409.12191, section 2.1, as transformers' PIL image processor has it. A patch is `patch_size`
pixels wide; `merge_size` x `merge_size` of them become one token, and stand one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from artimuse.records import DataError


@dataclass(frozen=True, slots=True)
class Patches:
    """values: (N, 3, patch, patch) uint8 in the model's order; grid: (1, rows, columns) of patches."""

    values: Tensor
    grid: tuple[int, int, int]


class QwenPixels:
    """What a Qwen-VL image processor does, with the arithmetic on the device.

    Args:
        image_processor: a PIL-backend Qwen2VL processor (Qwen2.5-VL and Qwen3-VL ship the same class,
            with settings of their own).

    Raises:
        ValueError: for a processor that does not resize by bicubic resampling.
    """

    def __init__(self, image_processor: Any) -> None:
        if image_processor.resample != Image.Resampling.BICUBIC:
            raise ValueError(
                "qwen-vl: expected an image processor with bicubic resampling, found "
                f"{image_processor.to_json_string()}"
            )
        self.patch = int(image_processor.patch_size)
        self.merge = int(image_processor.merge_size)
        self.frames = int(image_processor.temporal_patch_size)
        self.rescale_factor = float(image_processor.rescale_factor)
        self.mean = list(image_processor.image_mean)
        self.std = list(image_processor.image_std)
        size = image_processor.size
        self.min_pixels, self.max_pixels = int(size["shortest_edge"]), int(size["longest_edge"])

    def resized(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) that an image of (width, height) is resized to; see the function of that name."""
        return resized(
            size,
            factor=self.patch * self.merge,
            min_pixels=self.min_pixels,
            max_pixels=self.max_pixels,
        )

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """(columns, rows) of image tokens of an image of (width, height)."""
        width, height = self.resized(size)
        return width // (self.patch * self.merge), height // (self.patch * self.merge)

    def image_tokens(self, size: tuple[int, int]) -> int:
        """Image tokens of an image of (width, height)."""
        columns, rows = self.grid(size)
        return columns * rows

    def patches(self, image: Image.Image) -> Patches:
        """An RGB image -> its patches, uint8."""
        size = self.resized(image.size)
        if size != image.size:
            image = image.resize(size, Image.Resampling.BICUBIC)
        pixels = np.asarray(image)
        rows, columns = pixels.shape[0] // self.patch, pixels.shape[1] // self.patch
        blocks = pixels.reshape(
            rows // self.merge, self.merge, self.patch, columns // self.merge, self.merge, self.patch, 3
        )  # fmt: skip
        ordered = blocks.transpose(0, 3, 1, 4, 6, 2, 5).reshape(-1, 3, self.patch, self.patch)
        return Patches(torch.from_numpy(np.ascontiguousarray(ordered)), (1, rows, columns))

    def normalize(self, values: Tensor) -> Tensor:
        """(N, 3, patch, patch) uint8 -> (N, 3 x frames x patch x patch) float32, on its device.

        A still image is a film of `frames` equal frames, so every patch is repeated.
        """
        mean = torch.tensor(self.mean, device=values.device)[:, None, None]
        std = torch.tensor(self.std, device=values.device)[:, None, None]
        normal = (values.float() * self.rescale_factor - mean) / std
        return normal[:, :, None].expand(-1, -1, self.frames, -1, -1).reshape(len(values), -1)


def resized(
    size: tuple[int, int], *, factor: int, min_pixels: int, max_pixels: int
) -> tuple[int, int]:
    """(width, height) that an image of (width, height) is resized to: multiples of `factor`, patch x merge.

    Raises:
        DataError: for an image more than 200 times longer than wide.
    """
    width, height = size
    try:
        tall, wide = smart_resize(
            height,
            width,
            factor=factor,
            min_pixels=min_pixels,
            max_pixels=max_pixels,
        )
    except ValueError as error:
        raise DataError(
            f"image of {width} x {height}: too long for the model ({error}); crop it"
        ) from error
    return wide, tall
