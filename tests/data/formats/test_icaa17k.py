"""ICAA17K: overall score and that of the colours, one photograph in two folders, damaged rows."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artimuse.config.sources import ICAA17KSource
from artimuse.data.formats import load_source
from artimuse.records import DataError, Question, ScoreLabel, Source


def load(folder: Path, table: str | bytes, aspects: Any = None) -> Source:
    (folder / "t.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    options = {} if aspects is None else {"aspects": aspects}
    config = ICAA17KSource(name="c", format="icaa17k", images="i", annotations="t.csv", **options)
    return load_source(config, folder)


def test_a_row_becomes_a_sample_with_a_question_per_aspect(tmp_path: Path) -> None:
    table = "ID,color,MOS,probability\nmono/red/a.png,5.5,7.25,0.7\nb,1,0,0.1\n"
    source = load(tmp_path, table, "all")
    first, second = source.samples
    assert first.id == "c/mono/red/a.png"
    assert first.images == (tmp_path / "i" / "mono" / "red" / "a.png",)
    assert first.questions == (
        Question(kind="score", aspect="overall", label=ScoreLabel(mean=7.25, low=0, high=10)),
        Question(kind="score", aspect="color", label=ScoreLabel(mean=5.5, low=0, high=10)),
    )
    assert (first.dataset, first.series, first.category) == ("c", None, "mono/red")
    assert (second.id, second.category) == ("c/b.jpg", None)
    assert (source.items, source.bad, source.notes) == (2, [], [])


def test_only_the_chosen_columns_are_needed_and_read(tmp_path: Path) -> None:
    (sample,) = load(tmp_path, "ID,MOS,color\na.jpg,5,bright\n").samples
    assert [question.aspect for question in sample.questions] == ["overall"]
    assert load(tmp_path, "ID,color\na.jpg,5\n", ["color"]).bad == []


def test_an_unknown_aspect_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"aspects of overall, color, or 'all'.*mean 'color'"):
        load(tmp_path, "ID,MOS,color\na.jpg,5,5\n", ["colour"])


def test_an_empty_cell_leaves_an_aspect_out(tmp_path: Path) -> None:
    source = load(tmp_path, "ID,MOS,color\na.jpg,5,\nb.jpg,,6\nc.jpg, ,\n", "all")
    assert [[q.aspect for q in s.questions] for s in source.samples] == [["overall"], ["color"]]
    assert source.notes == [
        "t.csv: 1 images without a score of overall",
        "t.csv: 1 images without a score of color",
    ]
    assert [item.item for item in source.bad] == ["line 4 (c.jpg)"]
    assert source.bad[0].reason.startswith("no score")


def test_one_photograph_in_two_folders_is_noted_and_kept(tmp_path: Path) -> None:
    rows = "x/a.jpg,5,6\ny/a.jpg,5,6\nz/a.jpg,5,7\nz/b.jpg,5,6\n"
    source = load(tmp_path, f"ID,MOS,color\n{rows}", "all")
    assert len(source.samples) == 4
    assert source.notes == [
        "t.csv: 1 images have the file name and scores of one in another folder"
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b.jpg", "wrong number of columns"),
        (",5,5", "no image"),
        ("b.jpg,high,5", "MOS is not a number"),
        ("b.jpg,inf,5", "MOS is not finite"),
        ("b.jpg,10.5,5", "MOS off the stated scale 0..10"),
        ("b.jpg,5,-1", "color off the stated scale 0..10"),
        ("../b.jpg,5,5", "image outside the image folder"),
        ("a.jpg,5,6", "second row of an image"),
    ],
)
def test_a_bad_row_is_listed_and_the_rest_read(tmp_path: Path, row: str, reason: str) -> None:
    source = load(tmp_path, f"ID,MOS,color\na.jpg,5,5\n{row}\nc.jpg,7,7\n", "all")
    assert [sample.id for sample in source.samples] == ["c/a.jpg", "c/c.jpg"]
    assert [item.reason.partition(":")[0] for item in source.bad] == [reason]
    assert source.bad[0].item.startswith("line 3")
    assert source.items == 3


def test_repeated_rows_are_counted(tmp_path: Path) -> None:
    source = load(tmp_path, "ID,MOS,color\na.jpg,5,5\na,5.0,5\n", "all")
    assert source.notes == ["t.csv: 1 repeated rows dropped"]
    assert (len(source.samples), source.items, source.bad) == (1, 2, [])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("id,MOS,color\na.jpg,5,5\n", "expected the column 'ID'.*did you mean it by 'id'"),
        ("a.jpg,5,5\n", "expected the column 'ID'.*`custom`"),
        ("", "expected the column 'ID', found an empty file"),
        ("ID,MOS,MOS\na.jpg,5,5\n", "the column 'MOS' once, found it 2 times"),
        ('ID,MOS,color\n"a.jpg,5,5\n', "expected a CSV table"),
        (b"\xff", "0xff at offset 0"),
    ],
)
def test_another_kind_of_file_is_an_error(tmp_path: Path, table: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        load(tmp_path, table)
    assert str(tmp_path / "t.csv") in str(error.value)


CELLS = st.sampled_from(["", "a", "a.jpg", "5", "11", "nan", "x/../y", "/", "\0", "é", "."])


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(st.lists(CELLS, max_size=4), max_size=6))
def test_any_rows_are_samples_or_bad_items(tmp_path: Path, rows: list[list[str]]) -> None:
    lines = ["ID,MOS,color", "good.jpg,5,5", *(",".join(row) for row in rows)]
    source = load(tmp_path, "\n".join(lines), "all")
    repeated = sum(int(n.split()[1]) for n in source.notes if n.endswith("rows dropped"))
    assert len(source.samples) + len(source.bad) + repeated == source.items
    assert source.samples[0].id == "c/good.jpg"
