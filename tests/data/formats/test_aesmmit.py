"""AesMMIT: records as they are released, multiple choice, and damaged records of every kind."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artimuse.config.sources import AesMMITSource
from artimuse.data.formats import load_source
from artimuse.data.formats.aesmmit import options_of
from artimuse.records import DataError, Question, Source

MCQ = "How is the light?\nA) dark\nB) bright\nC) mixed"


def record(question: str, answer: str, image: str = "baid_95698.jpg", **more: Any) -> dict:
    conversations = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    row = {"id": "0033", "image": image, "conversations": conversations}
    return {**row, "type": "gpt_q2", "qtype": "vqa", **more}


def load(folder: Path, rows: object) -> Source:
    (folder / "labels.json").write_text(json.dumps(rows), encoding="utf-8-sig")
    config = AesMMITSource(name="aes", format="aesmmit", images="i", annotations="labels.json")
    return load_source(config, folder)


def test_records_are_grouped_by_image_although_ids_repeat(tmp_path: Path) -> None:
    rows = [
        record("What is the visibility condition of the image?\n<image>", "dim"),
        record("<image>\nIs it sharp?", "no", image="para_1.jpg"),
        record(f"{MCQ}\n<image>", "B)", qtype="mcq", type="human_q1"),
    ]
    source = load(tmp_path, rows)
    assert [sample.id for sample in source.samples] == ["aes/baid_95698.jpg", "aes/para_1.jpg"]
    assert source.samples[0].questions == (
        Question(
            kind="text",
            text="What is the visibility condition of the image?",
            answer="dim",
            origin="gpt_q2",
        ),
        Question(
            kind="choice", text=MCQ, answer="B)", options=("A)", "B)", "C)"), origin="human_q1"
        ),
    )
    assert source.samples[1].questions[0].text == "Is it sharp?"
    assert (source.items, source.bad) == (3, [])


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("<image> Sharp?", "Sharp?"),
        ("Sharp? <image>", "Sharp?"),
        ("Look:\n<image>\nSharp?", "Look:\nSharp?"),
        ("<image>\n<image>Sharp?", "Sharp?"),
    ],
)
def test_the_marker_is_removed_wherever_it_stands(tmp_path: Path, question: str, text: str) -> None:
    assert load(tmp_path, [record(question, "yes")]).samples[0].questions[0].text == text


@pytest.mark.parametrize(
    ("text", "answer", "options"),
    [
        (MCQ, "C)", ("A)", "B)", "C)")),
        (MCQ, "C", ("A", "B", "C")),
        (MCQ, "B) bright", ("A) dark", "B) bright", "C) mixed")),
        ("Which? A) dark B) bright", "A)", ("A)", "B)")),
        ("Which (see Z) is it?\nA) dark\nB) bright", "B)", ("A)", "B)")),
    ],
)
def test_options_are_written_as_the_answer(text: str, answer: str, options: tuple) -> None:
    assert options_of(text, answer) == options


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (record(MCQ, "D)", qtype="mcq"), "answer is none of its options"),
        (record("Dark or bright?", "A)", qtype="mcq"), "options"),
        (record("A) dark", "A)", qtype="mcq"), "options"),
        (record("Sharp?", "yes", qtype="yes-no"), "unknown 'qtype'"),
        (record("Sharp?", "yes", qtype=None), "unknown 'qtype'"),
        (record("Sharp?", ""), "empty 'value'"),
        (record("<image>\n", "yes"), "empty question"),
        (record("Sharp?", "yes", conversations={}), "conversation"),
        (record("Sharp?", "yes", image="../a.jpg"), "image outside the image folder"),
        ({"image": "a.jpg", "qtype": "vqa"}, "missing key 'conversations'"),
        (record("Sharp?", "yes", conversations=["Sharp?", "yes"]), "not a record"),
        ([], "not a record"),
    ],
)
def test_a_bad_record_is_listed_and_the_rest_read(tmp_path: Path, row: Any, reason: str) -> None:
    source = load(tmp_path, [row, record("Sharp?", "yes", image="b.jpg")])
    assert [sample.id for sample in source.samples] == ["aes/b.jpg"]
    assert [item.reason.partition(":")[0] for item in source.bad] == [reason]
    assert source.bad[0].item.startswith("record 1")
    assert source.items == 2


def test_not_a_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.json: expected a JSON list .* found an object"):
        load(tmp_path, {"a.jpg": []})


def test_equal_strings_and_options_are_shared_and_reading_is_fast(tmp_path: Path) -> None:
    mcq = {"qtype": "mcq"}
    rows = [record(MCQ, "A)", image=f"{n % 2000}.jpg", **mcq) for n in range(20_000)]
    start = time.process_time()
    source = load(tmp_path, rows)
    first, second = (sample.questions[0] for sample in source.samples[:2])
    assert first.text is second.text
    assert first.options is second.options
    # 409,000 records in well under a minute, on any machine; here it is about 4 s.
    assert time.process_time() - start < 5


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)
TURNS = st.lists(
    st.fixed_dictionaries({"from": st.sampled_from(["human", "gpt"]) | VALUES, "value": VALUES}),
    max_size=3,
)
DAMAGED = VALUES | st.fixed_dictionaries(
    {
        "image": VALUES,
        "conversations": TURNS | VALUES,
        "qtype": st.sampled_from(["vqa", "mcq"]) | VALUES,
    },
    optional={"type": VALUES},
)


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(DAMAGED))
def test_any_records_are_questions_or_bad_items(tmp_path: Path, rows: list[Any]) -> None:
    source = load(tmp_path, [record("<image>\nIs it sharp?", "no"), *rows])
    questions = sum(len(sample.questions) for sample in source.samples)
    assert questions + len(source.bad) == len(rows) + 1 == source.items
