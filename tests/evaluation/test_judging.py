import json
from pathlib import Path
from typing import Any, cast

import pytest

from artimuse.evaluation.judging import judged, write_judge_files, write_judged
from artimuse.evaluation.predictions import Prediction


def _text(name: str, written: str, label: str | None) -> Prediction:
    row = {"kind": "text", "id": name, "label": label, "prediction": written, "question": "Why?"}
    return cast(Prediction, row)


ROWS = [
    _text("a#0", "model a", "expert a"),
    _text("b#0", "model b", "expert b"),
    _text("c#1", "?", None),
]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _fill(path: Path, filled: Path, judge: str, said: Any) -> Path:
    rows = [row | {"judge": judge} | said(row) for row in _lines(path)]
    filled.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return filled


def test_every_pair_is_there_in_both_orders_with_a_place_for_the_judge(tmp_path: Path) -> None:
    write_judge_files(tmp_path, ROWS)
    pairs = _lines(tmp_path / "judge" / "pairs.jsonl")
    assert [row["id"] for row in pairs] == ["a#0/ab", "a#0/ba", "b#0/ab", "b#0/ba"]
    assert (pairs[0]["first"], pairs[0]["second"]) == ("model a", "expert a")
    assert (pairs[1]["first"], pairs[1]["second"]) == ("expert a", "model a")
    assert {row["judge"] for row in pairs} == {""}
    assert json.loads((tmp_path / "judge" / "key.json").read_text())["a"] == "model"
    (alone,) = _lines(tmp_path / "judge" / "answers.jsonl")
    assert (alone["answer"], alone["score"]) == ("?", None)


def test_two_models_are_judged_against_each_other(tmp_path: Path) -> None:
    other = [{**row, "prediction": "other"} for row in ROWS]
    write_judge_files(tmp_path, ROWS, other, names=("one", "two"))  # pyright: ignore[reportArgumentType]
    pairs = _lines(tmp_path / "judge" / "pairs.jsonl")
    assert len(pairs) == 6
    assert {row["second"] for row in pairs if row["id"].endswith("/ab")} == {"other"}


def test_a_judge_that_follows_the_order_decides_nothing(tmp_path: Path) -> None:
    write_judge_files(tmp_path, ROWS)
    pairs = tmp_path / "judge" / "pairs.jsonl"

    def fair(row: dict[str, Any]) -> dict[str, Any]:
        return {"better": "first" if row["first"].startswith("model") else "second"}

    found = judged(_fill(pairs, tmp_path / "fair.jsonl", "me", fair))
    assert (found["win_rate"].value, found["win_rate"].n) == (1.0, 2)
    assert found["order_followed"].value == 0
    biased = _fill(pairs, tmp_path / "biased.jsonl", "gpt/4", lambda row: {"better": "first"})
    found = judged(biased)
    assert found["win_rate"].value == 0.5
    assert found["win_rate"].counts == {"wins": 0, "losses": 0, "ties": 2}
    assert found["order_followed"].value == 1
    write_judged(biased, tmp_path)
    record = json.loads((tmp_path / "judged-gpt_4.json").read_text())
    assert record["judge"] == "gpt/4"
    assert record["metrics"]["win_rate"]["value"] == 0.5


def test_answers_are_judged_alone(tmp_path: Path) -> None:
    write_judge_files(tmp_path, [_text(f"{n}#0", "so", None) for n in range(4)])
    answers = tmp_path / "judge" / "answers.jsonl"
    filled = _fill(
        answers, tmp_path / "f.jsonl", "me", lambda row: {"score": int(row["id"][0]) % 3}
    )
    assert judged(filled)["answer_score"].value == (0 + 1 + 2 + 0) / 4


def test_what_is_not_filled_in_is_an_error(tmp_path: Path) -> None:
    write_judge_files(tmp_path, ROWS)
    pairs = tmp_path / "judge" / "pairs.jsonl"
    with pytest.raises(ValueError, match="one judge's name in `judge` of every row"):
        judged(pairs)
    with pytest.raises(ValueError, match="'a#0/ab': expected `better` to be one of"):
        judged(_fill(pairs, tmp_path / "f.jsonl", "me", lambda row: {}))
    half = _fill(pairs, tmp_path / "f.jsonl", "me", lambda row: {"better": "tie"})
    half.write_text("".join(half.read_text().splitlines(keepends=True)[:3]))
    with pytest.raises(ValueError, match="'b#0': expected both orders"):
        judged(half)


def test_what_a_judge_filled_in_is_never_written_over(tmp_path: Path) -> None:
    write_judge_files(tmp_path, ROWS)
    pairs = tmp_path / "judge" / "pairs.jsonl"
    _fill(pairs, pairs, "me", lambda row: {"better": "tie"})
    before = pairs.read_bytes()
    write_judge_files(tmp_path, ROWS)
    assert pairs.read_bytes() == before
