"""Held-out sources -> prediction rows -> metrics: what a run ends with.

Works on anything that answers items (`Scorer`), and on the baselines: the model before training,
and a linear fit on pixel statistics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from artimuse.data.collate import Item
from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.pixels import PixelBaseline
from artimuse.evaluation.prediction_file import PREDICTIONS, write_predictions
from artimuse.evaluation.predictions import Kind, Prediction
from artimuse.evaluation.results import compute_metrics, results_json, write_results
from artimuse.evaluation.rows import choice_row, pair_rows, score_row
from artimuse.inference.scorer import Answered
from artimuse.inference.series import SeriesScores, SeriesScoring, score_series
from artimuse.records import OVERALL, Pair, Question, Sample, Source


class Answers(Protocol):
    """What a `Scorer` does: the answers of items, in their order."""

    def answer(self, items: Sequence[Item]) -> Iterable[Answered]: ...
    @property
    def compares(self) -> bool: ...
    def score_pairs(
        self, samples: Sequence[Sample], pairs: Sequence[Pair]
    ) -> list[tuple[float, float]]: ...


def predict(
    scorer: Answers, sources: Sequence[Source], *, tau: float, series: SeriesScoring = "pairs"
) -> list[Prediction]:
    """Prediction rows of a model: labeled scores, annotated pairs, and choice questions.

    Args:
        tau: P(first better) = sigmoid((s_first - s_second) / tau), as the rank loss has it.
        series: pairs are scored as each image is seen beside the other, by a model that compares; or "single",
            from every image alone.
    """
    together = series == "pairs" and scorer.compares
    rows: list[Prediction] = []
    for source in sources:
        # Longest first would be faster; the order of the file keeps batches, so scores,
        # reproducible.
        ranked = {name for pair in source.pairs for name in (pair.first, pair.second)}
        # What is only ranked is not scored alone where it is scored beside the others.
        items = [
            Item(sample, _asked(sample))
            for sample in source.samples
            if not (together and sample.id in ranked and _labelled(sample) is None)
        ]
        overall: dict[str, float] = {}
        for answered in scorer.answer([item for item in items if item.questions]):
            sample = answered.item.sample
            scores = zip(answered.scores, answered.spreads, strict=True)
            choices = iter(answered.choices)
            for number, question in enumerate(sample.questions):
                if question.kind == "choice":
                    rows.append(choice_row(sample, number, question, next(choices)))
                elif question.kind == "score":
                    score, spread = next(scores)
                    if question.aspect == OVERALL:
                        overall[sample.id] = score
                    if question.label is not None:
                        rows.append(score_row(sample, question, score, spread))
        beside = None
        if together:
            # All of a series, also what no pair was annotated of: it is a partner of the others.
            known = {sample.series for sample in source.samples if sample.id in ranked}
            beside = score_series(scorer, [s for s in source.samples if s.series in known])
        rows += _pairs(source, overall, tau, beside)
    return rows


def predict_pixels(
    train: Sequence[Source], sources: Sequence[Source], *, tau: float, workers: int = 2
) -> list[Prediction]:
    """The rows of the linear fit on pixel statistics: scores and pairs, no choices.

    Empty where the training data has no overall score labels to fit.
    """
    labeled = [
        (s, q.label.score_0_100)
        for source in train
        for s in source.samples
        if (q := _labelled(s)) is not None and q.label is not None
    ]
    if not labeled:
        return []
    baseline = PixelBaseline.fit(
        [s.images[0] for s, _ in labeled], [y for _, y in labeled], workers=workers
    )
    rows: list[Prediction] = []
    for source in sources:
        ranked = {i for pair in source.pairs for i in (pair.first, pair.second)}
        wanted = [s for s in source.samples if s.id in ranked or _labelled(s) is not None]
        if not wanted:
            continue
        scores = baseline.predict([s.images[0] for s in wanted], workers=workers)
        overall = {s.id: float(score) for s, score in zip(wanted, scores, strict=True)}
        for sample in wanted:
            question = _labelled(sample)
            if question is not None:
                rows.append(score_row(sample, question, overall[sample.id]))
        rows += _pairs(source, overall, tau)
    return rows


def expected(sources: Sequence[Source]) -> dict[str, int]:
    """How many items of each kind the sources hold."""
    questions = [q for source in sources for s in source.samples for q in s.questions]
    counts: dict[Kind, int] = {
        "score": sum(q.label is not None for q in questions),
        "pair": sum(len(source.pairs) for source in sources),
        "choice": sum(q.kind == "choice" for q in questions),
    }
    return {kind: n for kind, n in counts.items() if n}


def save_results(
    folder: Path,
    rows: Sequence[Prediction],
    *,
    benchmark: str,
    protocol: Mapping[str, Any],
    n_expected: Mapping[str, int],
    baselines: Mapping[str, Sequence[Prediction]],
) -> dict[str, dict[str, Metric]]:
    """Write predictions (baselines in folders of their own), then results.json from them.

    Returns:
        The metrics of every system by name, the baselines first and "trained" last: the table's
        rows.
    """
    systems: dict[str, dict[str, Metric]] = {}
    for name, baseline_rows in baselines.items():
        write_predictions(folder / name.replace(" ", "_") / PREDICTIONS, baseline_rows)
        systems[name] = compute_metrics(baseline_rows)
    write_predictions(folder / PREDICTIONS, rows)
    results = results_json(
        rows,
        benchmark=benchmark,
        protocol=protocol,
        n_expected=n_expected,
        baselines=systems,
    )
    write_results(folder, results)
    return systems | {"trained": compute_metrics(rows)}


def _asked(sample: Sample) -> tuple[Question, ...]:
    return tuple(q for q in sample.questions if q.kind in ("score", "choice"))


def _labelled(sample: Sample) -> Question | None:
    """The first overall score question with a label."""
    asked = (q for q in sample.questions if q.kind == "score" and q.aspect == OVERALL)
    return next((question for question in asked if question.label is not None), None)


def _pairs(
    source: Source, overall: Mapping[str, float], tau: float, beside: SeriesScores | None = None
) -> Iterable[Prediction]:
    """beside: pairs that were scored as such; without it a pair has its images' own scores."""
    paired = {image for pair in source.pairs for image in (pair.first, pair.second)}
    samples = {sample.id: sample for sample in source.samples if sample.id in paired}
    if beside is not None:
        return pair_rows(source.pairs, samples, beside.pairs, tau=tau, own=beside.images)
    scores = {(p.first, p.second): (overall[p.first], overall[p.second]) for p in source.pairs}
    return pair_rows(source.pairs, samples, scores, tau=tau)
