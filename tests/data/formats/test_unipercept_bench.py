"""UniPercept-Bench's questions: the authors' wording, their options, and damaged records."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artimuse.config.sources import UniPerceptBenchSource
from artimuse.data.formats import load_source
from artimuse.records import DataError, Question, Source

TEXT = "What is the light like?\nA. Harsh\nB. Soft\nC. Flat"


def record(image: object = "IAA/image/1.jpg", **more: Any) -> dict[str, Any]:
    return {"image": image, "question": TEXT, "answer": "B", **more}


def load(folder: Path, rows: object) -> Source:
    (folder / "list.json").write_text(json.dumps(rows), encoding="utf-8")
    config = UniPerceptBenchSource(
        name="uni", format="unipercept_bench", images="b", annotations="list.json"
    )
    return load_source(config, folder)


def test_questions_are_gathered_by_image_in_the_words_of_the_authors(tmp_path: Path) -> None:
    rows = [
        record(category="Composition & Design", id=7),
        record("x.jpg", answer=" c\n"),
        record(question="Is it metal?\nA. Yes\nB. No"),
        record(category="Composition & Design", id=8),
    ]
    source = load(tmp_path, rows)
    first, second = source.samples
    assert first.id == "uni/IAA/image/1.jpg"
    assert first.images == (tmp_path / "b" / "IAA/image/1.jpg",)
    prompt = (
        "Given the image and the following multiple-choice question, choose the best answer. "
        "Only reply with the letter (A, B, C, or D).\n\nQuestion:\n\n" + TEXT
    )
    assert first.questions[0] == Question(
        "choice", prompt, "B", aspect="Composition & Design", options=("A", "B", "C")
    )
    assert [q.options for q in first.questions] == [("A", "B", "C"), ("A", "B")]
    assert (second.questions[0].answer, second.questions[0].aspect) == ("C", None)
    assert source.notes == ["list.json: keys not used: id", "list.json: 1 repeated records dropped"]
    assert (source.items, source.bad) == (4, [])


@pytest.mark.parametrize("text", ["?\nA) x\nB) y", "Which? A: x B: y", "See A. Now?\nA. x\nB. y"])
def test_options_may_be_marked_in_three_ways(tmp_path: Path, text: str) -> None:
    question = load(tmp_path, [record(question=text)]).samples[0].questions[0]
    assert question.options == ("A", "B")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (record(answer="D"), "answer is none of its options"),
        (record(answer="Soft"), "answer is none of its options"),
        (record(answer=1), "wrong type of 'answer'"),
        (record(question="What is the light like?"), "options"),
        (record(question=None), "wrong type of 'question'"),
        (record(category=3), "wrong type of 'category'"),
        (record(image="/a.jpg"), "image outside the image folder"),
        (record(image=None), "wrong type of 'image'"),
        ({"image": "a.jpg", "question": TEXT}, "missing key 'answer'"),
        ([], "not a record"),
    ],
)
def test_a_bad_record_is_listed_and_the_rest_read(tmp_path: Path, row: Any, reason: str) -> None:
    source = load(tmp_path, [row, record("b.jpg", category=None)])
    assert [sample.id for sample in source.samples] == ["uni/b.jpg"]
    assert [item.reason.partition(":")[0] for item in source.bad] == [reason]
    assert source.bad[0].item.startswith("record 1")


def test_not_a_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"list\.json: expected a JSON list .* found an object"):
        load(tmp_path, {"a.jpg": []})


VALUES = (
    st.none() | st.integers() | st.text(max_size=9) | st.sampled_from([TEXT, "A", "b", "x.jpg"])
)
KEYS = st.sampled_from(["image", "question", "answer", "category", "options"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(rows=st.lists(VALUES | st.dictionaries(KEYS, VALUES), max_size=5))
def test_any_rows_are_questions_or_bad_items(tmp_path: Path, rows: list[Any]) -> None:
    source = load(tmp_path, [record(), *rows])
    repeated = sum(int(n.split()[1]) for n in source.notes if "repeated" in n)
    asked = sum(len(sample.questions) for sample in source.samples)
    assert asked + repeated + len(source.bad) == source.items == len(rows) + 1
