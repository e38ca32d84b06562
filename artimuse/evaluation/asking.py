"""A benchmark and whoever answers -> what is asked of which units.

A model answers (`model_answers`), or a file that another program wrote (`given`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from artimuse.config import ConfigError, FGAestheticsSource, SourceConfig
from artimuse.data.formats.aesmmit import options_of
from artimuse.data.formats.choices import lettered
from artimuse.data.formats.fgaesthetics import image_values
from artimuse.data.formats.fields import BadRow
from artimuse.data.units import units
from artimuse.evaluation.benchmarks.spec import Benchmark
from artimuse.evaluation.parsing import parse_choice
from artimuse.evaluation.phases.critiques import (
    LikelihoodPhase,
    SentimentPhase,
    critiques_of,
    partners,
)
from artimuse.evaluation.phases.phase import Phase
from artimuse.evaluation.phases.scored import Answers, BesideScores, ScoredPhase
from artimuse.evaluation.phases.written import Write, WrittenPhase
from artimuse.evaluation.rows import option_texts
from artimuse.inference.critic import Answer, Critic
from artimuse.inference.likelihood import TextLikelihood
from artimuse.inference.scorer import Scorer
from artimuse.inference.series import score_series
from artimuse.inference.stream import answer_stream
from artimuse.models.aesthetic import AestheticModel
from artimuse.records import OVERALL, BadItem, Question, Sample, Source

ChoicesBy = Literal["text", "likelihood"]
MAX_NEW_TOKENS = 256
"""An expert's critique of ArtiMuse-10K has about 100 words."""
LIKELIHOOD_BATCH = 2
"""Images of a batch whose whole texts are read: the logits of all their tokens are held at once."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How a model is asked.

    choices: read from what the model writes, as the benchmarks' authors do, or by the likeliest option.
    max_new_tokens: of a text. batch_images: of one forward pass; it decides the speed alone.
    """

    choices: ChoicesBy = "text"
    max_new_tokens: int = MAX_NEW_TOKENS
    batch_images: int = 32


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers: of a model all but `aspect` for one without scores; of a file what it can.

    beside: a series scored with every image beside the others, where the model does that; None scores each
    alone.
    aspect: what stands for the overall score; None scores nothing. likelihood: None leaves critiques to their
    texts. language: questions are answered in words; FGAesQ has none.
    """

    aspect: str | None
    scores: Answers
    write: Write
    likelihood: TextLikelihood | None = None
    beside: Callable[[Sequence[Sample]], BesideScores] | None = None
    language: bool = True


def model_answers(
    model: AestheticModel, asking: Asking, device: torch.device, *, likelihood: bool
) -> Answering:
    """A model as it is asked; with `likelihood` also for how likely given texts are."""
    scorer = Scorer(model, device=device, batch_images=asking.batch_images)
    critic = Critic(model, device=device)

    def write(sample: Sample, questions: Sequence[Question]) -> Sequence[Answer]:
        texts = [question.text for question in questions]
        return critic.write(sample.images[0], texts, max_new_tokens=asking.max_new_tokens)

    batch = min(asking.batch_images, LIKELIHOOD_BATCH)
    texts = TextLikelihood(model, device=device, batch_images=batch) if likelihood else None
    aspect = overall_of(model.info.aspects)
    return Answering(
        aspect,
        partial(answer_stream, scorer),
        write,
        texts,
        beside=partial(score_series, scorer) if scorer.compares else None,
        language=model.family.language,
    )


def overall_of(aspects: Sequence[str]) -> str | None:
    """The aspect of a model that stands for a data set's overall score: `overall`, or else its first."""
    return OVERALL if OVERALL in aspects else next(iter(aspects), None)


def asked_of(source: Source, benchmark: Benchmark) -> Source:
    """The source with what the benchmark makes of it.

    A custom table's questions that list options (`A) ...`) are choice questions. Their answer may be written as
    `parsing` reads one; one that is none of the options is bad. Of critiques, it is noted how many have no
    other text to be told from.
    """
    if benchmark.kind == "critiques":
        return replace(source, notes=[*source.notes, *_alone(source.samples)])
    if benchmark.kind != "custom":
        return source
    bad: list[BadItem] = []
    samples = [_with_choices(sample, bad) for sample in source.samples]
    return replace(source, samples=samples, bad=[*source.bad, *bad])


def phases_of(
    benchmark: Benchmark,
    source: Source,
    config: SourceConfig,
    answering: Answering,
    *,
    choices: ChoicesBy = "text",
) -> list[Phase]:
    """What is asked, in this order: scores, likelihoods, texts, and the sentiment of those texts.

    Args:
        source: of `asked_of`. config: that it was read by.

    Raises:
        ConfigError: for a benchmark of scores or series and a model without a read-out, and for one that
            asks for words and a model without language.
    """
    images, aspect = Path(config.images), answering.aspect
    if aspect is None and _needs_scores(source):
        raise ConfigError(
            f"--benchmark {benchmark.name}: it asks for scores, and this model has no score read-out: choose "
            "a model that scores, or a benchmark of choices"
        )
    if not answering.language and _needs_words(source):
        raise ConfigError(
            f"--benchmark {benchmark.name}: it asks questions, and this model has no language: choose a model "
            "that answers, or a benchmark of scores or series"
        )
    by_likelihood = choices == "likelihood"
    found: list[Phase] = [
        ScoredPhase(
            answering.scores,
            aspect or OVERALL,
            _values(config),
            images,
            choices=by_likelihood,
            beside=answering.beside,
        )
    ]
    likelihood = answering.likelihood
    if likelihood is not None:
        found.append(LikelihoodPhase(likelihood, partners(source.samples), images))
    kinds = ("text",) if by_likelihood else ("choice", "text")
    found.append(WrittenPhase(answering.write, images, kinds))
    if likelihood is not None and aspect is not None:
        found.append(SentimentPhase(answering.scores, aspect, images))
    return [phase for phase in found if any(phase.expected(unit) for unit in units(source))]


def _needs_scores(source: Source) -> bool:
    asked = (q for sample in source.samples for q in sample.questions)
    return bool(source.pairs) or any(question.label is not None for question in asked)


def _needs_words(source: Source) -> bool:
    return any(q.kind != "score" for sample in source.samples for q in sample.questions)


def _values(config: SourceConfig) -> Mapping[str, float]:
    return image_values(config, Path()) if isinstance(config, FGAestheticsSource) else {}


def _alone(samples: Sequence[Sample]) -> list[str]:
    critiques = sum(len(critiques_of(sample)) for sample in samples)
    lacking = critiques - len(partners(samples))
    return [
        f"{lacking} critiques are not asked about: no other image has another text of their attribute"
    ] * (lacking > 0)  # fmt: skip


def _with_choices(sample: Sample, bad: list[BadItem]) -> Sample:
    questions: list[Question] = []
    for number, question in enumerate(sample.questions, start=1):
        try:
            questions.append(_as_choice(question))
        except BadRow as error:
            bad.append(BadItem(sample.dataset, f"{sample.id}: question {number}", str(error)))
    return replace(sample, questions=tuple(questions))


def _as_choice(question: Question) -> Question:
    """A question that lists options as a choice question; BadRow where its answer is none of them."""
    if question.kind != "text" or not question.answer:
        return question
    try:
        marks = tuple(f"{match[1]})" for match in lettered(question.text, ")"))
    except BadRow:
        return question  # lists no options: an open question
    try:
        return replace(question, kind="choice", options=options_of(question.text, question.answer))
    except BadRow:
        texts = option_texts(replace(question, options=marks))
        named = parse_choice(question.answer, texts)
        if named is None:
            raise
        return replace(question, kind="choice", options=marks, answer=named)
