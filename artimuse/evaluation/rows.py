"""What was asked and answered -> prediction rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from artimuse.data.formats.choices import lettered
from artimuse.data.formats.fields import BadRow
from artimuse.evaluation.predictions import Prediction
from artimuse.records import Pair, Question, Sample

SIGNS = ").:"
"""What may follow the letter of an option in a question."""


def score_row(
    sample: Sample, question: Question, score: float, spread: float | None = None,
    *, images: Path | None = None,
) -> Prediction:  # fmt: skip
    """The row of a labelled score question.

    Args:
        images: the folder that paths of images are relative to; None keeps them as they are.
    """
    label = question.label
    assert label is not None
    return {
        "kind": "score",
        "id": sample.id,
        "label": label.score_0_100,
        "prediction": score,
        "aspect": question.aspect,
        "dataset": sample.dataset,
        "category": sample.category,
        "image": shown(sample.images[0], images),
        "scale": [label.low, label.high],
        "std": label.std_0_100,
        "raters": label.raters,
        "spread": spread,
    }


def choice_row(
    sample: Sample, number: int, question: Question, choice: str | None,
    *, response: str | None = None, images: Path | None = None,
) -> Prediction:  # fmt: skip
    """The row of the sample's question of that number; choice None is an answer that did not parse."""
    row: Prediction = {
        "kind": "choice",
        "id": f"{sample.id}#{number}",
        "label": question.answer,
        "prediction": choice,
        "options": list(question.options),
        "texts": list(option_texts(question).values()),
        "question": question.text,
        "aspect": question.aspect,
        "dataset": sample.dataset,
        "image": shown(sample.images[0], images),
        # Questions about one image stand and fall together: the interval resamples images.
        "series": sample.id,
    }
    return row if response is None else {**row, "response": response}


def text_row(
    sample: Sample, number: int, question: Question, text: str, *, cut: bool, images: Path | None
) -> Prediction:
    """The row of an open question: what was written, beside what the annotation says."""
    return {
        "kind": "text",
        "id": f"{sample.id}#{number}",
        "label": question.answer,
        "prediction": text,
        "question": question.text,
        "aspect": question.aspect,
        "dataset": sample.dataset,
        "image": shown(sample.images[0], images),
        "series": sample.id,
        "cut": cut,
    }


def pair_rows(
    pairs: Sequence[Pair], samples: Mapping[str, Sample],
    scores: Mapping[tuple[str, str], tuple[float, float]],
    *, tau: float, images: Path | None = None, own: Mapping[str, float] | None = None,
) -> Iterator[Prediction]:  # fmt: skip
    """The rows of annotated pairs.

    Args:
        samples: by id. scores: of both images of a pair, by their ids. tau: P(first better) =
            sigmoid((s_first - s_second) / tau), as the rank loss has it. own: of an image over all pairs of
            its series, where a model scores pairs.
    """
    for pair in pairs:
        one, other = samples[pair.first], samples[pair.second]
        first, second = scores[pair.first, pair.second]
        row: Prediction = {
            "kind": "pair",
            "id": f"{pair.first}|{pair.second}",
            "label": pair.probability,
            "prediction": _sigmoid((first - second) / tau),
            "scores": [first, second],
            "series": one.series,
            "dataset": one.dataset,
            "category": one.category,
            "images": [shown(sample.images[0], images) for sample in (one, other)],
        }
        if own is not None:
            row["image_scores"] = [own[pair.first], own[pair.second]]
        yield row


def rank_row(sample: Sample, value: float, score: float, *, images: Path | None) -> Prediction:
    """The row of an image of a series."""
    return {
        "kind": "rank",
        "id": sample.id,
        "label": value,
        "prediction": score,
        "series": sample.series,
        "dataset": sample.dataset,
        "category": sample.category,
        "image": shown(sample.images[0], images),
    }


def option_texts(question: Question) -> dict[str, str]:
    """Option -> what it says in the question's text; empty words where they are not found there."""
    try:
        marks = lettered(question.text, SIGNS)
    except BadRow:
        return dict.fromkeys(question.options, "")
    ends = [*(match.start() for match in marks[1:]), len(question.text)]
    said = {
        match[1]: (question.text[match.end() : end].strip().splitlines() or [""])[0].strip()
        for match, end in zip(marks, ends, strict=True)
    }
    return {option: said.get(option.lstrip("(")[:1], "") for option in question.options}


def shown(path: Path, folder: Path | None) -> str:
    """An image's path as a row has it: below the folder where it lies in it."""
    if folder is not None and path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return str(path)


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
