"""Drawn photographs with capture times, as a camera writes them: bursts of variations of one scene."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

from artimuse.data.demo.paint import paint
from artimuse.data.demo.scene import draw_variations

START = datetime(2026, 5, 1, 12, 0, 0)


def exif(
    at: datetime | None = None, *, zone: str | None = None, camera: str | None = None,
    fraction: str | None = None,
) -> Image.Exif:  # fmt: skip
    """An EXIF block; the fraction of a second is that of `at`, unless it is given as text ("" for none)."""
    block = Image.Exif()
    if camera is not None:
        block[ExifTags.Base.Make], block[ExifTags.Base.Model] = "Maker", camera
    if at is not None:
        inner: dict[int, object] = {
            ExifTags.Base.DateTimeOriginal: f"{at:%Y:%m:%d %H:%M:%S}",
            ExifTags.Base.SubsecTimeOriginal: f"{at:%f}"[:3] if fraction is None else fraction,
            ExifTags.Base.OffsetTimeOriginal: zone,
        }
        block.get_ifd(ExifTags.IFD.Exif).update({k: v for k, v in inner.items() if v})
    return block


def write_shot(path: Path, block: Image.Exif | None = None, *, grey: int = 128) -> Path:
    """A plain small picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (64, 48), (grey, grey, grey))
    # As bytes: PIL takes a block without a tag outside of its Exif part for none.
    picture.save(path, exif=(Image.Exif() if block is None else block).tobytes())
    return path


def write_bursts(folder: Path, lengths: Sequence[int], *, seed: int = 0) -> list[list[Path]]:
    """A folder of drawn bursts, a quarter of a second between shots and a minute between bursts."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    written: list[list[Path]] = []
    number = 0
    for burst, length in enumerate(lengths):
        written.append([])
        for shot, scene in enumerate(draw_variations(rng, max(length, 2))[:length]):
            number += 1
            at = START + timedelta(minutes=burst, seconds=0.25 * shot)
            path = folder / f"IMG_{number:04}.jpg"
            paint(scene).save(path, quality=92, exif=exif(at, camera="One").tobytes())
            written[-1].append(path)
    return written
