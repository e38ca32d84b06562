"""Batches of a family without language: which view is read for which image, pair and text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from artimuse.config import ConfigError, ImagesConfig, ScratchConfig
from artimuse.data.collate import Item
from artimuse.data.views import ViewCollator, collator
from artimuse.models.scratch import scratch_family
from artimuse.prompts import protocol
from artimuse.records import DataError, Pair, Question, Sample, ScoreLabel

LABEL = ScoreLabel(6.0, 0, 10)


def family(difftoken: str = "corrected"):
    images = ImagesConfig(difftoken=difftoken, tokens=24, short_side=64)  # type: ignore[arg-type]
    made, _ = scratch_family(
        ScratchConfig(family="fgaesq", image_size=56), (), protocol=protocol("plain"), images=images
    )
    return made


@pytest.fixture
def items(tmp_path: Path) -> list[Item]:
    """Three images of a series, and one with a score."""
    made: list[Item] = []
    for number, name in enumerate(("a", "b", "c", "alone")):
        pixels = np.random.default_rng(number).integers(0, 256, (72, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        question = Question("score", aspect="overall", label=LABEL if name == "alone" else None)
        series = None if name == "alone" else "s"
        made.append(
            Item(
                Sample(name, (tmp_path / f"{name}.png",), (question,), "t", series=series),
                (question,),
            )
        )
    return made


def make(difftoken: str = "corrected", **options) -> ViewCollator:
    made = collator(
        family(difftoken),
        protocol=protocol("plain"),
        aspects=["overall"],
        datasets=["t"],
        **options,
    )
    assert isinstance(made, ViewCollator)
    return made


PAIRS = [Pair("a", "b", 0.9), Pair("c", "a", 0.4)]


def test_an_image_has_a_view_for_every_pair_and_else_one(items: list[Item]) -> None:
    batch = make()(items, PAIRS, [0, 0])
    images = batch.images
    assert batch.input_ids.shape == (4, 0)
    assert len(images["patches"]) == 5  # a|b b|a c|a a|c, and the one that is alone
    assert images["reading_readout"].tolist() == [0, 0, 1, 2, 3]
    assert images["reading_view"].tolist() == [0, 3, 1, 2, 4]
    # S(a|b) S(b|a), S(c|a) S(a|c), as places among the readings
    assert images["pair_readings"].tolist() == [[0, 2], [3, 1]]
    assert batch.pairs.tolist() == [[0, 1], [2, 0]]
    assert batch.readouts.tolist() == [0, 1, 2, 3]
    assert batch.labeled.tolist() == [False, False, False, True]


def test_without_comparing_every_image_has_one_view(items: list[Item]) -> None:
    for collate in (make("none"), make(compare=False)):
        images = collate(items, PAIRS, [0, 0]).images
        assert len(images["patches"]) == 4
        assert images["pair_readings"].shape == (0, 2)
    assert torch.equal(make("none")(items[:1]).images["scale"].unique(), torch.tensor([1]))


def test_what_a_unit_costs_is_its_views(items: list[Item]) -> None:
    for collate in (make(), make("none")):
        views = collate.views(len(items), PAIRS)
        assert views == len(collate(items, PAIRS, [0, 0]).images["patches"])


def test_a_pair_turned_round_has_the_same_views(items: list[Item]) -> None:
    there = make()(items[:2], [Pair("a", "b", 0.9)]).images
    back = make()(items[:2], [Pair("b", "a", 0.1)]).images
    for name in ("patches", "centers", "scale", "present"):
        assert torch.equal(there[name], back[name].flip(0))


def test_a_single_image_is_seen_alike_whatever_it_is_called(
    items: list[Item], tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes((tmp_path / "a.png").read_bytes())
    renamed = Item(Sample("other", (other,), items[0].questions, "t"), items[0].questions)
    here, there = (make()([item]).images for item in (items[0], renamed))
    assert all(torch.equal(here[name], there[name]) for name in here)


def test_texts_belong_to_the_views_of_their_pair(items: list[Item]) -> None:
    collate = make(texts=True)
    collate.family.collate_texts = lambda texts: {"said": torch.tensor([len(t) for t in texts])}
    pairs = [PAIRS[0], Pair("c", "a", 0.4, "abc")]
    images = collate(items, pairs, [0, 0]).images
    assert images["text_views"].tolist() == [[2, 3]]
    assert images["said"].tolist() == [3]
    assert "text_views" not in collate(items, PAIRS, [0, 0]).images


def test_questions_in_words_are_refused(items: list[Item]) -> None:
    asked = Question("text", "How is it?", answer="Fine.")
    with pytest.raises(DataError, match="has no language"):
        make()([Item(items[0].sample, (asked,))])
    two = Sample("x|y", (items[0].sample.images[0],) * 2, items[0].questions, "t")
    with pytest.raises(DataError, match="one image at a time"):
        make()([Item(two, items[0].questions)])


def test_a_layout_of_questions_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"train\.layout rows: a fgaesq model has one question"):
        collator(
            family(), protocol=protocol("plain"), aspects=["overall"], datasets=["a"], layout="rows"
        )
