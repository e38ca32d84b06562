"""The contract of order: the same steps for 1, 2 and 4 processes, any workers, and after any resume.

Blended and alternating mixtures, from sources on disk, with a last step that is incomplete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch

from artimuse.config import PairsFromScores
from artimuse.data.loader import StepDataset, step_loader
from artimuse.data.order import Order
from artimuse.data.store import open_source, write_source
from artimuse.data.units import Units, units
from artimuse.models.aesthetic import AestheticModel
from artimuse.records import Pair, Sample, Source
from conftest import make_collator

Mixture = Literal["blend", "alternate"]


@pytest.fixture
def stored(
    make_sample: Callable[..., Sample],
    make_series: Callable[..., tuple[list[Sample], list[Pair]]],
    tmp_path: Path,
) -> list[Units]:
    """7 single images, and 3 series of 2 or 3, written and opened again."""
    singles = Source("a", [make_sample(f"a{n}", texts=2, score=1.0 + n) for n in range(7)])
    series = [make_series(f"c{n}", 2 + n % 2) for n in range(3)]
    ranked = Source(
        "c",
        [s for samples, _ in series for s in samples],
        [p for _, pairs in series for p in pairs],
    )
    folder = tmp_path / "stored"
    for source in (singles, ranked):
        write_source(folder / source.name, source)
    return [units(open_source(folder / source.name)) for source in (singles, ranked)]


DRAWN = PairsFromScores(gap=5.0, images=3)


def an_order(stored: list[Units], mixture: Mixture) -> Order:
    """Two passes of the singles; the last step holds what is left of them."""
    return Order(
        stored, weights=[1, 1], batch_images=6 if mixture == "blend" else 4, seed=5,
        mixture=mixture, epochs=2,
    )  # fmt: skip


@pytest.mark.parametrize("mixture", ["blend", "alternate"])
def test_every_process_worker_and_resume_sees_the_same_steps(
    stored: list[Units], tiny_model: AestheticModel, mixture: Mixture
) -> None:
    order = an_order(stored, mixture)
    expected = [
        Counter(sample.id for unit in order.step(k) for sample in unit.samples)
        for k in range(len(order))
    ]
    collate = make_collator(tiny_model)
    for processes in (1, 2, 4):
        parts = [
            StepDataset(
                an_order(stored, mixture), collate, seed=5, processes=processes, process=process
            )
            for process in range(processes)
        ]
        for start in range(len(order)):
            workers = 2 if start == 1 and processes == 2 else 0
            found: list[Counter[str]] = [Counter() for _ in expected[start:]]
            for process, part in enumerate(parts):
                steps = list(step_loader(part, start=start, workers=workers))
                assert [step.step for step in steps] == list(range(start, len(order)))
                for held, step in zip(found, steps, strict=True):
                    share = part.shares(step.step)[process]
                    held.update([] if share.dummy else step.sample_ids[0])
            assert found == expected[start:]


@pytest.mark.parametrize("mixture", ["blend", "alternate"])
def test_a_pass_neither_repeats_nor_drops_up_to_an_incomplete_last_step(
    stored: list[Units], mixture: Mixture
) -> None:
    order = an_order(stored, mixture)
    seen = [s.id for k in range(len(order)) for unit in order.step(k) for s in unit.samples]
    singles = [name for name in seen if "/a" in name]
    for first in (0, 7):
        assert sorted(singles[first : first + 7]) == sorted(u.samples[0].id for u in stored[0])
    assert len(singles) == 14
    sizes = [sum("/a" in unit.samples[0].id for unit in order.step(k)) for k in range(len(order))]
    own = [size for size in sizes if size]
    assert own[-1] < max(own), "the last step should be incomplete, or this shows nothing"
    ranked = [name for name in seen if "/a" not in name]
    in_a_pass = sum(len(unit.samples) for unit in stored[1])
    for first in range(0, len(ranked), in_a_pass):
        part = ranked[first : first + in_a_pass]
        assert len(set(part)) == len(part)


@pytest.mark.parametrize("mixture", ["blend", "alternate"])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_drawn_pairs_are_the_same_on_every_process_and_after_every_resume(
    stored: list[Units], tiny_model: AestheticModel, mixture: Mixture, accumulation: int
) -> None:
    collate = make_collator(tiny_model)

    def steps(processes: int, process: int = 0) -> StepDataset:
        return StepDataset(
            an_order(stored, mixture), collate, seed=5, pairs_from_scores=DRAWN,
            accumulation=accumulation, processes=processes, process=process,
        )  # fmt: skip

    def pairs(data: StepDataset, step: int) -> Counter[tuple[Pair, ...]]:
        return Counter(pairs for share in data.shares(step) for pairs in share.lists)

    number = len(an_order(stored, mixture))
    whole = [pairs(steps(1), step) for step in range(number)]
    of_scores = [key for held in whole for key in held if "/a" in key[0].first]
    assert len(of_scores) > 2, "no pair was drawn, or this shows nothing"
    for processes in (1, 2, 4):
        data = steps(processes)
        # From the last step to the first: nothing depends on what was asked before.
        assert [pairs(data, step) for step in reversed(range(number))] == whole[::-1]
        for step in range(number):
            parts = [steps(processes, process)[step] for process in range(processes)]
            for part in parts:
                assert part.counts == steps(1)[step].counts
            batches = [batch for part in parts for batch in part.micro_batches]
            assert sum(len(batch.pairs) for batch in batches) == parts[0].counts.pairs
            ranked = sum(len(torch.unique(batch.pair_list)) for batch in batches)
            assert ranked == sum(whole[step].values())
            for share in data.shares(step):
                here = {item.sample.id for item in share.items}
                assert all({pair.first, pair.second} <= here for pair in share.pairs)


def test_drawing_pairs_changes_no_step(stored: list[Units], tiny_model: AestheticModel) -> None:
    collate = make_collator(tiny_model)
    order = an_order(stored, "blend")
    bare = StepDataset(order, collate, seed=5)
    data = StepDataset(order, collate, seed=5, pairs_from_scores=DRAWN)
    for step in range(len(order)):
        counts, more = bare.counts(bare.shares(step)), data.counts(data.shares(step))
        assert (counts.images, counts.readouts, counts.tokens) == (
            more.images,
            more.readouts,
            more.tokens,
        )
