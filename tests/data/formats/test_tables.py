"""Tables by their ending: CSV, TSV and JSONL read alike, and what is none of them."""

import json
from pathlib import Path

import pytest

from artimuse.data.formats.tables import check_columns, read_table
from artimuse.records import DataError, Source

ROWS = [{"image": "a.jpg", "note": 'one, "two"\tthree'}, {"image": "b.jpg", "note": ""}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", '\ufeffimage, note \n a.jpg ,"one, ""two""\tthree"\n\nb.jpg,\n'),
        ("t.TSV", 'image\tnote\r\na.jpg\t"one, ""two""\tthree"\r\nb.jpg\t\r\n'),
        ("t.jsonl", "".join(json.dumps(row) + "\n\n" for row in ROWS)),
    ],
)
def test_every_kind_gives_the_same_rows(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    source = Source("s", [])
    table = read_table(tmp_path / name, source)
    assert list(table.header) == ["image", "note"]
    places, rows = zip(*table.rows, strict=True)
    assert list(rows) == ROWS
    assert places[0] == ("line 1" if name == "t.jsonl" else "line 2")
    assert (source.items, source.bad) == (0, [])


def test_json_lines_that_are_no_rows_are_listed(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"image": "a.jpg"}\n[1]\n{"image"\n{"score": 3}\n')
    source = Source("s", [])
    table = read_table(tmp_path / "t.jsonl", source)
    assert list(table.header) == ["image", "score"]
    assert [place for place, _ in table.rows] == ["line 1", "line 4"]
    assert [(i.item, i.reason.partition(":")[0]) for i in source.bad] == [
        ("line 3", "not JSON"),
        ("line 2", "not a record"),
    ]
    assert source.items == 2


@pytest.mark.parametrize("name", ["t.txt", "t.xlsx", "csv"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"ends in \.csv, \.tsv or \.jsonl, found '"):
        read_table(tmp_path / name, Source("s", []))


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("t.csv", "a first line such as `a,b`, separated by commas"),
        ("t.tsv", "a first line such as `a,b`, separated by tabs"),
        ("t.jsonl", "give each line the keys a,b"),
    ],
)
def test_a_missing_column_is_explained_for_the_kind(tmp_path: Path, text: str, advice: str) -> None:
    (tmp_path / text).write_text('{"c": 1}\n')
    table = read_table(tmp_path / text, Source("s", []), example="a,b")
    with pytest.raises(DataError, match=f"expected the column 'a', found '.*; .*{advice}"):
        check_columns(table, ["a", "b"], required=["a"])
