"""An image as a server gets it: at the size at which the model sees it, so that the server changes no pixel.

    data_uri(read_image("a.jpg"), record["images"])         # data:image/png;base64,...

Servers resize with what they have at hand, turn by EXIF or not, and may cut an image into several tiles. An
image that is upright, has the model's own size and is sent without loss leaves them nothing to do.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

from PIL import Image

from artimuse.models.families.qwen_pixels import resized
from artimuse.models.families.qwen_vl import square
from artimuse.models.families.tiles import BICUBIC, fitted


def data_uri(image: Image.Image, preprocessing: Mapping[str, Any]) -> str:
    """An RGB image as the model sees it, as a PNG.

    Args:
        preprocessing: what a model folder records of it.

    Raises:
        DataError: for an image of a shape that the model does not take.
    """
    written = io.BytesIO()
    model_sized(image, preprocessing).save(written, "PNG")
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode("ascii")


def image_tokens(size: tuple[int, int], preprocessing: Mapping[str, Any]) -> int:
    """Tokens of the prompt that an image takes which has the model's own size."""
    if "size" in preprocessing:
        return preprocessing["tokens_per_image"]
    return size[0] * size[1] // (preprocessing["patch"] * preprocessing["merge"]) ** 2


def model_sized(image: Image.Image, preprocessing: Mapping[str, Any]) -> Image.Image:
    """The pixels that a family's `pixels` has, as an image."""
    if "size" in preprocessing:
        side = preprocessing["size"][0]
        return fitted(image, side, preprocessing["fit"], preprocessing["mean"])
    factor, most = preprocessing["patch"] * preprocessing["merge"], preprocessing["max_pixels"]
    if preprocessing["fit"] == "squash":
        image = _resize(image, square(factor, most))
    least = preprocessing["min_pixels"]
    return _resize(image, resized(image.size, factor=factor, min_pixels=least, max_pixels=most))


def _resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, BICUBIC)
