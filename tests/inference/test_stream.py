"""Scores of many images: in their order, whatever the batch, with broken ones set aside."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inference.mixed_images import BROKEN, WHOLE, break_some, write_mixed
from PIL import Image

from artimuse.config import ModelConfig, ReadoutConfig
from artimuse.data.images import ImageSource
from artimuse.inference.scorer import Scorer
from artimuse.inference.stream import Broken, Scored, score_stream
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from conftest import TINY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_mixed(tmp_path / "photos")


def stream(
    model: AestheticModel, images: list[Any], batch_images: int = 4
) -> list[Scored | Broken]:
    scorer = Scorer(model, device="cpu", batch_images=batch_images)
    return list(score_stream(scorer, images))


def values(found: list[Scored | Broken]) -> list[float]:
    return [one.scores["overall"] for one in found if isinstance(one, Scored)]


def test_the_batch_size_changes_nothing(tiny_model: AestheticModel, folder: Path) -> None:
    images = [folder / name for name in WHOLE]
    one_by_one = stream(tiny_model, images, batch_images=1)
    assert [one.image for one in one_by_one] == images
    assert len(set(values(one_by_one))) > 5
    for batch_images in (3, 8, 50):
        found = stream(tiny_model, images, batch_images)
        assert [one.image for one in found] == images
        assert values(found) == pytest.approx(values(one_by_one), abs=1e-3)


def test_every_form_of_an_image_is_scored_alike(tiny_model: AestheticModel, folder: Path) -> None:
    """Files, PIL images and arrays; and an EXIF orientation is applied."""
    sources: list[ImageSource] = []
    for name in WHOLE:
        path = folder / name
        sources += [path, str(path), Image.open(path)]
    found = values(stream(tiny_model, sources, batch_images=6))
    assert found[1::3] == pytest.approx(found[::3], abs=1e-3)
    assert found[2::3] == pytest.approx(found[::3], abs=1e-3)
    by_name = dict(zip(WHOLE, found[::3], strict=True))
    assert by_name["turned.jpg"] == pytest.approx(by_name["upright.jpg"], abs=1e-3)
    array = np.asarray(Image.open(folder / "upright.jpg"))
    (as_array,) = values(stream(tiny_model, [array]))
    assert as_array == pytest.approx(by_name["upright.jpg"], abs=1e-3)


@pytest.mark.parametrize("batch_images", [1, 2, 4, 50])
def test_broken_images_do_not_spoil_their_batch(
    tiny_model: AestheticModel, folder: Path, batch_images: int
) -> None:
    expected = values(stream(tiny_model, [folder / name for name in WHOLE], batch_images))
    break_some(folder)
    images = sorted([folder / name for name in WHOLE + BROKEN])
    found = stream(tiny_model, images, batch_images)
    assert [one.image for one in found] == images
    broken = [one for one in found if isinstance(one, Broken)]
    assert [one.image for one in broken] == [folder / name for name in BROKEN]
    assert [one.reason.removeprefix(f"{one.image}: ").split(":")[0] for one in broken] == [
        "not an image", "empty file", "truncated or damaged",
    ]  # fmt: skip
    order = [str(one.image.relative_to(folder)) for one in found if isinstance(one, Scored)]  # type: ignore[union-attr]
    assert sorted(order) == sorted(WHOLE)
    by_name = dict(zip(WHOLE, expected, strict=True))
    assert values(found) == pytest.approx([by_name[name] for name in order], abs=1e-3)


def test_nothing_but_broken_images(tiny_model: AestheticModel, folder: Path) -> None:
    broken = break_some(folder)
    assert [type(one) for one in stream(tiny_model, broken, 2)] == [Broken] * 3
    assert stream(tiny_model, []) == []


def test_every_aspect_has_its_score_and_a_spread_is_none_where_there_is_none(
    texts: list[str], folder: Path
) -> None:
    config = ModelConfig(
        scratch=TINY, readout=ReadoutConfig(hidden=16), aspects=["light", "overall"]
    )
    model = build_model(config, texts=texts, seed=0)
    (one,) = stream(model, [folder / "grey.jpg"])
    assert isinstance(one, Scored)
    assert list(one.scores) == list(one.spreads) == ["light", "overall"]


def test_a_score_that_is_no_number_is_an_error(tiny_model: AestheticModel, folder: Path) -> None:
    assert tiny_model.readout is not None
    with torch.no_grad():
        for parameter in tiny_model.readout.parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(
        ValueError, match=r"grey\.jpg: expected a finite 'overall' score, found nan"
    ):
        stream(tiny_model, [folder / "grey.jpg"])


def test_no_thread_outlives_a_stream_that_is_left(tiny_model: AestheticModel, folder: Path) -> None:
    scorer = Scorer(tiny_model, device="cpu", batch_images=1)
    before = set(threading.enumerate())
    running = score_stream(scorer, [folder / name for name in WHOLE])
    next(running)
    assert set(threading.enumerate()) > before
    running.close()
    assert set(threading.enumerate()) == before
