"""The way of a sample: order -> questions -> shares -> batches, a whole optimizer step at a time.

`StepDataset[k]` is everything one process needs for optimizer step k: its micro-batches and the step's
global counts. It depends on nothing but its arguments and k, so loader workers, resuming, and the number of
processes change nothing about which samples make up a step.
"""

from __future__ import annotations

import heapq
import multiprocessing
import os
import signal
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from artimuse.batch import Batch, Counts
from artimuse.config import PairsFromScores
from artimuse.data.collate import Collator, Item
from artimuse.data.drawn_pairs import with_drawn_pairs
from artimuse.data.order import Order
from artimuse.data.units import Unit
from artimuse.data.views import ViewCollator
from artimuse.records import Pair, Question, Sample


@dataclass(frozen=True, slots=True)
class Share:
    """What one micro-batch of one process holds: items, and lists of pairs (a series or a drawn group
    each). A dummy has weight 0 everywhere."""

    items: tuple[Item, ...]
    lists: tuple[tuple[Pair, ...], ...]
    dummy: bool = False

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(pair for pairs in self.lists for pair in pairs)


@dataclass(slots=True)
class StepData:
    """One optimizer step, as one process sees it."""

    step: int
    micro_batches: list[Batch]
    counts: Counts
    sample_ids: list[list[str]]  # per micro-batch, for messages
    tokens: int = 0  # that this process reads, those of dummies left out

    def pin_memory(self) -> StepData:
        return replace(self, micro_batches=[batch.pin_memory() for batch in self.micro_batches])


class StepDataset(Dataset[StepData]):
    """Map-style data set of optimizer steps.

    Args:
        order: which units make up a step.
        collate: makes batches of them.
        seed: with the step and the sample's id decides which questions are drawn.
        questions_per_image: text questions of an image in a step; score questions always stay.
        by_dataset: the same for single data sets, by name.
        pairs_from_scores: also rank scored images that are far apart; None is annotated pairs only.
        accumulation, processes, process: how a step is cut, and which part this process gets.
    """

    def __init__(
        self,
        order: Order,
        collate: Collator | ViewCollator,
        *,
        seed: int,
        questions_per_image: Literal["all"] | int = "all",
        by_dataset: Mapping[str, Literal["all"] | int] | None = None,
        pairs_from_scores: PairsFromScores | None = None,
        accumulation: int = 1,
        processes: int = 1,
        process: int = 0,
    ) -> None:
        self.order = order
        self.collate = collate
        self.seed = seed
        self.questions_per_image = questions_per_image
        self.by_dataset = dict(by_dataset or {})
        self.pairs_from_scores = pairs_from_scores
        self.accumulation = accumulation
        self.processes = processes
        self.process = process

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, step: int) -> StepData:
        shares = self.shares(step)
        # Micro-batch m of process r is share m * processes + r.
        own = shares[self.process :: self.processes]
        batches = [self._batch(share) for share in own]
        return StepData(
            step=step,
            micro_batches=batches,
            counts=self.counts(shares),
            sample_ids=[[item.sample.id for item in share.items] for share in own],
            tokens=sum(b.tokens for b, share in zip(batches, own, strict=True) if not share.dummy),
        )

    def shares(self, step: int) -> list[Share]:
        """The whole step, cut into processes x accumulation shares of about equal cost.

        A unit is never cut. The next largest unit goes to the share with the least so far; ties go by
        index, so the cut is the same in every process.
        """
        number = self.processes * self.accumulation
        asked = [
            (unit, tuple(Item(s, self.draw(s, step)) for s in unit.samples))
            for unit in self.units(step)
        ]
        costs = [self._cost(items, unit.pairs) for unit, items in asked]
        loads = [(0, share) for share in range(number)]
        chosen: list[list[int]] = [[] for _ in range(number)]
        for index in sorted(range(len(asked)), key=lambda i: (-costs[i], i)):
            load, share = heapq.heappop(loads)
            chosen[share].append(index)
            heapq.heappush(loads, (load + costs[index], share))
        smallest = min(range(len(asked)), key=lambda i: (costs[i], i))
        return [self._share(asked, sorted(indices), smallest) for indices in chosen]

    def units(self, step: int) -> list[Unit]:
        """What is not cut in a step: images, series, and groups of scored images."""
        units = self.order.step(step)
        overall = next(iter(self.collate.aspects), None)
        if self.pairs_from_scores is None or overall is None:
            return units
        return with_drawn_pairs(
            units, self.pairs_from_scores, aspect=overall, seed=self.seed, step=step
        )

    def draw(self, sample: Sample, step: int) -> tuple[Question, ...]:
        """The questions of a sample in a step: score questions, and text questions as configured."""
        text = [number for number, q in enumerate(sample.questions) if q.kind != "score"]
        wanted = self.by_dataset.get(sample.dataset, self.questions_per_image)
        if isinstance(wanted, str) or len(text) <= wanted:
            return sample.questions
        rng = np.random.default_rng([self.seed, step, zlib.crc32(sample.id.encode())])
        kept = set(rng.choice(text, size=wanted, replace=False).tolist())
        return tuple(q for n, q in enumerate(sample.questions) if q.kind == "score" or n in kept)

    def counts(self, shares: Sequence[Share]) -> Counts:
        """The step's denominators, over all its shares."""
        items = [item for share in shares if not share.dummy for item in share.items]
        tokens = 0.0
        for item in items:
            for question in item.questions:
                if question.kind != "score" and question.answer is not None:
                    per_answer = self.collate.text_per == "answer"
                    length = len(self.collate.family.answer_ids(question.answer))
                    tokens += 1.0 if per_answer else length
        return Counts(
            tokens=tokens,
            readouts=sum(q.label is not None for item in items for q in item.questions),
            pairs=sum(len(share.pairs) for share in shares),
            images=sum(len(item.sample.images) for item in items),
            compared=sum(pair.text is not None for share in shares for pair in share.pairs),
            ranked=sum(
                len({name for pair in pairs for name in (pair.first, pair.second)})
                for share in shares
                for pairs in share.lists
            ),
        )

    def _share(
        self,
        asked: Sequence[tuple[Unit, tuple[Item, ...]]],
        indices: Sequence[int],
        smallest: int,
    ) -> Share:
        if not indices:
            # An empty share must still take part in every collective: a dummy row of weight 0.
            return Share(asked[smallest][1][:1], (), dummy=True)
        items = tuple(item for index in indices for item in asked[index][1])
        lists = (asked[index][0].pairs for index in indices)
        return Share(items, tuple(pairs for pairs in lists if pairs))

    def _batch(self, share: Share) -> Batch:
        numbers = [number for number, pairs in enumerate(share.lists) for _ in pairs]
        batch = self.collate(share.items, share.pairs, numbers)
        if share.dummy:
            batch.weights.zero_()
            batch.labeled.zero_()
        return batch

    def _cost(self, items: Sequence[Item], pairs: Sequence[Pair]) -> int:
        """A stand-in for a unit's tokens that needs no tokenizer: characters, and a prefix per image; without
        language its views."""
        if isinstance(self.collate, ViewCollator):
            return self.collate.views(len(items), pairs)
        text = sum(len(q.text) + len(q.answer or "") for item in items for q in item.questions)
        return text + 400 * sum(len(item.sample.images) for item in items)


def step_loader(
    dataset: StepDataset, *, start: int, workers: int, pin_memory: bool = False
) -> Iterator[StepData]:
    """Steps start, start + 1, ... in order, prepared ahead by worker processes."""
    loader = DataLoader(
        dataset,
        batch_size=None,
        sampler=range(start, len(dataset)),
        num_workers=workers,
        pin_memory=pin_memory,
        worker_init_fn=_start_worker if workers else None,
        persistent_workers=False,
        prefetch_factor=4 if workers else None,
    )
    return iter(loader)


def _start_worker(_: int) -> None:
    # The threads are the trainer's; a worker decodes one image after the other.
    torch.set_num_threads(1)
    # A terminal and a scheduler signal every process. The trainer decides when to stop, and a worker ends when
    # it is told to, or when the trainer is gone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Blocked, and not ignored: a trainer that ends by an error terminates its workers, and waits for them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    trainer = multiprocessing.parent_process()
    assert trainer is not None
    threading.Thread(target=_end_with, args=(trainer.pid,), daemon=True).start()


def _end_with(trainer: int | None) -> None:
    """End this worker when its trainer terminates it; whoever else does is not heard."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != trainer:
        pass
    os._exit(0)
