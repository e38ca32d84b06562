"""The metrics of the validation split while a model is trained: what `train.select` selects by.

The processes share the work by batches, so that a batch holds the same images on any number of them, and all
have all the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from artimuse.config import Config
from artimuse.data.collate import Item
from artimuse.data.loader import StepDataset
from artimuse.evaluation import metrics as measure
from artimuse.evaluation.held_out import predict
from artimuse.evaluation.predictions import Prediction, aspect_of
from artimuse.evaluation.sharing import Sharing
from artimuse.inference.scorer import Answered, Scorer
from artimuse.objectives.joint import Objective
from artimuse.records import DataError, Pair, Sample, Source


class Validation:
    """model -> its metrics on the validation split; the model is left in the mode that it was in.

    srcc, plcc, mae: the mean over data sets and aspects, each counted once. pair_accuracy,
    choice_accuracy: over all pairs and choices. With the metric `loss` that alone: the mean over the
    images of the batches' weighted objective.

    Args:
        sources: the validation part of every training source.
        losses: per source its batches as one pass of steps, needed for the metric `loss`.

    Raises:
        DataError: when the split holds too little for the selecting metric.
    """

    def __init__(
        self,
        config: Config,
        sources: Sequence[Source],
        *,
        device: torch.device,
        sharing: Sharing | None = None,
        losses: Sequence[StepDataset] = (),
    ) -> None:
        assert config.train.select is not None
        self.config, self.sources, self.device = config, sources, device
        self.sharing = sharing or Sharing()
        self.losses = losses
        self.metric = config.train.select.metric
        _require_enough(self.metric, sources)

    def __call__(self, model: Any) -> dict[str, float]:
        training = model.training
        try:
            if self.metric == "loss":
                return {"loss": self._loss(model.eval())}
            scorer = Scorer(
                model, device=self.device, batch_images=self.config.evaluation.batch_images
            )
            answers = _Shared(scorer, self.sharing)
            settings = self.config
            return values(
                predict(
                    answers,
                    self.sources,
                    tau=settings.objective.tau,
                    series=settings.evaluation.series,
                )
            )
        finally:
            model.train(training)

    def _loss(self, model: Any) -> float:
        objective = Objective(self.config.objective)
        batches = [(data, step) for data in self.losses for step in range(len(data))]
        found: list[tuple[int, float, int]] = []
        for number in self.sharing.own(len(batches)):
            data, step = batches[number]
            content = data[step]
            batch = content.micro_batches[0].to(self.device)
            with torch.inference_mode():
                total = objective(model(batch), batch, content.counts, scale=1.0).total
            found.append((number, float(total), content.counts.images))
        # Sorted: sums of floats depend on their order.
        every = sorted(self.sharing.gather(found))
        return sum(loss * n for _, loss, n in every) / sum(n for *_, n in every)


@dataclass(frozen=True, slots=True)
class _Shared:
    """A scorer whose batches are shared out; every process yields all the answers."""

    scorer: Scorer
    sharing: Sharing

    def answer(self, items: Sequence[Item]) -> Iterator[Answered]:
        size = self.scorer.batch_images
        starts = range(0, len(items), size)
        places = [
            place
            for number in self.sharing.own(len(starts))
            for place in range(starts[number], min(starts[number] + size, len(items)))
        ]
        own = self.scorer.answer([items[place] for place in places])
        # The items are there in every process, and large.
        bare: Any = None
        sent = [(at, replace(a, item=bare)) for at, a in zip(places, own, strict=True)]
        found = dict(self.sharing.gather(sent))
        for place, item in enumerate(items):
            yield replace(found[place], item=item)

    @property
    def compares(self) -> bool:
        return self.scorer.compares

    def score_pairs(
        self, samples: Sequence[Sample], pairs: Sequence[Pair]
    ) -> list[tuple[float, float]]:
        size = max(1, self.scorer.batch_images // 2)
        starts = range(0, len(pairs), size)
        places = [
            place
            for number in self.sharing.own(len(starts))
            for place in range(starts[number], min(starts[number] + size, len(pairs)))
        ]
        own = self.scorer.score_pairs(samples, [pairs[place] for place in places])
        found = dict(self.sharing.gather(list(zip(places, own, strict=True))))
        return [found[place] for place in range(len(pairs))]


def values(rows: Iterable[Prediction]) -> dict[str, float]:
    """Every metric that the rows have items for, without intervals; see `Validation`."""
    rows = sorted(rows, key=lambda row: str(row["id"]))
    found: dict[str, float] = {}
    groups: dict[tuple[str, str], list[Prediction]] = {}
    for row in rows:
        if row["kind"] == "score":
            groups.setdefault((str(row.get("dataset")), aspect_of(row)), []).append(row)
    scored = [
        (np.array([r["prediction"] for r in group], float), np.array([r["label"] for r in group], float))
        for _, group in sorted(groups.items())
    ]  # fmt: skip
    if scored and all(len(labels) >= measure.LEAST_CORRELATED for _, labels in scored):
        found["srcc"] = float(np.mean([measure.srcc(x, y).value for x, y in scored]))
        found["plcc"] = float(np.mean([measure.plcc(x, y).value for x, y in scored]))
    if scored:
        found["mae"] = float(np.mean([measure.mae(x, y).value for x, y in scored]))
    pairs = [row for row in rows if row["kind"] == "pair"]
    if any(row["label"] != 0.5 for row in pairs):
        scores = np.array([row.get("scores") for row in pairs], float)
        label = np.array([row["label"] for row in pairs], float)
        found["pair_accuracy"] = measure.pair_accuracy(scores[:, 0], scores[:, 1], label).value
    choices = [row for row in rows if row["kind"] == "choice"]
    if choices:
        right = [row["prediction"] == row["label"] for row in choices]
        found["choice_accuracy"] = sum(right) / len(right)
    return found


def _require_enough(metric: str, sources: Sequence[Source]) -> None:
    """Raise DataError where the split cannot be measured; better now than after hours of training."""
    labels: dict[tuple[str, str | None], int] = {}
    choices = pairs = 0
    for source in sources:
        pairs += sum(pair.probability != 0.5 for pair in source.pairs)
        for sample in source.samples:
            for question in sample.questions:
                choices += question.kind == "choice"
                if question.label is not None:
                    group = (sample.dataset, question.aspect)
                    labels[group] = labels.get(group, 0) + 1
    least = min(labels.values(), default=0)
    found, expected = {
        "srcc": (least, measure.LEAST_CORRELATED),
        "plcc": (least, measure.LEAST_CORRELATED),
        "mae": (least, 1),
        "pair_accuracy": (pairs, 1),
        "choice_accuracy": (choices, 1),
        "loss": (1, 1),
    }[metric]
    if found < expected:
        what = {"pair_accuracy": "pairs that are no tie", "choice_accuracy": "choice questions"}
        raise DataError(
            f"train.select.metric {metric!r}: expected {expected} or more "
            f"{what.get(metric, 'scores of every data set and aspect')} in the validation split, found "
            f"{found}; raise data.validation_frac, or select by another metric"
        )
