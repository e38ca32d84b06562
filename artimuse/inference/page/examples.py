"""Examples for the page: images of the demo data's test split, drawn where they are needed.

An image of the demo data follows from its number, so these are those that `make_demo_data.py` draws, which
the quickstart model has not been trained on.
"""

from __future__ import annotations

from pathlib import Path

from artimuse.data.demo import DemoSizes
from artimuse.data.demo.items import draw_item

SEED = 0
ALONE = (0, 1, 3, 9)
SERIES = (0, 1)


def draw_examples(folder: Path) -> list[list[Path]]:
    """Draw them below a folder: four images, one a list, then two series."""
    found: list[list[Path]] = []
    for dataset, numbers in (("artimuse", ALONE), ("fgaesthetics", SERIES)):
        for number in numbers:
            drawn = draw_item(folder, SEED, DemoSizes().series, dataset, "test", number).drawn
            found.append([folder / row["image"] for row in drawn])
    return found
