"""Pairs asked about in words: the answers are the pairs', and nothing else of a source changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from artimuse.data.formats.comparisons import add_comparisons
from artimuse.data.split import cut
from artimuse.data.units import units
from artimuse.records import Pair, Question, Sample, Source


def source(series: int = 40, images: int = 4) -> Source:
    """Series whose lower numbers are better; the last pair of each is a tie."""
    samples, pairs = [], []
    for s in range(series):
        ids = [f"made/{s}/{n}.jpg" for n in range(images)]
        for one in ids:
            asked = (Question("score", aspect="overall"),)
            samples.append(Sample(one, (Path(one),), asked, "made", str(s), "natural"))
        every = [(a, b) for n, a in enumerate(ids) for b in ids[n + 1 :]]
        pairs += [Pair(a, b, 0.8) for a, b in every[:-1]] + [Pair(*every[-1], 0.5)]
    return Source("made", samples, pairs, items=len(samples))


def compared(made: Source) -> list[Sample]:
    return [sample for sample in made.samples if len(sample.images) > 1]


def test_every_pair_but_ties_is_asked_about() -> None:
    made = source()
    before = list(made.samples)
    add_comparisons(made, 1.0)
    assert list(made.samples[: len(before)]) == before
    found = compared(made)
    assert len(found) == 40 * 5
    assert len({sample.id for sample in found}) == len(found)
    assert "200 of 240 pairs are asked about in words; 40 ties" in made.notes[-1]
    for sample in found:
        (question,) = sample.questions
        numbers = [int(image.stem) for image in sample.images]
        assert question.answer == ("A)" if numbers[0] < numbers[1] else "B)")
        assert sample.series == sample.images[0].parts[1]
    shares = sum(sample.questions[0].answer == "A)" for sample in found) / len(found)
    assert 0.4 < shares < 0.6


def test_which_way_round_a_pair_is_written_does_not_matter() -> None:
    one, other = source(), source()
    other.pairs = [Pair(p.second, p.first, 1 - p.probability) for p in other.pairs]
    add_comparisons(one, 0.5)
    add_comparisons(other, 0.5)
    assert compared(one) == compared(other)
    assert 70 < len(compared(one)) < 130


def test_a_comparison_is_a_unit_of_its_own() -> None:
    made = source(series=2)
    add_comparisons(made, 1.0)
    found = units(made)
    assert sorted(unit.images for unit in found) == [2] * 10 + [4, 4]
    assert sum(len(unit.pairs) for unit in found) == len(made.pairs)


def test_a_validation_cut_keeps_a_comparison_beside_its_images() -> None:
    made = source()
    add_comparisons(made, 1.0)
    train, validation = cut(made, 0.25, "train"), cut(made, 0.25, "validation")
    assert compared(train)
    assert compared(validation)
    assert not {i for s in train.samples for i in s.images} & {
        i for s in validation.samples for i in s.images
    }


@pytest.mark.parametrize("probability", [0.9, 0.1])
def test_a_single_pair(probability: float) -> None:
    made = replace(source(series=1, images=2))
    made.pairs = [Pair("made/0/0.jpg", "made/0/1.jpg", probability)]
    add_comparisons(made, 1.0)
    (sample,) = compared(made)
    better = "0" if probability > 0.5 else "1"
    assert (
        sample.images[sample.questions[0].options.index(sample.questions[0].answer or "")].stem
        == better
    )
