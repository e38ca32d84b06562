"""A step is the same whatever reads it: workers, resuming, processes and accumulation."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from artimuse.batch import Batch, Counts
from artimuse.data.loader import StepData, StepDataset, step_loader
from artimuse.data.order import Order
from artimuse.data.units import units
from artimuse.models.aesthetic import AestheticModel
from artimuse.records import Pair, Sample, Source
from conftest import make_collator

CUTS = [(1, 1), (2, 1), (1, 4), (4, 1), (2, 2)]


@pytest.fixture
def build(
    tiny_model: AestheticModel,
    make_sample: Callable[..., Sample],
    make_series: Callable[..., tuple[list[Sample], list[Pair]]],
) -> Callable[..., StepDataset]:
    """A mixture of two single-image sources and series; 4 steps of about 9 images."""
    scored = Source("a", [make_sample(f"a{n}", texts=3 + n % 4) for n in range(7)])
    texts = Source("b", [make_sample(f"b{n}", texts=6, ask_score=False) for n in range(3)])
    ranked = Source("c", [], [])
    for n in range(3):
        samples, pairs = make_series(f"c{n}", 2 + n % 2)
        ranked.samples = [*ranked.samples, *samples]
        ranked.pairs += pairs
    collated: dict[str, Any] = {}

    def make(batch_images: int = 9, text_per: str = "token", **settings: Any) -> StepDataset:
        order = Order(
            [units(source) for source in (scored, texts, ranked)],
            weights=[1, 1, 1], batch_images=batch_images, seed=3, steps=4,
        )  # fmt: skip
        collate = collated.setdefault(text_per, make_collator(tiny_model, text_per=text_per))
        return StepDataset(order, collate, seed=3, **settings)

    return make


def equal(a: Batch, b: Batch) -> bool:
    for item in fields(Batch):
        one, other = getattr(a, item.name), getattr(b, item.name)
        if isinstance(one, dict):
            if one.keys() != other.keys() or not all(torch.equal(one[k], other[k]) for k in one):
                return False
        elif not torch.equal(torch.nan_to_num(one, -7.0), torch.nan_to_num(other, -7.0)):
            return False
    return True


def assert_equal(first: list[StepData], second: list[StepData]) -> None:
    assert [s.step for s in first] == [s.step for s in second]
    for a, b in zip(first, second, strict=True):
        assert (a.counts, a.sample_ids) == (b.counts, b.sample_ids)
        assert len(a.micro_batches) == len(b.micro_batches)
        assert all(map(equal, a.micro_batches, b.micro_batches))


def test_workers_change_nothing(build: Callable[..., StepDataset]) -> None:
    data = build(questions_per_image=2, accumulation=2)
    alone = list(step_loader(data, start=0, workers=0))
    assert_equal(alone, list(step_loader(data, start=0, workers=2)))
    assert not equal(alone[0].micro_batches[0], alone[1].micro_batches[0])


FAILS = """
from artimuse.data.loader import step_loader
steps = step_loader(range(9), start=0, workers=1)
next(steps)
raise ValueError("while the trainer still holds its loader")
"""


def test_a_trainer_that_fails_ends_although_its_workers_leave_signals_to_it() -> None:
    """Python terminates the workers of an error's traceback, and waits for them."""
    ended = subprocess.run(
        [sys.executable, "-c", FAILS], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 1
    assert ended.stderr.endswith("ValueError: while the trainer still holds its loader\n")


def test_resuming_gives_the_same_steps(build: Callable[..., StepDataset]) -> None:
    data = build(questions_per_image=2)
    assert_equal(
        list(step_loader(data, start=0, workers=0))[2:], list(step_loader(data, start=2, workers=0))
    )


def whole_step(
    build: Callable[..., StepDataset], cut: tuple[int, int], step: int, **settings: Any
) -> list[StepData]:
    processes, accumulation = cut
    return [
        build(processes=processes, accumulation=accumulation, process=process, **settings)[step]
        for process in range(processes)
    ]


def real(data: StepData, dummies: list[bool]) -> list[str]:
    return [
        one for ids, dummy in zip(data.sample_ids, dummies, strict=True) if not dummy for one in ids
    ]


@pytest.mark.parametrize("cut", CUTS[1:])
@pytest.mark.parametrize("text_per", ["token", "answer"])
def test_every_cut_holds_the_same_step(
    build: Callable[..., StepDataset], cut: tuple[int, int], text_per: str
) -> None:
    for step in range(4):
        [uncut] = whole_step(build, (1, 1), step, text_per=text_per)
        parts = whole_step(build, cut, step, text_per=text_per)
        processes, accumulation = cut
        shares = build(processes=processes, accumulation=accumulation).shares(step)
        found: list[str] = []
        for process, part in enumerate(parts):
            assert part.counts == uncut.counts
            assert len(part.micro_batches) == accumulation
            found += real(part, [share.dummy for share in shares[process::processes]])
        assert Counter(found) == Counter(uncut.sample_ids[0])
        assert sum(part.tokens for part in parts) == uncut.tokens > 0


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("text_per", ["token", "answer"])
@pytest.mark.parametrize("questions", ["all", 2])
def test_counts_are_the_sums_over_the_shares(
    build: Callable[..., StepDataset], cut: tuple[int, int], text_per: str, questions: Any
) -> None:
    parts = whole_step(build, cut, 1, text_per=text_per, questions_per_image=questions)
    batches = [batch for part in parts for batch in part.micro_batches]
    processes, accumulation = cut
    shares = build(processes=processes, accumulation=accumulation).shares(1)
    counts = parts[0].counts
    assert counts.tokens == pytest.approx(sum(float(b.weights.sum()) for b in batches), rel=1e-6)
    assert counts.readouts == sum(int(b.labeled.sum()) for b in batches) > 0
    assert counts.pairs == sum(len(b.pairs) for b in batches) > 0
    assert counts.images == sum(len(s.items) for s in shares if not s.dummy)
    assert counts.ranked == sum(
        len({(int(n), int(i)) for n, pair in zip(b.pair_list, b.pairs, strict=True) for i in pair})
        for b in batches
    )


@pytest.mark.parametrize("cut", CUTS)
def test_a_series_is_never_cut(build: Callable[..., StepDataset], cut: tuple[int, int]) -> None:
    data = build(processes=cut[0], accumulation=cut[1])
    for step in range(4):
        for share in data.shares(step):
            if share.dummy:
                continue
            inside = Counter(item.sample.series for item in share.items)
            for unit in data.order.sources[2]:
                assert inside[unit.samples[0].series] % len(unit.samples) == 0
            here = {item.sample.id for item in share.items}
            assert all({pair.first, pair.second} <= here for pair in share.pairs)


def test_shares_are_of_about_equal_cost(build: Callable[..., StepDataset]) -> None:
    data = build(batch_images=30, accumulation=4)
    costs = [data._cost(share.items, share.pairs) for share in data.shares(0)]
    assert max(costs) < 1.5 * min(costs)


def test_an_empty_share_is_a_dummy_of_no_weight(build: Callable[..., StepDataset]) -> None:
    data = build(batch_images=3, accumulation=8)
    shares, step = data.shares(0), data[0]
    dummies = [n for n, share in enumerate(shares) if share.dummy]
    assert dummies
    assert len(dummies) < 8
    for n in dummies:
        batch = step.micro_batches[n]
        assert len(batch.input_ids) == 1
        assert len(batch.images["pixels"]) == 1
        assert not batch.weights.any()
        assert not batch.labeled.any()
        assert len(batch.pairs) == 0
    [uncut] = whole_step(build, (1, 1), 0, batch_images=3)
    assert step.counts == uncut.counts
    assert step.tokens == uncut.tokens, "a dummy is not counted as read"


def test_drawn_questions(build: Callable[..., StepDataset]) -> None:
    data = build(questions_per_image=2)
    sample = data.order.sources[0][0].samples[0]
    drawn = [data.draw(sample, step) for step in range(20)]
    assert drawn == [build(questions_per_image=2).draw(sample, step) for step in range(20)]
    for questions in drawn:
        assert [q.kind for q in questions] == ["text", "text", "score"]
        assert [q for q in sample.questions if q in questions] == list(questions)  # in their order
    asked = {q.aspect for questions in drawn for q in questions if q.kind == "text"}
    assert asked == {q.aspect for q in sample.questions if q.kind == "text"}


def test_the_draw_depends_on_seed_and_sample(build: Callable[..., StepDataset]) -> None:
    data = build(questions_per_image=1)
    other = build(questions_per_image=1)
    other.seed = 4
    a, b = (data.order.sources[1][n].samples[0] for n in range(2))

    def places(data: StepDataset, sample: Sample) -> list[int]:
        return [sample.questions.index(data.draw(sample, step)[0]) for step in range(20)]

    assert places(data, a) != places(data, b)
    assert places(data, a) != places(other, a)


def test_all_questions_and_fewer_than_wanted_stay(build: Callable[..., StepDataset]) -> None:
    sample = build().order.sources[0][0].samples[0]
    assert build().draw(sample, 0) == sample.questions
    assert build(questions_per_image=99).draw(sample, 0) == sample.questions


def test_counts_of_nothing_supervised(build: Callable[..., StepDataset]) -> None:
    data = build()
    assert data.counts([]) == Counts(tokens=0.0, readouts=0, pairs=0, images=0)


def test_a_source_may_ask_more_of_its_images_than_the_others(
    build: Callable[..., StepDataset],
) -> None:
    data = build(questions_per_image=1, by_dataset={"other": "all"})
    sample = next(s for unit in data.order.step(0) for s in unit.samples if len(s.questions) > 2)
    text = [q for q in data.draw(sample, 0) if q.kind != "score"]
    assert len(text) == 1
    elsewhere = replace(sample, dataset="other")
    assert data.draw(elsewhere, 0) == sample.questions
