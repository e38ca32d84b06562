"""Scores and answers as other programs write them: JSON, JSON lines, CSV, AesBench submissions (`given`)."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_SUFFIX = "_response"
_TASKS = {"AesA1": "AesA"}


def read_given(path: Path) -> tuple[dict[str, float], dict[str, dict[str, str]]]:
    """Scores by image, and answers by image and task; one of them is empty."""
    text = text_of(path)
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
            f"{path}: expected a list of scores or an AesBench submission, found {content!r}"
        )
    return _scores(path, content), {}


def text_of(path: Path) -> str:
    """A file's text, a byte order mark left out."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8, found {error}") from error
    except OSError as error:
        raise ValueError(
            f"{path}: expected a file of predictions, found: {error.strerror}"
        ) from error


def _scores(path: Path, rows: Iterable[Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for number, row in enumerate(rows, start=1):
        image = row.get("image") if isinstance(row, Mapping) else None
        score = row.get("score", row.get("pred_score")) if isinstance(row, Mapping) else None
        try:
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
