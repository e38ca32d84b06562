"""An image of any size -> one square tile of uint8 pixels, and its normalisation on the device.

squash  resized to the square, the aspect ratio is not kept (ArtiMuse; InternVL's tile)
pad     padded to a square with the mean colour, then resized (LLaVA-1.5)
crop    the short side resized to the tile, then the centre cut out (CLIP)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from artimuse.config import ImagesConfig
from artimuse.models.families.chat import ChatFamily
from artimuse.prompts import PromptProtocol

BICUBIC = Image.Resampling.BICUBIC
MAX_PIXELS = 89_478_485
"""As many as an image may have that is read (`artimuse.data.images`)."""


def tile(image: Image.Image, side: int, fit: str, mean: Sequence[float]) -> Tensor:
    """(3, side, side) uint8 of an RGB image; see `fitted`."""
    image = fitted(image, side, fit, mean)
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())


def fitted(image: Image.Image, side: int, fit: str, mean: Sequence[float]) -> Image.Image:
    """An RGB image as a tile of side x side pixels, resampled bicubically.

    Args:
        fit: squash, pad or crop.
        mean: colour of the padding, 0-1 per channel.

    On the way there, no image has more than MAX_PIXELS, as none has that is read: one that would, being very
    long, is scaled down before it is padded, or loses its ends before it is cropped.
    """
    if fit == "pad":
        image = _padded(image, tuple(int(value * 255) for value in mean))
    if fit == "crop":
        return _cropped(image, side)
    return image if image.size == (side, side) else image.resize((side, side), BICUBIC)


def _padded(image: Image.Image, colour: tuple[int, ...]) -> Image.Image:
    most = math.isqrt(MAX_PIXELS)
    if (long := max(image.size)) > most:  # 1 x 60000 pixels would be 10.8 GB as a square
        width, height = (max(1, round(side * most / long)) for side in image.size)
        image = image.resize((width, height), BICUBIC)
    width, height = image.size
    longest = max(width, height)
    if width == height:
        return image
    square = Image.new("RGB", (longest, longest), colour)
    square.paste(image, ((longest - width) // 2, (longest - height) // 2))
    return square


def _cropped(image: Image.Image, side: int) -> Image.Image:
    image = _without_ends(image, MAX_PIXELS // side**2)
    width, height = image.size
    # The long side is cut down, not rounded, as transformers' processors do.
    size = (
        (side, int(side * height / width))
        if width <= height
        else (int(side * width / height), side)
    )
    if image.size != size:
        image = image.resize(size, BICUBIC)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _without_ends(image: Image.Image, most: int) -> Image.Image:
    """The middle of an image that is more than `most` times as long as wide: a crop sees no more of it."""
    width, height = image.size
    longest = min(width, height) * most
    if max(width, height) <= longest:
        return image
    across, down = min(width, longest), min(height, longest)
    left, top = (width - across) // 2, (height - down) // 2
    return image.crop((left, top, left + across, top + down))


class Normalization:
    """(x * rescale_factor - mean) / std per channel, in float32, on the device of x."""

    def __init__(self, image_processor: Any) -> None:
        self.rescale_factor = float(image_processor.rescale_factor)
        self.mean = [float(value) for value in image_processor.image_mean]
        self.std = [float(value) for value in image_processor.image_std]

    def __call__(self, pixels: Tensor) -> Tensor:
        """(..., 3, height, width) uint8 -> float32."""
        mean = torch.tensor(self.mean, device=pixels.device)[:, None, None]
        std = torch.tensor(self.std, device=pixels.device)[:, None, None]
        return (pixels.float() * self.rescale_factor - mean) / std


class TileFamily(ChatFamily):
    """A family that sees every image as one square tile: what `ChatFamily` says, and

    Args:
        tokens_per_image: image tokens of a tile.
        side: width and height of the tile.
        fit: how an image is brought to the tile where `images.fit` does not say.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_processor: Any,
        *,
        tokens_per_image: int,
        side: int,
        fit: str,
        protocol: PromptProtocol,
        images: ImagesConfig | None,
    ) -> None:
        super().__init__(tokenizer, image_processor, protocol=protocol, images=images)
        if self.images.min_pixels is not None or self.images.max_pixels is not None:
            raise ValueError(
                f"model.images: min_pixels and max_pixels: {self.name} sees every image as a tile of "
                f"{side} x {side} pixels; leave them out"
            )
        self.tokens_per_image, self.side = tokens_per_image, side
        self.fit = self.images.fit or fit
        self.normalization = Normalization(image_processor)

    def image_tokens(self, size: tuple[int, int]) -> int:
        """Image tokens of an image of (width, height): one tile, whatever its size."""
        del size
        return self.tokens_per_image

    def pixels(self, image: Image.Image) -> Tensor:
        """(3, side, side) uint8."""
        return tile(image, self.side, self.fit, self.normalization.mean)

    def collate_images(self, pixels: Sequence[Tensor]) -> dict[str, Tensor]:
        """{"pixels": (N, 3, side, side) uint8}."""
        empty = torch.zeros(0, 3, self.side, self.side, dtype=torch.uint8)
        return {"pixels": torch.stack(list(pixels)) if pixels else empty}

    def model_inputs(self, images: dict[str, Tensor]) -> dict[str, Tensor]:
        """{"pixel_values": (N, 3, side, side) float32}, normalised on the device."""
        return {"pixel_values": self.normalization(images["pixels"])}

    def preprocessing(self) -> dict[str, Any]:
        """What a model folder records of it."""
        return {
            "backend": "pil",
            "size": [self.side, self.side],
            "resample": "bicubic",
            "fit": self.fit,
            "exif_orientation": "applied",
            "mean": self.normalization.mean,
            "std": self.normalization.std,
            "tokens_per_image": self.tokens_per_image,
        }
