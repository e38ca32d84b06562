"""When a photograph was taken, and by which camera, as its EXIF block says.

capture("a.jpg")        # Capture(at=datetime(2026, 5, 1, 12, 0, 3, 250000), camera="Canon EOS R5 0123")

Read are DateTimeOriginal, SubSecTimeOriginal (a fraction of a second) and OffsetTimeOriginal (of UTC), of EXIF
3.0, section 4.6.6; no other date: `DateTime` is when a program wrote the file last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from artimuse.data.images import FORMATS
from artimuse.data.pil_guards import SILENT

_NEVER = "0000:00:00 00:00:00"


@dataclass(frozen=True, slots=True)
class Capture:
    """at: by the camera's clock; aware of its zone where the file says so. whole_seconds: no fraction is given.
    camera: make, model and serial number, as far as they are there."""

    at: datetime
    whole_seconds: bool
    camera: str


def capture(file: str | Path) -> Capture | None:
    """Capture time of an image file, from its header alone; None where there is none, or none that is valid.

    Also for what is no image: that is for whoever reads its pixels to say.
    """
    try:
        with SILENT, Image.open(file, formats=FORMATS) as image:
            main = image.getexif()
            exif = main.get_ifd(ExifTags.IFD.Exif)
    # Damaged EXIF raises anything, SyntaxError or struct.error, and so does a damaged file.
    except Exception:
        return None
    at = _time(exif)
    if at is None:
        return None
    fraction = _text(exif, ExifTags.Base.SubsecTimeOriginal)
    if fraction.isascii() and fraction.isdigit():
        try:
            at += timedelta(seconds=float(f"0.{fraction}"))
        except OverflowError:  # rounded up to a whole second, after the last one of the year 9999
            return None
    else:
        fraction = ""
    parts = (
        _text(main, ExifTags.Base.Make),
        _text(main, ExifTags.Base.Model),
        _text(exif, ExifTags.Base.BodySerialNumber),
    )
    return Capture(at, whole_seconds=not fraction, camera=" ".join(filter(None, parts)))


def _time(exif: Any) -> datetime | None:
    text = _text(exif, ExifTags.Base.DateTimeOriginal)
    if not text or text == _NEVER:
        return None
    try:
        at = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    try:
        zone = datetime.strptime(_text(exif, ExifTags.Base.OffsetTimeOriginal), "%z").tzinfo
    except ValueError:  # none, or blanks
        return at
    return at.replace(tzinfo=zone)


def _text(tags: Any, tag: int) -> str:
    """A tag as text; "" for one that is absent, blank or no text."""
    value = tags.get(tag)
    return value.replace("\0", "").strip() if isinstance(value, str) else ""
