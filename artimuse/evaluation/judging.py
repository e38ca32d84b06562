"""Texts for a judge, a person or a model: two critiques of one image in both orders, or one answer alone.

    judge/pairs.jsonl      {"id", "image", "question", "first", "second", "judge", "better"}
    judge/answers.jsonl    {"id", "image", "question", "answer", "judge", "score"}
    judge/key.json         who wrote what, and which rows there are; it stays away from the judge

Rows of pairs are shuffled, and their ids say nothing. The judge fills in `judge` (a name, with its version) and
`better` ("first", "second" or "tie"), or `score` (0, 1 or 2, as AesBench's interpretation is judged). Then

    judged(pairs, key)      -> metrics: win_rate of the model over the other, and how far the judge follows the
                               order of the two texts

Every pair is asked in both orders, and counts for one of the two only where the judge says the same both
times; otherwise it is a tie.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from artimuse.evaluation.intervals import bootstrap, grouped_mean
from artimuse.evaluation.judge_files import (
    ANSWERS,
    FOLDER,
    KEY,
    PAIRS,
    check_complete,
    filled_in,
    judge_key,
    judge_of,
    judge_rows,
    write_judge_rows,
)
from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.prediction_file import write_atomically
from artimuse.evaluation.predictions import Prediction

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

    Raises:
        ValueError: where a judge has filled in files of other texts, which are left as they are.
    """
    texts = [row for row in rows if row["kind"] == "text"]
    if not texts:
        return
    folder = output / FOLDER
    rival = _rivals(texts, other)
    order: dict[str, tuple[str, str]] = {}
    pairs: list[dict[str, Any]] = []
    for row in texts:
        for side, pair in _both_orders(row, rival[row["id"]]) if row["id"] in rival else ():
            order[pair["id"]] = (row["id"], side)
            pairs.append(pair)
    pairs.sort(key=lambda pair: pair["id"])
    alone = [_alone(row) for row in texts if row["id"] not in rival] if other is None else []
    key = {
        "a": names[0],
        "b": names[1],
        "pairs": {pair["id"]: order[pair["id"]] for pair in pairs},
        "answers": [row["id"] for row in alone],
    }
    # One call's files or another's: a key of other pairs would credit the wrong side.
    kept = [filled_in(folder / name, lines) for name, lines in ((PAIRS, pairs), (ANSWERS, alone))]
    for name, lines, keep in zip((PAIRS, ANSWERS), (pairs, alone), kept, strict=True):
        if not keep:
            write_judge_rows(folder / name, lines)
    write_atomically(folder / KEY, json.dumps(key, indent=1, ensure_ascii=False) + "\n")


def judged(path: Path, key: Mapping[str, Any]) -> dict[str, Metric]:
    """The metrics of a judge's file, pairs or answers; every row has to be there and filled in.

    Args:
        key: what key.json holds.

    win_rate: share of pairs that a won, a tie counting half; units are images. ties. order_followed: share of
    pairs where the judge named the same place in both orders, whatever stood there. answer_score: the mean of
    0-2 (AesBench's interpretation).

    Raises:
        ValueError: for a row that is not filled in, lacks, is there twice or in no key, or names another judge.
    """
    rows = judge_rows(path)
    if not rows:
        raise ValueError(f"{path}: expected rows of a judge, found none")
    judge_of(path, rows)
    alone = "answer" in rows[0]
    check_complete(path, rows, key["answers" if alone else "pairs"])
    return _answers(path, rows) if alone else _pairs(path, rows, key["pairs"])


def write_judged(path: Path, output: Path) -> dict[str, Any]:
    """`judged` as JSON {"file", "judge", "a", "b", "metrics"}, written to `judged-JUDGE.json` in the output.

    The key is that beside the file, or in the output's judge/.
    """
    key = judge_key(path, output)
    metrics = {name: metric.as_json() for name, metric in judged(path, key).items()}
    judge = judge_of(path, judge_rows(path))
    sides = {"a": key["a"], "b": key["b"]} if "win_rate" in metrics else {}
    found = {"file": str(path), "judge": judge, **sides, "metrics": metrics}
    name = f"judged-{re.sub(r'[^A-Za-z0-9._-]+', '_', judge)}.json"
    write_atomically(output / name, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    return found


def _rivals(texts: Sequence[Prediction], other: Sequence[Prediction] | None) -> dict[str, str]:
    if other is None:
        return {row["id"]: str(row["label"]) for row in texts if row["label"] is not None}
    return {row["id"]: str(row["prediction"]) for row in other if row["kind"] == "text"}


def _both_orders(row: Prediction, rival: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """`ab` where the row's own text is first, `ba` where it is second, and what the judge sees."""
    own = str(row["prediction"])
    for order, first, second in (("ab", own, rival), ("ba", rival, own)):
        named = "\0".join((row["id"], order, first, second))
        yield (
            order,
            {
                "id": hashlib.sha256(named.encode("utf-8", "backslashreplace")).hexdigest()[:16],
                "image": row.get("image"),
                "question": row.get("question"),
                "first": first,
                "second": second,
                "judge": "",
                "better": "",
            },
        )


def _alone(row: Prediction) -> dict[str, Any]:
    return {
        "id": row["id"],
        "image": row.get("image"),
        "question": row.get("question"),
        "answer": row["prediction"],
        "judge": "",
        "score": None,
    }


def _pairs(
    path: Path, rows: Iterable[Mapping[str, Any]], key: Mapping[str, Sequence[str]]
) -> dict[str, Metric]:
    said: dict[str, dict[str, str]] = {}
    for row in rows:
        question, order = key[row["id"]]
        better = row.get("better")
        if better not in BETTER:
            raise ValueError(
                f"{path}: {row.get('id')!r}: expected `better` to be one of {', '.join(BETTER)}, "
                f"found {better!r}"
            )
        said.setdefault(question, {})[order] = better
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
