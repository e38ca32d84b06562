"""A tiny model, and the images of made-up benchmarks."""

from __future__ import annotations

from pathlib import Path

import pytest

from artimuse.models.aesthetic import AestheticModel
from artimuse.models.folder import save_model
from evaluation.calling import N, draw


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images, 0.jpg to 10.jpg, and two series of three."""
    folder = tmp_path_factory.mktemp("benchmark")
    for number in range(N):
        draw(folder / "images" / f"{number}.jpg", number)
    for number in range(6):
        series, image = divmod(number, 3)
        draw(folder / "fg" / f"{series:06d}" / f"{series:06d}-{image:02d}.jpg", 50 + number)
    return folder


@pytest.fixture
def model(tiny_model: AestheticModel, tmp_path: Path) -> Path:
    """Its model folder."""
    save_model(tiny_model, tmp_path / "model")
    return tmp_path / "model"
