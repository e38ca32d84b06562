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


def _key(output: Path) -> dict[str, Any]:
    return json.loads((output / "judge" / "key.json").read_text(encoding="utf-8"))


def _fill(path: Path, filled: Path, judge: str, said: Any) -> Path:
    rows = [row | {"judge": judge} | said(row) for row in _lines(path)]
    filled.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return filled


def test_every_pair_is_there_in_both_orders_with_a_place_for_the_judge(tmp_path: Path) -> None:
    write_judge_files(tmp_path, ROWS)
    pairs = _lines(tmp_path / "judge" / "pairs.jsonl")
    key = _key(tmp_path)
    found = {tuple(key["pairs"][row["id"]]): (row["first"], row["second"]) for row in pairs}
    assert found == {
        ("a#0", "ab"): ("model a", "expert a"),
        ("a#0", "ba"): ("expert a", "model a"),
        ("b#0", "ab"): ("model b", "expert b"),
        ("b#0", "ba"): ("expert b", "model b"),
    }
    assert {row["judge"] for row in pairs} == {""}
    assert (key["a"], key["b"], key["answers"]) == ("model", "expert", ["c#1"])
    # What the judge sees tells nothing.
    assert [row["id"] for row in pairs] == sorted(row["id"] for row in pairs)
    assert not any("#" in row["id"] for row in pairs)
    (alone,) = _lines(tmp_path / "judge" / "answers.jsonl")
    assert (alone["answer"], alone["score"]) == ("?", None)


def test_two_models_are_judged_against_each_other(tmp_path: Path) -> None:
    other = [{**row, "prediction": "other"} for row in ROWS]
    write_judge_files(tmp_path, ROWS, other, names=("one", "two"))  # pyright: ignore[reportArgumentType]
    pairs = _lines(tmp_path / "judge" / "pairs.jsonl")
    assert len(pairs) == 6
    order = _key(tmp_path)["pairs"]
    assert {row["second"] for row in pairs if order[row["id"]][1] == "ab"} == {"other"}


def test_a_judge_that_follows_the_order_decides_nothing(tmp_path: Path) -> None:
    write_judge_files(tmp_path, ROWS)
    pairs = tmp_path / "judge" / "pairs.jsonl"

    def fair(row: dict[str, Any]) -> dict[str, Any]:
        return {"better": "first" if row["first"].startswith("model") else "second"}

    found = judged(_fill(pairs, tmp_path / "fair.jsonl", "me", fair), _key(tmp_path))
    assert (found["win_rate"].value, found["win_rate"].n) == (1.0, 2)
    assert found["order_followed"].value == 0
    biased = _fill(pairs, tmp_path / "biased.jsonl", "gpt/4", lambda row: {"better": "first"})
    found = judged(biased, _key(tmp_path))
    assert found["win_rate"].value == 0.5
    assert found["win_rate"].counts == {"wins": 0, "losses": 0, "ties": 2}
    assert found["order_followed"].value == 1
    write_judged(biased, tmp_path)
    record = json.loads((tmp_path / "judged-gpt_4.json").read_text())
    assert (record["judge"], record["a"], record["b"]) == ("gpt/4", "model", "expert")
    assert record["metrics"]["win_rate"]["value"] == 0.5


def test_answers_are_judged_alone(tmp_path: Path) -> None:
    write_judge_files(tmp_path, [_text(f"{n}#0", "so", None) for n in range(4)])
    answers = tmp_path / "judge" / "answers.jsonl"
    filled = _fill(
        answers, tmp_path / "f.jsonl", "me", lambda row: {"score": int(row["id"][0]) % 3}
    )
    assert judged(filled, _key(tmp_path))["answer_score"].value == (0 + 1 + 2 + 0) / 4


def test_what_is_not_filled_in_is_an_error(tmp_path: Path) -> None:
    write_judge_files(tmp_path, ROWS)
    pairs = tmp_path / "judge" / "pairs.jsonl"
    with pytest.raises(ValueError, match="one judge's name in `judge` of every row"):
        judged(pairs, _key(tmp_path))
    with pytest.raises(ValueError, match="expected `better` to be one of"):
        judged(_fill(pairs, tmp_path / "f.jsonl", "me", lambda row: {}), _key(tmp_path))
    half = _fill(pairs, tmp_path / "f.jsonl", "me", lambda row: {"better": "tie"})
    whole = half.read_text().splitlines(keepends=True)
    for lines, message in (
        (whole[:3], "expected the 4 rows of its key.json, found 1 rows missing"),
        ([*whole, whole[0]], "found 1 rows that are there twice"),
        ([*whole, '{"id": "x", "judge": "me"}'], "found 1 rows that are not in its key.json"),
        ([whole[0], "{\n"], r"f\.jsonl:2: expected a JSON object"),
        (["[1, 2]\n"], r"f\.jsonl:1: expected a JSON object with an `id`"),
        ([line.replace('"me"', "5") for line in whole], "expected one judge's name .* found 5"),
    ):
        half.write_text("".join(lines))
        with pytest.raises(ValueError, match=message):
            judged(half, _key(tmp_path))


def test_what_a_judge_filled_in_is_never_written_over(tmp_path: Path) -> None:
    write_judge_files(tmp_path, ROWS)
    pairs = tmp_path / "judge" / "pairs.jsonl"
    _fill(pairs, pairs, "me", lambda row: {"better": "tie"})
    before = pairs.read_bytes()
    write_judge_files(tmp_path, ROWS)
    assert pairs.read_bytes() == before
    files = {path.name: path.read_bytes() for path in (tmp_path / "judge").iterdir()}
    other = [{**row, "prediction": "other"} for row in ROWS]
    with pytest.raises(ValueError, match="a judge has filled it in, and it is of other texts"):
        write_judge_files(tmp_path, other, names=("c", "d"))  # pyright: ignore[reportArgumentType]
    assert {path.name: path.read_bytes() for path in (tmp_path / "judge").iterdir()} == files


def test_pairs_and_their_key_are_of_one_call(tmp_path: Path) -> None:
    write_judge_files(tmp_path, ROWS[:1], names=("a", "b"))
    write_judge_files(tmp_path, ROWS, names=("c", "d"))
    key = _key(tmp_path)
    assert (key["a"], len(key["pairs"])) == ("c", 4)
    assert {row["id"] for row in _lines(tmp_path / "judge" / "pairs.jsonl")} == set(key["pairs"])


def test_the_key_stays_with_the_results(tmp_path: Path) -> None:
    write_judge_files(tmp_path / "o", ROWS)
    pairs = tmp_path / "o" / "judge" / "pairs.jsonl"
    filled = _fill(pairs, tmp_path / "back.jsonl", "me", lambda row: {"better": "tie"})
    assert write_judged(filled, tmp_path / "o")["metrics"]["win_rate"]["value"] == 0.5
    with pytest.raises(ValueError, match=r"expected key\.json, which says who wrote what"):
        write_judged(filled, tmp_path / "elsewhere")
