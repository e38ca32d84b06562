"""A folder of images in every form that turns up, and broken ones among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

WHOLE: tuple[str, ...] = (
    "alpha.png", "bits.png", "cmyk.jpg", "deep.png", "deeper/still/plain.webp", "grey.jpg", "odd name, ü.png",
    "palette.png", "turned.jpg", "upright.jpg",
)  # fmt: skip
"""In the order in which a folder lists them."""
BROKEN: tuple[str, ...] = ("a_page.jpg", "deeper/empty.png", "truncated.jpg")


def write_mixed(folder: Path) -> Path:
    """Ten images in nine forms, and with `turned.jpg` one of them twice: turned, and marked as turned."""
    (folder / "deeper" / "still").mkdir(parents=True)
    rng = np.random.default_rng(0)

    def noise() -> Image.Image:
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        width, height = (int(n) for n in rng.integers(60, 120, 2))
        return coarse.resize((width, height), Image.Resampling.BICUBIC)

    for name, mode in (
        ("alpha.png", "LA"), ("bits.png", "1"), ("cmyk.jpg", "CMYK"), ("grey.jpg", "L"),
        ("deeper/still/plain.webp", "RGB"), ("odd name, ü.png", "RGB"),
    ):  # fmt: skip
        noise().convert(mode).save(folder / name)
    values = rng.integers(0, 65536, (50, 70)).astype(np.uint16)
    Image.fromarray(values).save(folder / "deep.png")
    transparent = bytes([0] * 4 + [255] * 4)
    noise().quantize(8).save(folder / "palette.png", transparency=transparent)
    upright = noise()
    # Without loss, whatever the names say: the same pixels turned back by the mark.
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.save(folder / "upright.jpg", "PNG")
    upright.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.jpg", "PNG", exif=exif)
    return folder


def break_some(folder: Path) -> list[Path]:
    """Add images that cannot be read."""
    (folder / "a_page.jpg").write_text("<html>404</html>", encoding="utf-8")
    (folder / "deeper" / "empty.png").touch()
    whole = (folder / "cmyk.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    return [folder / name for name in BROKEN]
