"""A table of one's own: columns, scale, and damaged rows of every kind."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artimuse.config.sources import CustomSource
from artimuse.data.formats import load_source
from artimuse.records import DataError, Question, ScoreLabel, Source


def load(folder: Path, table: str | bytes) -> Source:
    (folder / "mine.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    config = CustomSource(
        name="mine", format="custom", images="photos", table="mine.csv", scale=(0.0, 100.0)
    )
    return load_source(config, folder)


def test_required_and_optional_columns(tmp_path: Path) -> None:
    source = load(
        tmp_path,
        'image,score,series,category\nhall/0001.jpg,62.5,hall-1,interior\n"a,b.jpg", 70 ,,\n',
    )
    first, second = source.samples
    assert first.id == "mine/hall/0001.jpg"
    assert first.images == (tmp_path / "photos" / "hall" / "0001.jpg",)
    assert first.questions == (
        Question(kind="score", aspect="overall", label=ScoreLabel(mean=62.5, low=0, high=100)),
    )
    assert (first.dataset, first.series, first.category) == ("mine", "hall-1", "interior")
    assert (second.id, second.series, second.category) == ("mine/a,b.jpg", None, None)
    assert (source.items, source.bad, source.notes) == (2, [], [])


def test_spreadsheet_files_are_read(tmp_path: Path) -> None:
    source = load(tmp_path, "\ufeffscore,image\r\n5,é.jpg\r\n\r\n,,\r\n".encode())
    assert [sample.id for sample in source.samples] == ["mine/é.jpg"]


def test_unknown_columns_are_noted(tmp_path: Path) -> None:
    source = load(tmp_path, "image,score,photographer\na.jpg,5,Ansel\n")
    assert source.notes == ["mine.csv: columns not used: photographer"]
    assert len(source.samples) == 1


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("image,scores", "expected the column 'score'.*did you mean 'score' by 'scores'"),
        ("Image,score", "expected the column 'image'.*did you mean 'image' by 'Image'"),
        ("image,score,serie", "did you mean 'series' by 'serie'"),
        ("image;score", "separated by commas"),
        ("a.jpg,3.5", "give the table a first line"),
        ("image,score,score", "each column once"),
        ("", "an empty file"),
    ],
)
def test_wrong_columns_are_an_error(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        load(tmp_path, f"{header}\nb.jpg,3.5,1\n" if header else "")
    assert str(tmp_path / "mine.csv") in str(error.value)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b.jpg", "wrong number of columns"),
        ("b.jpg,4,08", "wrong number of columns"),
        ("b.jpg,", "score is not a number"),
        ("b.jpg,good", "score is not a number"),
        ("b.jpg,1_0", "score is not a number"),
        ("b.jpg,nan", "score is not finite"),
        ("b.jpg,1e999", "score is not finite"),
        ("b.jpg,100.5", "score off the stated scale 0..100"),
        (",5", "image is not a file name"),
        ("/b.jpg,5", "image outside the image folder"),
        ("x/../../b.jpg,5", "image outside the image folder"),
        ("a.jpg,6", "second row of an image"),
    ],
)
def test_a_bad_row_is_listed_and_the_rest_read(tmp_path: Path, row: str, reason: str) -> None:
    source = load(tmp_path, f"image,score\na.jpg,5\n{row}\nc.jpg,7\n")
    assert [sample.id for sample in source.samples] == ["mine/a.jpg", "mine/c.jpg"]
    assert [item.reason.partition(":")[0] for item in source.bad] == [reason]
    assert source.bad[0].item.startswith("line 3")
    assert source.items == 3


def test_repeated_rows_are_counted(tmp_path: Path) -> None:
    source = load(tmp_path, "image,score\na.jpg,5\n./a.jpg,5.0\n")
    assert source.notes == ["mine.csv: 1 repeated rows dropped"]
    assert (len(source.samples), source.items, source.bad) == (1, 2, [])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('image,score\n"a.jpg,5\nb.jpg,6\n', "expected a CSV table"),
        ("image,score\né.jpg,5\n".encode("latin-1"), "expected UTF-8 text, found the byte 0xe9"),
        ("image,score\n", "found none"),
    ],
)
def test_an_unreadable_table_is_an_error(tmp_path: Path, table: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, table)


def test_the_kind_of_a_table_is_its_ending(tmp_path: Path) -> None:
    written = {
        "t.csv": "image,score\na.jpg,5\n",
        "t.TSV": "image\tscore\na.jpg\t5\n",
        "t.jsonl": '{"image": "a.jpg", "score": 5}\n',
    }
    read = []
    for name, text in written.items():
        (tmp_path / name).write_text(text)
        config = CustomSource(
            name="mine", format="custom", images="photos", table=name, scale=(0.0, 10.0)
        )
        read.append(load_source(config, tmp_path))
    assert read[0] == read[1] == read[2]
    assert len(read[0].samples) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from('a.j,5/\n\r\t "\0é\u2028-'), max_size=8), max_size=5))
def test_damaged_tables_give_samples_bad_items_or_a_data_error(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            source = load(Path(folder), "\n".join(["image,score,series", "x.jpg,5,", *lines]))
        except DataError:
            return
    assert source.items >= 1
    assert len(source.samples) + len(source.bad) <= source.items
