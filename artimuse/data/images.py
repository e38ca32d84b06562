"""Reading an image: one function, the same in training, checking and scoring; of files, PIL images and arrays.

    read_image("a.jpg")                     # safe in several threads at once
    read_image(Image.open("a.jpg"))         # the same pixels
    read_image(np.zeros((48, 64, 3), np.uint8))

Its choices are part of a model's contract:

- every pixel is decoded: what is truncated, damaged or empty is an ImageError and never filled up;
- the EXIF orientation is applied (unreadable EXIF is no orientation), colour profiles are not;
- transparent pixels are composited over white; CMYK, palette and grey become RGB;
- grey of 16 bits is scaled to 8 by its whole range, so that 65535 is 255;
- of an animation, the first frame is read;
- more than MAX_PIXELS is an error, before any pixel is decoded.

A PIL image goes the same way as a file, its EXIF orientation included: whoever has turned it already has
turned it with `ImageOps.exif_transpose`, which removes the mark. Of an animation it is the frame that the
image stands at. An array is (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey, of uint8.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL import __version__ as pillow_version
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, TiffImageFile

from artimuse.data.pil_guards import SILENT, STRICT
from artimuse.records import DataError

ImageSource: TypeAlias = str | os.PathLike[str] | Image.Image | np.ndarray
"""A file, a PIL image, or an array of uint8."""

MAX_PIXELS = 89_478_485
"""Width times height: PIL's own limit against decompression bombs (256 MiB as RGB)."""

# Named, because PIL would also try formats that start other programs (EPS runs Ghostscript), and
# JPEG 2000, whose decoder fills up what is truncated. MPO is opened by PIL's JPEG reader.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")

# As ImageOps.exif_transpose has it; that also rewrites the EXIF block, and fails on odd ones.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_SIDEWAYS = (
    Image.Transpose.TRANSPOSE,
    Image.Transpose.ROTATE_270,
    Image.Transpose.TRANSVERSE,
    Image.Transpose.ROTATE_90,
)

_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


class ImageError(DataError):
    """An image that cannot be used: `file: kind: expected ..., found ...; what to do`."""


def read_image(source: ImageSource) -> Image.Image:
    """The whole image, upright, as RGB, without metadata. The source is left as it is.

    Raises:
        ImageError: for a file that is missing, empty, not an image, truncated, damaged, of more
            than MAX_PIXELS, or of a pixel format without a defined range; for an array of another
            shape or type.
        TypeError: for what is neither a path, a PIL image nor an array.
    """
    if isinstance(source, Image.Image):
        return _of_pil(source)
    if isinstance(source, np.ndarray):
        return _of_array(source)
    return _of_file(Path(source))


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) of what `read_image` gives, from the file's header alone: no pixel is decoded.

    Raises:
        ImageError: for a file that is missing or no image.
    """
    if not path.is_file():
        reason = "missing file: expected an image, found nothing there"
        raise _error(path, reason, "check the image folder of the source")
    with _decoding(path), Image.open(path, formats=FORMATS) as image:
        width, height = image.size
        # Of a TIFF, PIL gives the size as it will be turned.
        sideways = image.format != "TIFF" and _turn(image) in _SIDEWAYS
        return (height, width) if sideways else (width, height)


def name_of(source: ImageSource) -> str:
    """What an image is called in a message: its path, or its kind and size."""
    if isinstance(source, Image.Image):
        return f"PIL image ({source.mode}, {source.width} x {source.height})"
    if isinstance(source, np.ndarray):
        return f"array of {source.dtype} {source.shape}"
    return str(Path(source))


def _of_file(path: Path) -> Image.Image:
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise _error(path, "not a file: expected an image file, found a folder", "name a file")
        if size == 0:
            raise _error(path, "empty file: expected an image, found 0 bytes", "copy it again")
    except (FileNotFoundError, NotADirectoryError):
        reason = "missing file: expected an image, found nothing there"
        raise _error(path, reason, "check the image folder of the source") from None
    except PermissionError:
        raise _no_permission(path) from None
    with _decoding(path), Image.open(path, formats=FORMATS) as image:
        _check_size(path, image)
        _check_tiff(path, image)
        image.load()
        if image.format == "PNG":
            _check_png(path)
        return _to_rgb(path, _upright(image))


def _of_pil(image: Image.Image) -> Image.Image:
    name = name_of(image)
    with _decoding(name):
        _check_size(name, image)
        _check_tiff(name, image)
        image.load()  # of an image that `Image.open` gave and nobody has decoded yet
        return _to_rgb(name, _upright(image))


def _of_array(array: np.ndarray) -> Image.Image:
    name = name_of(array)
    grey, colour = array.ndim == 2, array.ndim == 3 and array.shape[-1] in (3, 4)
    if array.dtype != np.uint8 or not (grey or colour) or array.size == 0:
        reason = "array: expected uint8 of shape (H, W, 3), (H, W, 4) or (H, W)"
        remedy = "scale it to 0..255, put the channels last, and give one image at a time"
        raise _error(name, reason, remedy)
    with _decoding(name):
        image = Image.fromarray(np.ascontiguousarray(array))
        _check_size(name, image)
        return _to_rgb(name, image)


@contextmanager
def _decoding(name: str | Path) -> Iterator[None]:
    """Whatever PIL raises as an ImageError; nothing filled up, and no word about metadata."""
    try:
        with STRICT, SILENT:
            yield
    except ImageError:
        raise
    except PermissionError:
        raise _no_permission(name) from None
    except UnidentifiedImageError:
        reason = f"not an image: expected one of {', '.join(FORMATS)}, found other bytes"
        raise _error(name, reason, "convert or remove it") from None
    except Image.DecompressionBombError as error:
        raise _error(name, f"too large: {error}", "scale it down") from None
    # PIL's decoders raise OSError, SyntaxError, struct.error, zlib.error and more for damaged
    # bytes.
    except Exception as error:
        reason = f"truncated or damaged: expected a complete image, found: {error}"
        raise _error(name, reason, "copy it again, or remove it") from error


def _no_permission(name: str | Path) -> ImageError:
    return _error(name, "no permission: expected a readable file", "change its mode")


def _error(name: str | Path, reason: str, remedy: str) -> ImageError:
    return ImageError(f"{name}: {reason}; {remedy}")


def _check_size(name: str | Path, image: Image.Image) -> None:
    width, height = image.size
    if width * height == 0:
        raise _error(name, f"empty image: expected pixels, found {width} x {height}", "remove it")
    if width * height > MAX_PIXELS:
        reason = f"too large: expected at most {MAX_PIXELS} pixels, found {width} x {height}"
        raise _error(name, reason, "scale it down")


def _check_tiff(name: str | Path, image: Image.Image) -> None:
    """No uncompressed YCbCr before Pillow 13, which takes its three bytes a pixel for RGB and one more."""
    if not isinstance(image, TiffImageFile) or image.mode != "RGB":
        return
    stored_as_ycbcr = image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 6
    if stored_as_ycbcr and image.tile and image.tile[0][0] == "raw":
        reason = f"uncompressed YCbCr TIFF: Pillow {pillow_version} reads its pixels wrongly"
        raise _error(name, reason, "save it compressed or as RGB, or install pillow>=13")


def _check_png(path: Path) -> None:
    """The checksums of all chunks up to the last, which decoding the pixels does not look at."""
    with Image.open(path, formats=("PNG",)) as image:
        image.verify()


def _upright(image: Image.Image) -> Image.Image:
    turn = _turn(image)
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    # Damaged EXIF raises anything, SyntaxError or struct.error; viewers show the pixels as stored.
    except Exception:
        return None
    return _TURNS.get(orientation) if isinstance(orientation, int) else None


def _to_rgb(path: str | Path, image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        image = _from_16_bits(path, image)
    if image.mode == "F":
        reason = "pixel format: expected 8 or 16 bits a channel, found floats of unknown range"
        raise _error(path, reason, "save it with 8 bits")
    if image.mode in _ALPHA or "transparency" in image.info:
        if image.mode == "La":
            image = image.convert("LA")
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        rgb = Image.alpha_composite(white, image).convert("RGB")
    else:
        rgb = image.convert("RGB")
    # Metadata that stayed would have the image turned a second time by whoever looks at it next.
    rgb.info = {}
    return rgb


def _from_16_bits(path: str | Path, image: Image.Image) -> Image.Image:
    """Grey of 16 bits (PIL's `I;16...`, or `I`, stored in 32) as grey of 8, rounded to nearest."""
    values = np.asarray(image).astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        reason = f"pixel format: expected values of 16 bits, found {low}..{high}"
        raise _error(path, reason, "save it with 8 or 16 bits")
    grey = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    # A 16-bit PNG may name one grey value transparent.
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        mask = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
        return Image.merge("LA", (grey, mask))
    return grey
