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


def thumbnail(file: str | Path) -> str | None:
    """The image as training reads it, at most 176 pixels wide and high, about 6 KB."""
    try:
        image = read_image(file)
    except ImageError:
        return None
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    image.save(written, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode("ascii")
