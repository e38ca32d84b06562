"""Small pictures inside the page, as data URIs: it can be sent to somebody who does not have the images.

thumbnail("photos/a.jpg")        # data:image/jpeg;base64,...; None for what cannot be read
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from artimuse.data.images import ImageError, read_image

SIDE = 176
QUALITY = 80


def thumbnail(file: str | Path, side: int = SIDE) -> str | None:
    """The image as training reads it, at most `side` pixels wide and high; at 176, about 6 KB."""
    try:
        return data_uri(read_image(file), side)
    except ImageError:
        return None


def data_uri(image: Image.Image, side: int) -> str:
    """An RGB image, at most so many pixels wide and high, which it is itself scaled down to."""
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    image.save(written, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode("ascii")
