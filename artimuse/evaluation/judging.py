"""Texts for a judge, a person or a model: two critiques of one image in both orders, or one answer alone.

    judge/pairs.jsonl      {"id": "1.jpg#0/ab", "image", "question", "first", "second", "judge", "better"}
    judge/answers.jsonl    {"id", "image", "question", "answer", "judge", "score"}
    judge/key.json         who wrote what; it stays away from the judge

The judge fills in `judge` (a name, with its version) and `better` ("first", "second" or "tie"), or `score` (0,
1 or 2, as AesBench's interpretation is judged). Then

    judged(pairs, key)      -> metrics: win_rate of the model over the other, and how far the judge follows the
                               order of the two texts

Every pair is asked in both orders, and counts for one of the two only where the judge says the same both
times; otherwise it is a tie.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from artimuse.evaluation.intervals import bootstrap, grouped_mean
from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.prediction_file import write_atomically
from artimuse.evaluation.predictions import Prediction

FOLDER, PAIRS, ANSWERS, KEY = "judge", "pairs.jsonl", "answers.jsonl", "key.json"
BETTER = ("first", "second", "tie")
POINTS = (0, 1, 2)


def write_judge_files(
    output: Path, rows: Sequence[Prediction], other: Sequence[Prediction] | None = None,
    names: tuple[str, str] = ("model", "expert"),
) -> None:  # fmt: skip
    """Files for a judge of the open answers among the rows; none where there are none.

    Args:
        other: another system's rows of the same questions; None compares with the experts' texts.
        names: of the two sides, for the key.
    """
    texts = [row for row in rows if row["kind"] == "text"]
    if not texts:
        return
    folder = output / FOLDER
    rival = _rivals(texts, other)
    pairs = [
        pair for row in texts if row["id"] in rival for pair in _both_orders(row, rival[row["id"]])
    ]
    if pairs:
        _write_lines(folder / PAIRS, pairs)
        key = {"a": names[0], "b": names[1], "of_id": "ab: a is first; ba: b is first"}
        write_atomically(folder / KEY, json.dumps(key, indent=1, ensure_ascii=False) + "\n")
    alone = [row for row in texts if row["id"] not in rival] if other is None else []
    if alone:
        _write_lines(folder / ANSWERS, [_alone(row) for row in alone])


def judged(path: Path) -> dict[str, Metric]:
    """The metrics of a judge's file, pairs or answers; every row has to be filled in.

    win_rate: share of pairs that a won, a tie counting half; units are images. ties. order_followed: share of
    pairs where the judge named the same place in both orders, whatever stood there. answer_score: the mean of
    0-2 (AesBench's interpretation).

    Raises:
        ValueError: for a row that is not filled in, is there in one order alone, or names several judges.
    """
    rows = [
        json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    if not rows:
        raise ValueError(f"{path}: expected rows of a judge, found none")
    judges = {row.get("judge") for row in rows}
    if len(judges) != 1 or not next(iter(judges)):
        raise ValueError(
            f"{path}: expected one judge's name in `judge` of every row, found {sorted(map(str, judges))}"
        )
    return _answers(path, rows) if "answer" in rows[0] else _pairs(path, rows)


def write_judged(path: Path, output: Path) -> dict[str, dict[str, Any]]:
    """`judged` as JSON, written to `judged-JUDGE.json` in the output."""
    metrics = {name: metric.as_json() for name, metric in judged(path).items()}
    judge = json.loads(path.read_text(encoding="utf-8").splitlines()[0])["judge"]
    found = {"file": str(path), "judge": judge, "metrics": metrics}
    name = f"judged-{re.sub(r'[^A-Za-z0-9._-]+', '_', judge)}.json"
    write_atomically(output / name, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    return metrics


def _rivals(texts: Sequence[Prediction], other: Sequence[Prediction] | None) -> dict[str, str]:
    if other is None:
        return {row["id"]: str(row["label"]) for row in texts if row["label"] is not None}
    return {row["id"]: str(row["prediction"]) for row in other if row["kind"] == "text"}


def _both_orders(row: Prediction, rival: str) -> Iterator[dict[str, Any]]:
    own = str(row["prediction"])
    for order, first, second in (("ab", own, rival), ("ba", rival, own)):
        yield {
            "id": f"{row['id']}/{order}",
            "image": row.get("image"),
            "question": row.get("question"),
            "first": first,
            "second": second,
            "judge": "",
            "better": "",
        }


def _alone(row: Prediction) -> dict[str, Any]:
    return {
        "id": row["id"],
        "image": row.get("image"),
        "question": row.get("question"),
        "answer": row["prediction"],
        "judge": "",
        "score": None,
    }


def _pairs(path: Path, rows: Iterable[Mapping[str, Any]]) -> dict[str, Metric]:
    said: dict[str, dict[str, str]] = {}
    for row in rows:
        question, _, order = str(row.get("id")).rpartition("/")
        better = row.get("better")
        if better not in BETTER or order not in ("ab", "ba"):
            raise ValueError(
                f"{path}: {row.get('id')!r}: expected `better` to be one of {', '.join(BETTER)}, "
                f"found {better!r}"
            )
        said.setdefault(question, {})[order] = better
    lone = [question for question, orders in said.items() if len(orders) != 2]
    if lone:
        raise ValueError(
            f"{path}: {lone[0]!r}: expected both orders, found one ({len(lone)} such pairs)"
        )
    units = [question.rpartition("#")[0] for question in said]
    won = [_won(orders["ab"], orders["ba"]) for orders in said.values()]
    followed = [orders["ab"] == orders["ba"] != "tie" for orders in said.values()]
    counts = Counter(won)
    return {
        "win_rate": _mean(won, units, wins=counts[1.0], losses=counts[0.0], ties=counts[0.5]),
        "order_followed": _mean(followed, units),
    }


def _won(ab: str, ba: str) -> float:
    """1 where a is better in both orders, 0 where b is, .5 otherwise."""
    if (ab, ba) == ("first", "second"):
        return 1.0
    return 0.0 if (ab, ba) == ("second", "first") else 0.5


def _answers(path: Path, rows: Sequence[Mapping[str, Any]]) -> dict[str, Metric]:
    for row in rows:
        if row.get("score") not in POINTS or isinstance(row.get("score"), bool):
            raise ValueError(
                f"{path}: {row.get('id')!r}: expected a `score` of 0, 1 or 2, found {row.get('score')!r}"
            )
    units = [str(row["id"]).rpartition("#")[0] for row in rows]
    return {"answer_score": _mean([float(row["score"]) for row in rows], units)}


def _mean(values: Sequence[float], units: Sequence[str], **counts: int) -> Metric:
    statistic, n = grouped_mean(values, units)
    return Metric(float(np.mean(values)), len(values), bootstrap(statistic, n), counts)


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """New files alone: what a judge filled in is never written over."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path.exists() and path.read_text(encoding="utf-8") != lines:
        return
    write_atomically(path, lines)
