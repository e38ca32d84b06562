"""artimuse.load: the numbers and texts of the scorer and the critic, for images of every kind."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from inference.mixed_images import WHOLE, break_some, write_mixed
from PIL import Image

import artimuse
from artimuse.config import ConfigError, ModelConfig, ReadoutConfig
from artimuse.data.images import ImageError
from artimuse.inference.critic import Critic
from artimuse.inference.scorer import Scorer
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.folder import save_model
from artimuse.prompts import ATTRIBUTES, protocol
from conftest import TINY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_mixed(tmp_path / "photos")


@pytest.fixture
def model(tiny_model: AestheticModel, tmp_path: Path) -> artimuse.Model:
    save_model(tiny_model, tmp_path / "model")
    return artimuse.load(tmp_path / "model", device="cpu")


def test_scores_are_those_of_the_scorer(
    model: artimuse.Model, tiny_model: AestheticModel, folder: Path
) -> None:
    paths = [folder / name for name in WHOLE]
    found = model.score(paths)
    expected = Scorer(tiny_model, device="cpu").score_images(paths)
    assert [one.scores for one in found] == expected
    assert [one.value for one in found] == [one["overall"] for one in expected]
    assert all(one.spread == one.spreads["overall"] for one in found)
    assert all(one.spread is not None and one.spread > 0 for one in found)
    assert model.score([]) == []


def test_one_image_has_one_score(model: artimuse.Model, folder: Path) -> None:
    path = folder / "turned.jpg"
    alone = model.score(path)
    assert isinstance(alone, artimuse.Score)
    assert float(alone) == alone.value
    assert model.score([path]) == [alone]
    assert model.score(str(path)) == model.score(Image.open(path)) == alone
    upright = np.asarray(Image.open(folder / "upright.jpg"))
    assert model.score(upright) == alone  # the same pixels, turned by EXIF
    assert model.score(Image.fromarray(upright)) == alone
    mixed = model.score(iter([path, str(path), Image.open(path), upright]))
    assert [one.value for one in mixed] == pytest.approx([alone.value] * 4, abs=1e-3)


def test_grey_and_transparent_arrays(model: artimuse.Model, folder: Path) -> None:
    grey = np.asarray(Image.open(folder / "grey.jpg"))
    assert grey.ndim == 2
    assert model.score(grey) == model.score(folder / "grey.jpg")
    alpha = np.asarray(Image.open(folder / "alpha.png").convert("RGBA"))
    assert model.score(alpha) == model.score(folder / "alpha.png")
    with pytest.raises(ImageError, match=r"array of float64 .*: expected uint8 of shape"):
        model.score(grey / 255)


def test_an_image_that_cannot_be_read_is_named(model: artimuse.Model, folder: Path) -> None:
    page, empty, truncated = break_some(folder)
    with pytest.raises(ImageError, match=rf"^{page}: not an image"):
        model.score(page)
    with pytest.raises(ImageError, match=rf"^images\[1\]: {empty}: empty file"):
        model.score([folder / "grey.jpg", empty, page])
    for ask in (lambda: model.ask(truncated, "Why?"), lambda: model.describe(truncated)):
        with pytest.raises(ImageError, match="truncated or damaged"):
            ask()


def test_texts_are_those_of_the_critic(
    model: artimuse.Model, tiny_model: AestheticModel, folder: Path
) -> None:
    path, critic = folder / "cmyk.jpg", Critic(tiny_model, device="cpu")
    questions = ["Is the light soft?", "Why?"]
    expected = critic.answer(path, questions, max_new_tokens=6)
    assert model.ask(path, questions, max_new_tokens=6) == expected
    assert model.ask(Image.open(path), questions[1], max_new_tokens=6) == expected[1]
    assert model.ask(path, [], max_new_tokens=6) == []
    described = model.describe(path, max_new_tokens=6)
    wordings = [protocol("plain").attribute(attribute) for attribute in ATTRIBUTES]
    assert list(described) == list(ATTRIBUTES)
    assert list(described.values()) == critic.answer(path, wordings, max_new_tokens=6)


def test_a_series_is_ranked(model: artimuse.Model, folder: Path) -> None:
    paths = [folder / name for name in WHOLE if name != "upright.jpg"]
    scores = [one.value for one in model.score(paths)]
    ranking = model.rank(paths)
    assert list(ranking.order) == sorted(range(len(paths)), key=lambda place: -scores[place])
    assert [one.value for one in ranking.scores] == sorted(scores, reverse=True)
    best, second = sorted(scores, reverse=True)[:2]
    # P'(x,y) = sigmoid(S_x - S_y) with S on 1..10 (FGAesQ): 100/9 points of 0-100 are one of theirs.
    on_ten = [1 + 9 * one / 100 for one in (best, second)]
    assert ranking.ahead[0] == pytest.approx(1 / (1 + math.exp(on_ten[1] - on_ten[0])))
    assert len(ranking.ahead) == len(paths) - 1
    assert all(0.5 <= one < 1 for one in ranking.ahead)


def test_equal_images_keep_their_order(model: artimuse.Model, folder: Path) -> None:
    ranking = model.rank([folder / "grey.jpg"] * 3)
    assert ranking.order == (0, 1, 2)
    assert ranking.ahead == pytest.approx((0.5, 0.5), abs=1e-5)
    assert model.rank([folder / "grey.jpg"]).ahead == ()
    assert model.rank([]).order == ()


def test_several_aspects(texts: list[str], folder: Path, tmp_path: Path) -> None:
    config = ModelConfig(
        scratch=TINY, readout=ReadoutConfig(kind="bins", hidden=16), aspects=["light", "overall"]
    )
    save_model(build_model(config, texts=texts, seed=0), tmp_path / "aspects")
    one = artimuse.load(str(tmp_path / "aspects"), device="cpu").score(folder / "grey.jpg")
    assert list(one.scores) == list(one.spreads) == ["light", "overall"]
    assert (one.value, one.spread) == (one.scores["light"], one.spreads["light"])
    assert one.spread is not None


def test_a_model_that_only_answers(tiny_model: AestheticModel, folder: Path) -> None:
    tiny_model.readout = None
    tiny_model.info = replace(tiny_model.info, readout=None, aspects=())
    model = artimuse.Model(tiny_model, device="cpu")
    assert isinstance(model.ask(folder / "grey.jpg", "Why?", max_new_tokens=2), str)
    for score in (model.score, lambda path: model.rank([path])):
        with pytest.raises(ValueError, match="this model has no score read-out"):
            score(folder / "grey.jpg")


def test_bfloat16(model: artimuse.Model, folder: Path, tmp_path: Path) -> None:
    halved = artimuse.load(tmp_path / "model", device="cpu", dtype="bfloat16")
    path = folder / "grey.jpg"
    assert halved.score(path).value == pytest.approx(model.score(path).value, abs=2)
    assert halved.score(path).value != model.score(path).value
    assert isinstance(halved.ask(path, "Why?", max_new_tokens=2), str)
    same = artimuse.load(tmp_path / "model", device="cpu", dtype=torch.float32)
    assert same.score(path) == model.score(path)


def test_what_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "model").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"artimuse\.load: 'runs/modle' .* mean runs/model\?"):
        artimuse.load("runs/modle")
    with pytest.raises(ValueError, match=r"runs/model: not a model folder"):
        artimuse.load("runs/model")
    with pytest.raises(ValueError, match="device 'gpu'"):
        artimuse.load("runs/model", device="gpu")
