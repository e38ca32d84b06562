"""Made-up photographs for the tests: smooth colour, edges, flat areas and noise."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """Independent random pixels."""
    rng = np.random.default_rng([seed, width, height])
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def photograph(width: int, height: int, seed: int = 0) -> Image.Image:
    """A gradient with blobs, a hard edge, a patch of flat colour, and a little noise."""
    rng = np.random.default_rng(seed)
    cells = (max(2, height // 24), max(2, width // 24), 3)
    blobs = Image.fromarray(rng.integers(0, 256, cells, dtype=np.uint8))
    pixels = np.asarray(blobs.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    pixels[:, width // 2 :] *= 0.6
    pixels += rng.normal(0, 3, pixels.shape)
    pixels[: height // 4, : width // 4] = (250, 251, 252)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def retouched(image: Image.Image) -> Image.Image:
    """The same scene with the lower right quarter out of focus, and nothing else changed."""
    box = (image.width // 2, image.height // 2, image.width, image.height)
    other = image.copy()
    other.paste(image.crop(box).filter(ImageFilter.GaussianBlur(3)), box[:2])
    return other


def grained(image: Image.Image, seed: int = 0) -> Image.Image:
    """The image with noise that grows from left to right: every patch differs by another amount."""
    rng = np.random.default_rng(seed)
    pixels = np.asarray(image).astype(int)
    grain = rng.integers(-100, 101, pixels.shape) * np.arange(image.width)[:, None] // image.width
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))
