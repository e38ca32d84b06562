"""Predictions made elsewhere, so that other people's models get the same treatment.

    {"kind": "score", "id": ...}                     our own rows: metrics follow from them alone
    [{"image": "0_263.jpg", "score": 46.2}, ...]     as the ArtiMuse repository writes them
    {"image": "photos/a.jpg", "score": 61.3, ...}    a score file (.jsonl, .csv) of scripts/score.py
    {"baid_1.jpg": {"AesP_response": "A)"}, ...}     an AesBench submission

All but the first need the benchmark's files too, for the labels. An image is told by its path below the image
folder, by its whole path, or by its name alone where no two images of the benchmark share it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from artimuse.data.collate import Item
from artimuse.evaluation.asking import Answering
from artimuse.evaluation.given_file import read_given, text_of
from artimuse.inference.critic import Answer
from artimuse.inference.scorer import Answered
from artimuse.inference.stream import Broken
from artimuse.records import OVERALL, DataError, Question, Sample, Source

SMALL = 0.05
"""Of a scale: scores of a data set that cover less are likely to be on another."""


def is_rows(path: Path) -> bool:
    """Whether a file holds prediction rows, which need no benchmark."""
    if path.suffix != ".jsonl":
        return False
    first = next((line for line in text_of(path).splitlines() if line.strip()), "{}")
    try:
        row = json.loads(first)
    except ValueError as error:
        raise ValueError(f"{path}:1: expected a JSON object, found {error}") from error
    return isinstance(row, dict) and "kind" in row


def given_answers(
    path: Path, source: Source, scale: tuple[float, float]
) -> tuple[Answering, Source]:
    """A file as one that answers, and the source with what it answers: of a submission, its tasks alone.

    Args:
        source: what the benchmark holds. scale: the ends of the file's scores, which become 0 and 100.

    Raises:
        ValueError: for another form, an image that the benchmark has not, or one that is there twice; a scale
            without a lower and a higher end, scores far off it, and a submission to a benchmark that asks an
            image about a task twice.
    """
    _check_ends(scale)
    names = _names(source.samples)
    scores, texts = read_given(path)
    _check_asked(path, source, scores, texts)
    unread = _unread(source)
    for answers_of in (scores, texts):
        for name in [n for n in answers_of if _found(n, names) is None and Path(n).name in unread]:
            del answers_of[name]
    unknown = [name for name in (*scores, *texts) if _found(name, names) is None]
    if unknown:
        raise ValueError(
            f"{path}: expected images of the benchmark, found {len(unknown)} others, such as {unknown[0]!r}: "
            "give the list that these predictions were made for, or name images as it does"
        )
    _check_tasks(path, source, texts)
    low, high = scale
    _check_scale(path, scores, scale)
    by_id: dict[str, float] = {}
    for name, score in scores.items():
        sample = _found(name, names)
        assert sample is not None
        if sample in by_id:
            raise ValueError(f"{path}: {name!r}: expected one score per image, found a second one")
        by_id[sample] = 100 * (score - low) / (high - low)
    said = {str(_found(name, names)): tasks for name, tasks in texts.items()}

    def answers(items: Sequence[Item]) -> Iterator[Answered | Broken]:
        for item in items:
            sample = item.sample
            score = by_id.get(sample.id)
            if score is None:
                yield Broken(sample.images[0], f"{sample.id}: no score in {path}")
            else:
                n = len(item.questions)
                yield Answered(item, (score,) * n, (None,) * n, ())

    def write(sample: Sample, questions: Sequence[Question]) -> Sequence[Answer]:
        tasks = said.get(sample.id, {})
        missing = [q.aspect for q in questions if q.aspect not in tasks]
        if missing:
            raise DataError(f"{sample.id}: no {missing[0]} answer in {path}")
        return [Answer(tasks[str(question.aspect)], cut=False) for question in questions]

    asked = _only(source, texts)
    return Answering(OVERALL, answers, write), replace(
        asked, notes=[*asked.notes, *_notes(scores, texts, names, scale)]
    )


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_asked(
    path: Path, source: Source, scores: Mapping[str, Any], texts: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse an empty file, and scores where the benchmark asks questions or the other way round."""
    if not scores and not texts:
        raise ValueError(f"{path}: expected scores or answers, found none")
    asked = {q.aspect if q.kind != "score" else None for s in source.samples for q in s.questions}
    answered = {task for tasks in texts.values() for task in tasks} or {None}
    if asked and not asked & answered:
        names = {True: "scores", False: "answers"}
        raise ValueError(
            f"{path}: expected {names[None in asked]}, which this benchmark asks for, found "
            f"{names[None in answered]}"
        )


def _unread(source: Source) -> set[str]:
    """Names of images that the benchmark has, but whose rows it could not use (`bad_item`)."""
    named = (re.search(r"\((.+)\)$", item.item) for item in source.bad)
    return {Path(match[1]).name for match in named if match}


def _check_scale(path: Path, scores: Mapping[str, float], scale: tuple[float, float]) -> None:
    """A regression may run over the ends of its scale, but not by the whole of it."""
    low, high = scale
    off = [n for n, score in scores.items() if not 2 * low - high <= score <= 2 * high - low]
    if off:
        raise ValueError(
            f"{path}: expected scores on {low:g}..{high:g}, found {scores[off[0]]:g} for {off[0]!r}: give "
            "their scale with --predictions-scale"
        )


def _check_ends(scale: tuple[float, float]) -> None:
    low, high = scale
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"--predictions-scale: expected LOW below HIGH, the ends of the scores, found {low:g} {high:g}"
        )


def _check_tasks(path: Path, source: Source, texts: Mapping[str, Mapping[str, str]]) -> None:
    given = {task for answers in texts.values() for task in answers}
    for sample in source.samples:
        asked = Counter(q.aspect for q in sample.questions if q.aspect in given)
        for task, number in asked.items():
            if number > 1:
                raise ValueError(
                    f"{path}: expected one {task} question per image, found {number} about {sample.id!r}: this "
                    "form has one answer per image and task, so give prediction rows instead"
                )


def _notes(
    scores: Mapping[str, float], texts: Mapping[str, Any], names: Mapping[str, str],
    scale: tuple[float, float],
) -> Iterator[str]:  # fmt: skip
    low, high = scale
    most, least = max(scores.values(), default=high), min(scores.values(), default=low)
    # Close together, or all at its lower end: scores on 0-1 or 1-5 that are read as 0-100.
    if most - least < SMALL * (high - low) or most <= low + 2 * SMALL * (high - low):
        yield (
            f"all scores lie in {least:g}..{most:g}, a small part of their stated scale {low:g}..{high:g}: if "
            "theirs is another, state its ends with --predictions-scale, or RMSE, MAE and calibration are wrong"
        )
    bare = [name for name in (*scores, *texts) if name not in names and _whole(name) not in names]
    if bare:
        yield (
            f"{len(bare)} images are told by their file name alone, as their folders are others, such as "
            f"{bare[0]!r}"
        )


def _only(source: Source, texts: Mapping[str, Mapping[str, str]]) -> Source:
    """The source with the questions of the submission's tasks; of scores, as it is."""
    tasks = {task for answers in texts.values() for task in answers}
    if not tasks:
        return source
    kept = [
        replace(sample, questions=tuple(q for q in sample.questions if q.aspect in tasks))
        for sample in source.samples
    ]
    return replace(source, samples=[sample for sample in kept if sample.questions])


def _names(samples: Iterable[Sample]) -> dict[str, str]:
    """What a sample may be called -> its id."""
    known: dict[str, str] = {}
    every = list(samples)
    bare = Counter(sample.images[0].name for sample in every)
    for sample in every:
        known[sample.id.partition("/")[2]] = sample.id
        known[str(sample.images[0])] = sample.id
        if bare[sample.images[0].name] == 1:
            known.setdefault(sample.images[0].name, sample.id)
    return known


def _found(name: str, names: Mapping[str, str]) -> str | None:
    for form in (name, _whole(name), Path(name).name):
        if form in names:
            return names[form]
    return None


def _whole(name: str) -> str:
    return str(Path(name).resolve())
