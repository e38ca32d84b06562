"""Rows about images become samples: cells of every kind, several rows of an image, ranks."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artimuse.config.sources import CustomSource
from artimuse.data.formats import load_source
from artimuse.records import DataError, Pair, Question, ScoreLabel, Source

ASPECTS = {"light": {"column": "l", "scale": (1.0, 5.0)}}


def load(folder: Path, *rows: Any) -> Source:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "mine.jsonl").write_text(text)
    config = CustomSource.model_validate(
        {
            "name": "mine", "format": "custom", "images": "photos", "table": "mine.jsonl",
            "scale": (0.0, 10.0), "aspects": ASPECTS,
        }
    )  # fmt: skip
    return load_source(config, folder)


def row(image: str = "a.jpg", **cells: Any) -> dict[str, Any]:
    """A row that has every column."""
    columns = ("score", "std", "l", "series", "rank", "category", "question", "answer")
    return {"image": image} | dict.fromkeys(columns) | cells


def reasons(source: Source) -> list[str]:
    return [item.reason for item in source.bad]


def test_everything_that_a_row_can_say(tmp_path: Path) -> None:
    said = row(score=7, std=1.5, l=4, series="hall", rank=1, category="in", question="Sharp?\n<image>", answer=" Yes. ")  # fmt: skip  # noqa: E501
    written = {key: str(value) for key, value in said.items()}
    source, same = load(tmp_path, said), load(tmp_path, written)
    (sample,) = source.samples
    assert sample.questions == (
        Question("text", "Sharp?", answer="Yes."),
        Question("score", aspect="overall", label=ScoreLabel(7, 0, 10, std=1.5)),
        Question("score", aspect="light", label=ScoreLabel(4, 1, 5)),
    )
    assert (sample.series, sample.category) == ("hall", "in")
    # Numbers may be text.
    assert (same.samples, same.bad) == (source.samples, [])


def test_further_rows_ask_further_questions(tmp_path: Path) -> None:
    source = load(
        tmp_path,
        row(score=7, question="Sharp?", answer="Yes."),
        row("b.jpg", score=3),
        row("./a.jpg", question="Light?", answer="Soft."),
        row(score=7.0, question="Where?", answer="Out.", category="wood"),
    )
    assert (source.items, source.bad, source.notes) == (4, [], [])
    first, second = source.samples
    assert [q.text for q in first.questions] == ["Sharp?", "Light?", "Where?", ""]
    assert (first.category, second.id) == ("wood", "mine/b.jpg")


def test_a_row_that_says_nothing_new_is_counted(tmp_path: Path) -> None:
    said = row(score=7, question="Sharp?", answer="Yes.")
    source = load(tmp_path, said, said, row(score=7), row(question="Sharp?", answer="Yes."))
    assert source.notes == ["mine.jsonl: 3 repeated rows dropped"]
    assert (len(source.samples), source.bad) == (1, [])


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"score": 8}, "second row of an image: found the score 8.0 after 7.0"),
        ({"score": 7, "std": 1}, "second row of an image: found the std 1.0 after 2.0"),
        ({"l": 3}, "second row of an image: found the score of light 3.0 after 4.0"),
        ({"series": "x", "rank": 1}, "second row of an image: found the series 'x' after 's'"),
        ({"series": "s", "rank": 2}, "second row of an image: found the rank 2 after 1"),
        ({"l": 4, "category": "x"}, "second row of an image: found the category 'x' after 'c'"),
        (
            {"question": "Sharp?", "answer": "No."},
            "second answer to a question of an image: found 'No.' after 'Yes.'",
        ),
    ],
)
def test_a_contradicting_row_is_bad_and_changes_nothing(
    tmp_path: Path, cells: dict[str, Any], reason: str
) -> None:
    first = row(score=7, std=2, l=4, series="s", rank=1, category="c", question="Sharp?", answer="Yes.")  # fmt: skip  # noqa: E501
    alone = load(tmp_path, first)
    # The contradicting row also asks something new, which must not be taken in.
    new = {"question": "New?", "answer": "New."} | cells
    source = load(tmp_path, first, row(**new))
    assert reasons(source) == [reason]
    assert source.samples == alone.samples
    assert source.items == 2


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({}, "no label: expected a value in one of score, rank, question, l, found none"),
        ({"category": "c"}, "no label"),
        ({"score": True}, "wrong type of score"),
        ({"score": [1]}, "wrong type of score"),
        ({"score": 1e400}, "score is not finite"),
        ({"score": 11}, "score off the stated scale 0..10"),
        ({"score": 5, "std": -1}, "std off 0..10, the width of the scale"),
        ({"score": 5, "std": 10.5}, "std off 0..10, the width of the scale"),
        ({"std": 1, "l": 3}, "std without a score"),
        ({"l": 0.5}, "score of light off the stated scale 1..5"),
        ({"rank": 1}, "rank without a series"),
        ({"rank": 0, "series": "s"}, "rank is not a whole number from 1 on"),
        ({"rank": 1.5, "series": "s"}, "rank is not a whole number from 1 on"),
        ({"rank": "first", "series": "s"}, "rank is not a number"),
        ({"score": 5, "series": 1.5}, "wrong type of series"),
        ({"score": 5, "category": True}, "wrong type of category"),
        ({"score": 5, "category": "\ud800"}, "broken text in category"),
        ({"answer": "Yes."}, "answer without a question"),
        ({"question": "Sharp?", "answer": " "}, "question without an answer"),
        ({"question": "<image>", "answer": "Yes."}, "empty question"),
        ({"image": None, "score": 5}, "wrong type of 'image'"),
        ({"image": "../a.jpg", "score": 5}, "image outside the image folder"),
    ],
)
def test_a_bad_row_is_listed_and_the_rest_read(
    tmp_path: Path, cells: dict[str, Any], reason: str
) -> None:
    source = load(tmp_path, row("b.jpg", score=5), row(**cells), row("c.jpg", score=5))
    assert [sample.id for sample in source.samples] == ["mine/b.jpg", "mine/c.jpg"]
    assert len(source.bad) == 1
    assert source.bad[0].reason.startswith(reason)
    assert source.bad[0].item.startswith("line 2")
    assert source.items == 3


def test_ranks_become_pairs_within_a_series(tmp_path: Path) -> None:
    source = load(
        tmp_path,
        row("c.jpg", series=7, rank=3),
        row("a.jpg", series="7", rank="1", score=9),
        row("b.jpg", series="7", rank=1.0, l=2),
        row("x.jpg", series="8", rank=1),
        row("d.jpg", series="7", score=1),
    )
    assert source.pairs == [
        Pair("mine/a.jpg", "mine/c.jpg", 1.0),
        Pair("mine/b.jpg", "mine/c.jpg", 1.0),
        Pair("mine/a.jpg", "mine/b.jpg", 0.5),
    ]
    assert source.notes == [
        "mine.jsonl: 1 ties (P = .5)",
        "mine.jsonl: 1 series of one ranked image, thus without a pair",
    ]
    c, a, b, _, _ = source.samples
    assert c.questions == (Question("score", aspect="overall"),)
    assert a.questions[0].label == ScoreLabel(9, 0, 10)
    # Ranked by its overall score, which nobody labelled, beside its light.
    assert [(q.aspect, q.label is None) for q in b.questions] == [
        ("overall", True),
        ("light", False),
    ]


def test_ranks_the_wrong_way_round_are_refused(tmp_path: Path) -> None:
    rows = [row(f"{n}.jpg", series="s", rank=n, score=n) for n in range(1, 5)]
    with pytest.raises(DataError, match="prefer the larger rank in 6 of 6 pairs"):
        load(tmp_path, *rows)
    turned = [{**r, "rank": 5 - r["rank"]} for r in rows]
    assert load(tmp_path, *turned).notes == ["mine.jsonl: ranks and scores agree in 6 of 6 pairs"]


def test_ties_and_equal_scores_say_nothing_of_the_direction(tmp_path: Path) -> None:
    ties = [row("a.jpg", series="s", rank=1, score=3), row("b.jpg", series="s", rank=1, score=4)]
    equal = [row("c.jpg", series="t", rank=1, score=3), row("d.jpg", series="t", rank=2, score=3)]
    source = load(tmp_path, *ties, *equal)
    assert source.notes == ["mine.jsonl: 1 ties (P = .5)"]
    assert len(source.pairs) == 2


def test_too_long_a_series_is_refused(tmp_path: Path) -> None:
    rows = [row(f"{n}.jpg", series="s", rank=n) for n in range(1, 34)]
    assert len(load(tmp_path, *rows[:32]).pairs) == 32 * 31 // 2
    with pytest.raises(DataError, match="at most 32 images in a series, found 33 in 's'"):
        load(tmp_path, *rows)


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from([1, 2.0, "1", "s", "a.jpg", "../b", " ", "nan"]),
    st.lists(st.none(), max_size=1),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(list(row())), CELLS), min_size=1, max_size=5))
def test_damaged_rows_give_samples_bad_items_or_a_data_error(damaged: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            source = load(Path(folder), row(score=1), *damaged)
        except DataError:
            return
    assert source.items == 1 + len(damaged)
    assert len(source.bad) <= len(damaged)
    ids = {sample.id for sample in source.samples}
    assert {pair.first for pair in source.pairs} <= ids
    assert all(sample.questions for sample in source.samples)
