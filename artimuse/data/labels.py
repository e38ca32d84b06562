"""The labels of a batch: what is known of its read-outs, and of the pairs among them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from artimuse.records import Pair, Question, Sample

Asked = tuple[Sample, Question]
"""A score question and the sample that it is asked of."""


def label_tensors(
    asked: Sequence[Asked],
    pairs: Sequence[Pair],
    *,
    aspects: Mapping[str, int],
    datasets: Mapping[str, int],
) -> dict[str, Tensor]:
    """The tensors of a Batch that say what Q read-outs and P pairs are labelled with.

    Args:
        asked: per read-out.
        aspects, datasets: the numbers of the model's aspects, the overall one first, and of its links.

    Raises:
        ValueError: for a score question about an aspect that the model does not have, or a pair of a sample
            that is not among those asked or has no overall score question.
    """
    labels = [question.label for _, question in asked]
    grades = [len(label.histogram or ()) if label else 0 for label in labels]
    histogram = np.zeros((len(asked), max(grades, default=0)), dtype=np.float32)
    for number, label in enumerate(labels):
        if label and label.histogram:
            votes = np.asarray(label.histogram)
            histogram[number, : len(votes)] = votes / votes.sum()
    # Two data sets may name a series alike.
    names = [(s.dataset, s.series) if s.series is not None else None for s, _ in asked]
    known = {name: number for number, name in enumerate(dict.fromkeys(n for n in names if n))}
    std = [
        math.nan if not label or label.std_0_100 is None else label.std_0_100 for label in labels
    ]
    return {
        "aspect": torch.tensor([_aspect(q, aspects) for _, q in asked], dtype=torch.int64),
        "dataset": torch.tensor(
            [datasets.get(sample.dataset, -1) for sample, _ in asked], dtype=torch.int64
        ),
        "series": torch.tensor([known[n] if n else -1 for n in names], dtype=torch.int64),
        "labeled": torch.tensor([label is not None for label in labels], dtype=torch.bool),
        "mean": torch.tensor(
            [label.score_0_100 if label else 0.0 for label in labels], dtype=torch.float32
        ),
        "std": torch.tensor(std, dtype=torch.float32),
        "histogram": torch.from_numpy(histogram),
        "grades": torch.tensor(grades, dtype=torch.int64),
        **_pairs(asked, pairs, next(iter(aspects), None)),
    }


def _aspect(question: Question, aspects: Mapping[str, int]) -> int:
    if question.aspect is None or question.aspect not in aspects:
        raise ValueError(
            f"score question about {question.aspect!r}: this model scores {', '.join(aspects)}; "
            "name the aspect in model.aspects"
        )
    return aspects[question.aspect]


def _pairs(asked: Sequence[Asked], pairs: Sequence[Pair], overall: str | None) -> dict[str, Tensor]:
    place = {s.id: n for n, (s, question) in enumerate(asked) if question.aspect == overall}
    missing = [i for pair in pairs for i in (pair.first, pair.second) if i not in place]
    if missing:
        raise ValueError(f"pair: {missing[0]!r} has no {overall!r} score question in this batch")
    return {
        "pairs": torch.tensor(
            [(place[p.first], place[p.second]) for p in pairs], dtype=torch.int64
        ).reshape(-1, 2),
        "pair_probability": torch.tensor([p.probability for p in pairs], dtype=torch.float32),
    }
