"""Predictions made elsewhere: their forms, how images are found, and what is refused."""

import json
from pathlib import Path

import pytest

from artimuse.data.collate import Item
from artimuse.evaluation.given import given_answers, is_rows
from artimuse.inference.scorer import Answered
from artimuse.inference.stream import Broken
from artimuse.records import BadItem, Question, Sample, ScoreLabel, Source

ASKED = (Question("score", aspect="overall", label=ScoreLabel(5, 0, 10)),)


def source(*names: str) -> Source:
    images = Path("/photos")
    return Source("ava", [Sample(f"ava/{n}", (images / n,), ASKED, "ava") for n in names])


def scores(path: Path, given: Source, scale: tuple[float, float] = (0, 100)) -> list[float | None]:
    answering, _ = given_answers(path, given, scale)
    found = answering.scores([Item(sample, ASKED) for sample in given.samples])
    return [one.scores[0] if isinstance(one, Answered) else None for one in found]


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_every_form_of_a_score_file(tmp_path: Path) -> None:
    given = source("a.jpg", "s/b.jpg")
    rows = [{"image": "s/b.jpg", "score": 7}, {"image": "a.jpg", "score": 3.5}]
    forms = {
        "list.json": json.dumps(rows),
        "rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "table.csv": "image,score\ns/b.jpg,7\na.jpg,3.5\n",
    }
    for name, text in forms.items():
        assert scores(write(tmp_path / name, text), given) == [3.5, 7], name
    assert scores(tmp_path / "list.json", given, (0, 10)) == [35, 70]


@pytest.mark.parametrize("name", ["list.json", "rows.jsonl", "table.csv"])
def test_a_mark_of_byte_order_is_no_part_of_a_file(tmp_path: Path, name: str) -> None:
    row = json.dumps({"image": "a.jpg", "score": 7})
    forms = {"list.json": f"[{row}]", "rows.jsonl": row, "table.csv": "image,score\na.jpg,7\n"}
    path = tmp_path / name
    path.write_text(forms[name], encoding="utf-8-sig")
    assert not is_rows(path)
    assert scores(path, source("a.jpg")) == [7]


@pytest.mark.parametrize("scale", [(0, 0), (100, 0), (0, float("nan")), (0, float("inf"))])
def test_a_scale_has_a_low_and_a_high_end(tmp_path: Path, scale: tuple[float, float]) -> None:
    path = write(tmp_path / "l.json", [{"image": "a.jpg", "score": 1}])
    with pytest.raises(ValueError, match="--predictions-scale: expected LOW below HIGH"):
        given_answers(path, source("a.jpg"), scale)


def noted(folder: Path, given: list[float], scale: tuple[float, float]) -> list[str]:
    asked = source(*(f"{k}.jpg" for k in range(len(given))))
    rows = [{"image": f"{k}.jpg", "score": value} for k, value in enumerate(given)]
    return given_answers(write(folder / "l.json", rows), asked, scale)[1].notes


def test_scores_in_a_corner_of_the_scale_are_pointed_out(tmp_path: Path) -> None:
    (note,) = noted(tmp_path, [0.2, 0.9, 0.4], (0, 100))
    assert "all scores lie in 0.2..0.9" in note
    assert "--predictions-scale" in note
    assert noted(tmp_path, [0.2, 0.9, 0.4], (0, 1)) == []
    assert noted(tmp_path, [2, 42, 5], (0, 100)) == []
    assert noted(tmp_path, [-3, 104, 50], (0, 100)) == []  # a regression may overshoot


def test_scores_far_off_the_scale_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected scores on 0\.\.1, found 62 for"):
        noted(tmp_path, [0.5, 62, 71], (0, 1))


def test_two_questions_of_a_task_about_an_image_have_no_answer_each(tmp_path: Path) -> None:
    questions = tuple(
        Question("choice", f"Q{k}", aspect="AesP", options=("A)", "B)")) for k in range(2)
    )
    asked = Source("d", [Sample("d/a.jpg", (Path("i/a.jpg"),), questions, "d")])
    path = write(tmp_path / "g.json", {"a.jpg": {"AesP_response": "A)"}})
    with pytest.raises(ValueError, match=r"one AesP question per image, found 2 about 'd/a\.jpg'"):
        given_answers(path, asked, (0, 100))


def test_images_are_told_by_path_or_by_a_name_of_their_own(tmp_path: Path) -> None:
    given = source("a.jpg", "s/b.jpg", "t/c.jpg", "u/c.jpg")
    rows = [
        {"image": image, "score": number}
        for number, image in enumerate(("/photos/a.jpg", "elsewhere/b.jpg", "t/c.jpg", "u/c.jpg"))
    ]
    path = write(tmp_path / "l.json", rows)
    assert scores(path, given) == [0, 1, 2, 3]
    rows[2]["image"] = "c.jpg"  # of which there are two
    with pytest.raises(ValueError, match=r"found 1 others, such as 'c\.jpg'"):
        scores(write(path, rows), given)


def test_what_is_missing_is_not_scored(tmp_path: Path) -> None:
    path = write(tmp_path / "l.json", [{"image": "a.jpg", "score": 1}])
    given = source("a.jpg", "b.jpg")
    assert scores(path, given) == [1, None]
    answering, _ = given_answers(path, given, (0, 100))
    broken = next(iter(answering.scores([Item(given.samples[1], ASKED)])))
    assert isinstance(broken, Broken)
    assert "ava/b.jpg: no score in" in broken.reason


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"image": "a.jpg", "score": 1}] * 2, "is there twice"),
        ([{"image": "a.jpg", "score": 1}, {"image": "/photos/a.jpg", "score": 1}], "a second one"),
        ([{"image": "a.jpg", "score": None}], "a finite `score`"),
        ('[{"image": "a.jpg", "score": NaN}]', "a finite `score`"),
        ([{"image": "z.jpg", "score": 1}], "found 1 others, such as 'z.jpg'"),
        ({"a.jpg": {"answer": "A)"}}, "expected answers such as"),
        ("[", "expected JSON"),
        ("3", "expected a list of"),
        ([{"image": "a.jpg", "score": True}], "a finite `score`"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        given_answers(write(tmp_path / "l.json", content), source("a.jpg"), (0, 100))


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    for name in ("l.json", "l.csv"):
        path = tmp_path / name
        path.write_bytes("image,score\nphotos/\u00e4.jpg,1\n".encode("latin-1"))
        with pytest.raises(ValueError, match=rf"{name}: expected text in UTF-8"):
            given_answers(path, source("a.jpg"), (0, 100))


def test_prediction_rows_are_told_from_score_files(tmp_path: Path) -> None:
    assert is_rows(write(tmp_path / "a.jsonl", '{"kind": "score", "id": "x"}\n'))
    assert not is_rows(write(tmp_path / "b.jsonl", '{"image": "x", "score": 1}\n'))
    assert not is_rows(write(tmp_path / "c.json", []))


def test_a_byte_order_mark_is_no_part_of_a_column(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", "\ufeffimage,score\na.jpg,3\n")
    assert scores(table, source("a.jpg")) == [3]
    listed = write(tmp_path / "l.json", '\ufeff[{"image": "a.jpg", "score": 3}]')
    assert scores(listed, source("a.jpg")) == [3]
    (tmp_path / "l.json").write_bytes("[]".encode("utf-16"))
    with pytest.raises(ValueError, match=r"l\.json: expected text in UTF-8"):
        scores(tmp_path / "l.json", source("a.jpg"))
    with pytest.raises(ValueError, match=r"gone\.json: expected a file of predictions"):
        scores(tmp_path / "gone.json", source("a.jpg"))


def test_an_image_whose_own_row_is_bad_is_no_other_image(tmp_path: Path) -> None:
    given = source("a.jpg")
    given.bad.append(BadItem("list.json", "record 2 (s/b.jpg)", "99 is off the scale 1..10"))
    rows = [{"image": name, "score": 1} for name in ("a.jpg", "s/b.jpg")]
    assert scores(write(tmp_path / "l.json", rows), given) == [1]
    rows.append({"image": "z.jpg", "score": 1})
    with pytest.raises(ValueError, match=r"found 1 others, such as 'z\.jpg'"):
        scores(write(tmp_path / "l.json", rows), given)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "expected scores or answers, found none"),
        (3, "expected a list of scores or an AesBench submission, found 3"),
        ([{"image": "a.jpg", "score": True}], "a finite `score`"),
        ([{"image": "a.jpg", "score": 201}], r"expected scores on 0\.\.100, found 201 for 'a\.jpg'"),
        ({"a.jpg": {"AesP_response": "A)"}}, "expected scores, which this benchmark asks for, found answers"),
    ],
)  # fmt: skip
def test_another_form_than_the_benchmark_asks_for_is_named(
    tmp_path: Path, content: object, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        given_answers(write(tmp_path / "l.json", content), source("a.jpg"), (0, 100))


def test_what_looks_wrong_is_noted(tmp_path: Path) -> None:
    rows = [{"image": f"elsewhere/{k}.jpg", "score": k / 10} for k in range(3)]
    _, given = given_answers(
        write(tmp_path / "l.json", rows), source("0.jpg", "1.jpg", "2.jpg"), (0, 100)
    )
    assert "all scores lie in 0..0.2, a small part of their stated scale 0..100" in given.notes[0]
    assert "3 images are told by their file name alone" in given.notes[1]
