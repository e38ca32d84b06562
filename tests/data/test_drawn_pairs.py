"""Pairs drawn from scores: far enough apart, of one data set, and the same wherever they are drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from artimuse.config import PairsFromScores
from artimuse.data.drawn_pairs import better_probability, with_drawn_pairs
from artimuse.data.units import Unit
from artimuse.records import Pair, Question, Sample, ScoreLabel


def scored(name: str, score: float | None, dataset: str = "d", aspect: str = "overall") -> Unit:
    label = None if score is None else ScoreLabel(score, 0, 10)
    asked = (Question("score", aspect=aspect, label=label),)
    return Unit((Sample(f"{dataset}/{name}", (Path(f"{name}.jpg"),), asked, dataset),))


def points(sample: Sample) -> float:
    label = sample.questions[0].label
    assert label is not None
    return label.score_0_100


def drawn(units: list[Unit], step: int = 0, seed: int = 0, **setting: float) -> list[Unit]:
    config = PairsFromScores(**({"gap": 10.0, "images": 2} | setting))  # type: ignore[arg-type]
    return with_drawn_pairs(units, config, aspect="overall", seed=seed, step=step)


def names(units: list[Unit]) -> list[str]:
    return sorted(sample.id for unit in units for sample in unit.samples)


UNITS = [scored(str(n), n * 10 / 23, dataset="de"[n % 2]) for n in range(24)]


@pytest.mark.parametrize("images", [2, 3, 5, 40])
@pytest.mark.parametrize("gap", [0.0, 10.0, 60.0])
def test_pairs_lie_further_apart_than_the_gap_within_a_data_set(images: int, gap: float) -> None:
    found = drawn(UNITS, gap=gap, images=images)
    assert names(found) == names(UNITS)
    groups = [unit for unit in found if unit.pairs]
    assert groups
    for unit in groups:
        assert 2 <= len(unit.samples) <= images
        assert len({sample.dataset for sample in unit.samples}) == 1
        score = {s.id: points(s) for s in unit.samples}
        ordered = sorted(score.values())
        far = sum(b - a > gap for n, a in enumerate(ordered) for b in ordered[n + 1 :])
        assert len(unit.pairs) == far
        for pair in unit.pairs:
            assert abs(score[pair.first] - score[pair.second]) > gap
            assert pair.probability == float(score[pair.first] > score[pair.second])


def test_the_draw_is_a_function_of_seed_and_step() -> None:
    assert drawn(UNITS, step=3) == drawn(UNITS, step=3)
    assert drawn(UNITS, step=3) != drawn(UNITS, step=4)
    assert drawn(UNITS, step=3) != drawn(UNITS, step=3, seed=1)


def test_a_group_stands_where_its_first_image_stood() -> None:
    found = drawn(UNITS)
    first = [UNITS.index(Unit((unit.samples[0],))) for unit in found]
    assert first == sorted(first)


def test_what_has_pairs_or_no_score_stays_as_it_is() -> None:
    series = tuple(replace(scored(f"s{n}", 9.0 * n).samples[0], series="s") for n in range(2))
    ranked = Unit(series, (Pair(series[0].id, series[1].id, 0.3),))
    unscored, other = scored("u", None), scored("o", 5.0, aspect="colour")
    alone = scored("alone", 1.0, dataset="e")
    units = [ranked, unscored, scored("a", 1.0), other, scored("b", 9.0), alone]
    found = drawn(units)
    assert [unit for unit in found if unit in units] == [ranked, unscored, other, alone]
    [group] = [unit for unit in found if unit not in units]
    assert group.pairs == (Pair("d/a", "d/b", 0.0),)


def test_images_too_close_to_be_a_pair_stay_single() -> None:
    units = [scored(str(n), 5.0 + n / 100) for n in range(6)]
    assert drawn(units) == units


def test_an_image_twice_in_a_step_is_no_pair_with_itself() -> None:
    units = [scored("a", 1.0), scored("a", 1.0), scored("b", 9.0)]
    found = drawn(units, gap=0.0, images=3)
    [group] = found
    assert group.pairs == (Pair("d/a", "d/b", 0.0),) * 2


def label(mean: float, std: float | None = None, raters: int | None = None) -> ScoreLabel:
    return ScoreLabel(mean, 1, 5, std=std, raters=raters)


def test_the_probability_is_thurstone_s_on_the_standard_errors() -> None:
    first, second = label(3.0, 1.0, 25), label(2.9, 0.5, 16)
    # Points: a difference of 2.5, errors 25/5 and 12.5/4.
    z = 2.5 / math.hypot(5.0, 3.125)
    expected = 0.5 * (1 + math.erf(z / math.sqrt(2)))
    assert better_probability(first, second) == pytest.approx(expected)
    assert better_probability(second, first) == pytest.approx(1 - expected)


@pytest.mark.parametrize(
    "second", [label(2.0), label(2.0, 0.5), label(2.0, None, 7), label(2.0, 0.0, 5)]
)
def test_without_a_known_error_the_higher_mean_is_better(second: ScoreLabel) -> None:
    first = label(3.0, 0.0, 9)
    assert better_probability(first, second) == 1.0
    assert better_probability(second, first) == 0.0
    assert better_probability(second, second) == 0.5
