"""Scores of several aspects: which of them `aspects` chooses, and the questions that they make."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence

from artimuse.data.formats.fields import BadRow
from artimuse.records import DataError, Question, Sample, ScoreLabel


def chosen_aspects(chosen: str | Sequence[str], known: Sequence[str], source: str) -> list[str]:
    """The chosen names in the order of the configuration; all known ones for "all".

    Raises:
        DataError: for a name that the format does not have.
    """
    if isinstance(chosen, str):
        return list(known)
    for name in chosen:
        if name not in known:
            near = nearest(name, known)
            raise DataError(
                f"source {source!r}: expected aspects of {', '.join(known)}, or 'all', found "
                f"{name!r}; " + (f"did you mean {near!r}?" if near else "name one of these")
            )
    return list(chosen)


def nearest(name: str, candidates: Sequence[str]) -> str | None:
    """The candidate that a misspelt name most likely stands for, in any case of letters."""
    lowered = {candidate.lower(): candidate for candidate in candidates}
    close = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return lowered[close[0]] if close else None


def score_questions(labels: Mapping[str, ScoreLabel | None]) -> tuple[Question, ...]:
    """A question for each aspect that the image has a label of.

    Raises:
        BadRow: where it has none at all.
    """
    if not any(labels.values()):
        raise BadRow(f"no score: expected one of {', '.join(labels)}, found only empty cells")
    return tuple(
        Question(kind="score", aspect=aspect, label=label)
        for aspect, label in labels.items()
        if label is not None
    )


def unlabelled_notes(file: str, aspects: Sequence[str], samples: Sequence[Sample]) -> list[str]:
    """A note for each aspect that some of a file's images have no score of."""
    labelled = Counter(question.aspect for sample in samples for question in sample.questions)
    return [
        f"{file}: {len(samples) - labelled[aspect]} images without a score of {aspect}"
        for aspect in aspects
        if labelled[aspect] < len(samples)
    ]
