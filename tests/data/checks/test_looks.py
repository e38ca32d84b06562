"""Looks: copies are found however they were saved, unrelated scenes and bare gradients are not."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from artimuse.data.checks.looks import same_looks, view
from artimuse.data.demo.paint import paint
from artimuse.data.demo.scene import draw_scene

COUNT = 300


@pytest.fixture(scope="module")
def scenes() -> list[Image.Image]:
    return [paint(draw_scene(np.random.default_rng([7, index]))) for index in range(COUNT)]


@pytest.fixture(scope="module")
def views(scenes: list[Image.Image]) -> np.ndarray:
    return np.stack([view(scene) for scene in scenes])


def saved(image: Image.Image, quality: int, kind: str = "JPEG") -> Image.Image:
    data = io.BytesIO()
    image.save(data, kind, quality=quality)
    return Image.open(data).convert("RGB")


def scaled(
    image: Image.Image, factor: float, method: int = Image.Resampling.BICUBIC
) -> Image.Image:
    # Each side rounded on its own, and one pixel off, as another program might.
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width + 1, height), method)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "quality 95": lambda image: saved(image, 95),
    "quality 40": lambda image: saved(image, 40),
    "WebP": lambda image: saved(image, 40, "WEBP"),
    "half": lambda image: scaled(image, 0.5),
    "quarter": lambda image: scaled(image, 0.25, Image.Resampling.BILINEAR),
    "double": lambda image: scaled(image, 2, Image.Resampling.LANCZOS),
    "half, saved": lambda image: saved(scaled(image, 0.5), 40),
    "quarter, saved": lambda image: saved(scaled(image, 0.25), 75),
    "squashed": lambda image: image.resize((64, 64)),
    "grey": lambda image: image.convert("L").convert("RGB"),
}


@pytest.mark.parametrize("kind", COPIES)
def test_every_copy_is_found_and_nothing_else(
    kind: str, scenes: list[Image.Image], views: np.ndarray
) -> None:
    chosen = range(0, COUNT, 5)
    copies = np.stack([view(COPIES[kind](scenes[index])) for index in chosen])
    found = list(same_looks(copies, views))
    assert sorted((one, other) for one, other, _ in found) == list(enumerate(chosen))
    assert max(distance for *_, distance in found) < 10


def test_unrelated_scenes_give_no_alarm(views: np.ndarray) -> None:
    assert [(one, other) for one, other, _ in same_looks(views, views)] == [
        (index, index) for index in range(COUNT)
    ]


def test_fingerprints_alone_tell_unrelated_scenes_apart(
    views: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artimuse.data.checks.looks.LEVELS", 255.0)
    assert len(list(same_looks(views, views))) == COUNT


def test_other_exposure_is_another_image(scenes: list[Image.Image], views: np.ndarray) -> None:
    darker = view(scenes[0].point(lambda level: level * 0.6))
    assert list(same_looks(darker[None], views)) == []


def test_images_without_a_look_of_their_own_are_not_compared() -> None:
    rise = np.linspace(0, 255, 32, dtype=np.uint8)
    blank = np.full((32, 32), 200, dtype=np.uint8)
    faint = np.random.default_rng(0).integers(100, 110, (32, 32), dtype=np.uint8)
    plain = np.stack([blank, np.tile(rise, (32, 1)), np.tile(rise[:, None], (1, 32)), faint])
    assert list(same_looks(plain, plain)) == []
    assert list(same_looks(plain[:0], plain)) == list(same_looks(plain, plain[:0])) == []


def test_the_search_goes_on_from_block_to_block(
    views: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sorted(same_looks(views[:100], views))
    monkeypatch.setattr("artimuse.data.checks.looks._BLOCK", 7)
    assert sorted(same_looks(views[:100], views)) == whole
