"""Consistency of pairs: cycles, triples, ties, and agreement with scores."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artimuse.data.checks.report.pairs import against_scores, consistency, cycles
from artimuse.records import Pair, Question, Sample, ScoreLabel, Source


def pair(one: str, other: str, probability: float = 0.8) -> Pair:
    return Pair(one, other, probability)


def source_of(pairs: list[Pair], scores: dict[str, float] | None = None) -> Source:
    """A source whose series are the images' first letters."""
    names = dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second))
    samples = []
    for name in names:
        label = ScoreLabel(scores[name], 0, 10) if scores and name in scores else None
        question = Question("score", aspect="overall", label=label)
        samples.append(Sample(name, (), (question,), "made", series=name[0]))
    return Source("made", samples, pairs)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        # (cyclic, cycles of three, triples)
        ([pair("a", "b"), pair("b", "c"), pair("a", "c")], (False, 0, 1)),
        ([pair("a", "b"), pair("b", "c"), pair("c", "a")], (True, 1, 1)),
        # The same, written the other way round.
        ([pair("b", "a", 0.2), pair("b", "c"), pair("a", "c", 0.2)], (True, 1, 1)),
        # A tie breaks the cycle and the triple.
        ([pair("a", "b"), pair("b", "c"), pair("c", "a", 0.5)], (False, 0, 0)),
        # A cycle of four without a triple.
        ([pair("a", "b"), pair("b", "c"), pair("c", "d"), pair("d", "a")], (True, 0, 0)),
        ([pair("a", "b")], (False, 0, 0)),
        ([pair("a", "b", 0.5)], (False, 0, 0)),
    ],
)
def test_cycles_of_a_series(pairs: list[Pair], expected: tuple[bool, int, int]) -> None:
    assert cycles(pairs) == expected


def test_cycles_of_a_whole_tournament() -> None:
    # a > b > c > d > e > a, and a > c > e > b > d > a: every image beats two. Of 10 triples, 5 are cycles.
    ring = "abcde"
    pairs = [pair(ring[n], ring[(n + step) % 5]) for n in range(5) for step in (1, 2)]
    assert cycles(pairs) == (True, 5, 10)


@given(st.data())
def test_random_tournaments(data: st.DataObject) -> None:
    images = data.draw(st.integers(2, 7))
    ends = list(combinations(range(images), 2))
    wins = data.draw(st.lists(st.booleans(), min_size=len(ends), max_size=len(ends)))
    pairs = [pair(str(a), str(b), 0.9 if w else 0.1) for (a, b), w in zip(ends, wins, strict=True)]
    cyclic, threes, triples = cycles(pairs)
    # A tournament has a cycle where it has one of three.
    assert cyclic == (threes > 0)
    assert triples == images * (images - 1) * (images - 2) // 6
    # Of every triple that is no cycle, one image beats both others.
    beats = [sum((p.probability > 0.5) == (p.first == str(i)) for p in pairs if str(i) in (p.first, p.second))
             for i in range(images)]  # fmt: skip
    assert threes == triples - sum(n * (n - 1) // 2 for n in beats)
    turned = [Pair(p.second, p.first, 1 - p.probability) for p in pairs]
    assert cycles(turned) == (cyclic, threes, triples)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=8))
def test_pairs_that_follow_scores_have_no_cycle(scores: list[int]) -> None:
    pairs = [
        pair(str(a), str(b), 0.5 + (scores[a] - scores[b]) / 12)
        for a, b in combinations(range(len(scores)), 2)
    ]
    assert cycles(pairs)[:2] == (False, 0)


def test_consistency_of_a_source() -> None:
    found = consistency(
        source_of(
            [
                pair("a1", "a2"), pair("a2", "a3"), pair("a3", "a1"),
                pair("b1", "b2", 1.0), pair("c1", "c2", 0.5),
            ]
        )
    )  # fmt: skip
    assert found is not None
    assert (found["n"], found["ties"], found["certain"], found["series"]) == (5, 1, 1, 3)
    assert (found["series_with_cycle"], found["cycles_of_3"], found["triples"]) == (1, 1, 1)
    assert found["per_series"]["median"] == 1
    assert found["per_series"]["max"] == 3
    assert found["strength"]["median"] == 0.8
    assert sum(found["strength"]["counts"]) == 5
    assert found["against_scores"] is None


def test_without_pairs_there_is_nothing_to_say() -> None:
    assert consistency(source_of([])) is None


def test_pairs_against_scores() -> None:
    pairs = [
        pair("a1", "a2"),  # 5 > 3: agrees
        pair("a1", "a3", 0.1),  # 5 > 4: does not
        pair("a2", "a3", 0.5),  # a tie in P
        pair("a4", "a1"),  # a tie in the scores
        pair("a1", "a5"),  # one without a score
    ]
    found = against_scores(source_of(pairs, {"a1": 5, "a2": 3, "a3": 4, "a4": 5}))
    assert found is not None
    assert (found["n"], found["decided"], found["agree"]) == (4, 2, 1)
    # Differences 20, 10, -10, 0 against P - .5 = .3, -.4, 0, .3: ranks 4 3 1 2 and 3.5 1 2 3.5.
    assert found["srcc"] == pytest.approx(1 / (5 * 4.5) ** 0.5)


def test_other_aspects_are_not_what_pairs_are_about() -> None:
    source = source_of([pair("a1", "a2")], {"a1": 5, "a2": 3})
    light = [Question("score", aspect="light", label=ScoreLabel(mean, 0, 10)) for mean in (1, 9)]
    source.samples = [
        replace(sample, questions=(*sample.questions, question))
        for sample, question in zip(source.samples, light, strict=True)
    ]
    found = against_scores(source)
    assert found is not None
    assert found["agree"] == 1
