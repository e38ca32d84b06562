"""Real photographs with edits of known strength, as a CSV that `configs/custom_finetune.yaml` reads.

    write_photographs(Path("data/custom"), load_photographs(), held_out={"coffee"})

The photographs are those that the scikit-image wheel ships. Several views of each are cut; every edit
is one thing done to a view (exposure, blur, saturation, crop) at a known strength, and its score says how
strong. A photograph is held out as a whole: its views and edits stand in a table of their own.
"""

from __future__ import annotations

import csv
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

COLOUR = ("astronaut", "chelsea", "coffee", "rocket", "motorcycle_left", "hubble_deep_field")
GREY = ("camera", "coins", "moon", "brick", "grass", "gravel")
"""In grey a change of saturation changes nothing, so these have no such edit."""

ORIGINAL_SCORE, STRONG_SCORE = 9.0, 2.0
STRENGTHS = (0.5, 1.0)
"""1 is a strong edit: 2.5 stops of light, a blur over 1/32 of the image, no colour or four times as much,
a crop to a sixth of each side."""
VIEWS = 8
"""Originals of each photograph."""
SIDE = 256
"""The longer side of what is written, in pixels."""


@dataclass(frozen=True, slots=True)
class Edited:
    """One image file: `edit` is "original" or what was done to it, `strength` 0 to 1."""

    name: str
    photograph: str
    view: str
    edit: str
    strength: float

    @property
    def score(self) -> float:
        """On 0-10, falling with the strength of the edit."""
        return ORIGINAL_SCORE - (ORIGINAL_SCORE - STRONG_SCORE) * self.strength


def load_photographs() -> dict[str, Image.Image]:
    """Photographs by name, as RGB, without a download."""
    data = pytest.importorskip("skimage.data", reason="scikit-image ships the photographs")
    folder = Path(data.__file__).parent
    found: dict[str, Image.Image] = {}
    for name in (*COLOUR, *GREY):
        path = next(path for path in sorted(folder.glob(f"{name}.*")) if path.suffix != ".npz")
        found[name] = Image.open(path).convert("RGB")
    return found


def write_photographs(
    folder: Path, photographs: Mapping[str, Image.Image], *, held_out: Container[str]
) -> list[Edited]:
    """Write `images/`, `scores.csv` to train on, and `held_out.csv` with the photographs named so.

    The columns are `image,score,series`: one view and its edits are a series.
    """
    (folder / "images").mkdir(parents=True)
    written: list[Edited] = []
    for photograph, whole in photographs.items():
        for view, original in views(whole, photograph).items():
            for edit, strength, image in edits(original, colour=photograph in COLOUR):
                name = f"{photograph}-{view}-{edit}-{round(100 * strength):03d}.jpg"
                image.save(folder / "images" / name, quality=92)
                written.append(Edited(name, photograph, view, edit, strength))
    for table, wanted in (("scores.csv", False), ("held_out.csv", True)):
        with (folder / table).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "score", "series"])
            for item in written:
                if (item.photograph in held_out) == wanted:
                    series = f"{item.photograph}-{item.view}"
                    writer.writerow([item.name, f"{item.score:.2f}", series])
    return written


def views(whole: Image.Image, name: str) -> dict[str, Image.Image]:
    """Originals of one photograph: the whole, and parts of it drawn by the photograph's name."""
    rng = np.random.default_rng(list(name.encode()))
    found = {"whole": whole}
    for number in range(1, VIEWS):
        width, height = (round(rng.uniform(0.4, 0.8) * side) for side in whole.size)
        left, top = (
            int(rng.integers(0, side - size + 1))
            for side, size in zip(whole.size, (width, height), strict=True)
        )
        part = whole.crop((left, top, left + width, top + height))
        if rng.random() < 0.5:
            part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        found[f"part{number}"] = part
    for view in found.values():
        view.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return found


def edits(original: Image.Image, *, colour: bool) -> Iterator[tuple[str, float, Image.Image]]:
    """The original at strength 0, and every edit at every strength."""
    yield "original", 0.0, original
    for strength in STRENGTHS:
        yield "dark", strength, expose(original, stops=-2.5 * strength)
        yield "bright", strength, expose(original, stops=2.5 * strength)
        radius = strength * max(original.size) / 32
        yield "blur", strength, original.filter(ImageFilter.GaussianBlur(radius))
        yield "crop", strength, crop(original, strength)
        if colour:
            yield "grey", strength, ImageEnhance.Color(original).enhance(1 - strength)
            yield "garish", strength, ImageEnhance.Color(original).enhance(1 + 3 * strength)


def expose(image: Image.Image, *, stops: float) -> Image.Image:
    """More or less light by a number of stops, in linear light, clipped as a sensor clips."""
    linear = (np.asarray(image, np.float32) / 255) ** 2.2 * 2**stops
    return Image.fromarray((255 * linear.clip(0, 1) ** (1 / 2.2)).round().astype(np.uint8))


def crop(image: Image.Image, strength: float) -> Image.Image:
    """Cut to the lower right corner, scaled up again: at strength 1 a sixth of each side is left."""
    width, height = image.size
    left = 1 - 5 / 6 * strength
    cut = image.crop((round(width * (1 - left)), round(height * (1 - left)), width, height))
    return cut.resize((width, height), Image.Resampling.BICUBIC)
