"""Predictions made elsewhere, so that other people's models get the same treatment.

    {"kind": "score", "id": ...}                     our own rows: metrics follow from them alone
    [{"image": "0_263.jpg", "score": 46.2}, ...]     as the ArtiMuse repository writes them
    {"image": "photos/a.jpg", "score": 61.3, ...}    a score file (.jsonl, .csv) of scripts/score.py
    {"baid_1.jpg": {"AesP_response": "A)"}, ...}     an AesBench submission

All but the first need the benchmark's files too, for the labels. An image is told by its path below the image
folder, by its whole path, or by its name alone where no two images of the benchmark share it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from artimuse.data.collate import Item
from artimuse.evaluation.asking import Answering
from artimuse.inference.critic import Answer
from artimuse.inference.scorer import Answered
from artimuse.inference.stream import Broken
from artimuse.records import OVERALL, DataError, Question, Sample, Source

ENCODING = "utf-8-sig"
"""With or without a mark of byte order, which tables from spreadsheets begin with."""
_SUFFIX = "_response"
_TASKS = {"AesA1": "AesA"}


def is_rows(path: Path) -> bool:
    """Whether a file holds prediction rows, which need no benchmark."""
    if path.suffix != ".jsonl":
        return False
    with path.open(encoding=ENCODING) as lines:
        first = next((line for line in lines if line.strip()), "{}")
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
    _check_scale(scale)
    names = _names(source.samples)
    scores, texts = _read(path)
    unknown = [name for name in (*scores, *texts) if _found(name, names) is None]
    if unknown:
        raise ValueError(
            f"{path}: expected images of the benchmark, found {len(unknown)} others, such as {unknown[0]!r}: "
            "give the list that these predictions were made for, or name images as it does"
        )
    _check_tasks(path, source, texts)
    notes = _placed(path, scores, scale)
    low, high = scale
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

    kept = _only(source, texts)
    return Answering(OVERALL, answers, write), replace(kept, notes=[*kept.notes, *notes])


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> tuple[dict[str, float], dict[str, dict[str, str]]]:
    """Scores by image, and answers by image and task; one of them is empty."""
    try:
        text = path.read_bytes().decode(ENCODING)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8, found another encoding: {error}") from error
    if path.suffix == ".csv":
        return _scores(path, csv.DictReader(io.StringIO(text, newline=""))), {}
    try:
        if path.suffix == ".jsonl":
            return _scores(path, map(json.loads, filter(str.strip, text.splitlines()))), {}
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON, found {error}") from error
    if isinstance(content, dict):
        return {}, _responses(path, content)
    if not isinstance(content, list):
        raise ValueError(
            f'{path}: expected a list of {{"image", "score"}} or an AesBench submission, found {content!r}'
        )
    return _scores(path, content), {}


def _scores(path: Path, rows: Iterable[Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for number, row in enumerate(rows, start=1):
        image = row.get("image") if isinstance(row, Mapping) else None
        score = row.get("score", row.get("pred_score")) if isinstance(row, Mapping) else None
        try:
            # true is a number to Python, and none of a score.
            value = math.nan if isinstance(score, bool) else float(score)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError):
            value = math.nan
        if not isinstance(image, str) or not math.isfinite(value):
            raise ValueError(
                f"{path}: record {number}: expected an `image` and a finite `score`, found {row!r}"
            )
        if image in found:
            raise ValueError(f"{path}: record {number}: {image!r} is there twice")
        found[image] = value
    return found


def _check_scale(scale: tuple[float, float]) -> None:
    low, high = scale
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"--predictions-scale: expected LOW below HIGH, the ends of the scores, found {low:g} {high:g}"
        )


def _placed(path: Path, scores: Mapping[str, float], scale: tuple[float, float]) -> list[str]:
    """What is odd about where scores lie on their stated scale; a ValueError where they leave it far."""
    if not scores:
        return []
    low, high = scale
    least, most, width = min(scores.values()), max(scores.values()), high - low
    # A regression may overshoot the ends, but not by half of the scale.
    for number, value in enumerate(scores.values(), start=1):
        if not low - width / 2 <= value <= high + width / 2:
            raise ValueError(
                f"{path}: record {number}: expected scores on {low:g}..{high:g}, found {value:g}: state the "
                "ends of their scale with --predictions-scale LOW HIGH"
            )
    if most > low + width / 10:
        return []
    return [
        f"{path.name}: all scores lie in {least:g}..{most:g}, a small part of the stated scale "
        f"{low:g}..{high:g}: if theirs is another one, state its ends with --predictions-scale LOW HIGH"
    ]


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


def _responses(path: Path, content: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for image, answers in content.items():
        tasks = {
            _task(key): text
            for key, text in (answers.items() if isinstance(answers, dict) else ())
            if key.endswith(_SUFFIX) and isinstance(text, str)
        }
        if not tasks:
            raise ValueError(
                f'{path}: {image!r}: expected answers such as {{"AesP{_SUFFIX}": "A)"}}, found {answers!r}'
            )
        found[image] = tasks
    return found


def _task(key: str) -> str:
    """`AesA` of `AesA1_response`."""
    name = key.removesuffix(_SUFFIX)
    return _TASKS.get(name, name)


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
    for form in (name, str(Path(name).resolve()), Path(name).name):
        if form in names:
            return names[form]
    return None
