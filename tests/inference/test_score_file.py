"""Score files: what is written reads back; a file is continued where it ends, or refused and left as it is."""

from __future__ import annotations

import csv
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from artimuse.inference.score_file import ScoreFile, find_images, meta_path, not_scored_path

ROWS: list[dict[str, Any]] = [
    {
        "image": "ordner/schön, gut.jpg", "score": 61.25, "scores": {"overall": 61.25, "light": 3.0},
        "critiques": {"Theme & Communication": 'A "tree",\nand light.'}, "answers": {"Why?": ""},
    },
    {
        "image": "b.jpg", "score": None, "scores": {"overall": 0.1, "light": 99.9},
        "critiques": {"Theme & Communication": "x"}, "answers": {"Why?": "be\ncause"},
    },
    {
        "image": "c.jpg", "score": 2.0, "scores": {"overall": 2.0, "light": 1e-7},
        "critiques": {"Theme & Communication": "ü" * 9}, "answers": {"Why?": '"'},
    },
]  # fmt: skip
FIELDS = [
    "image", "score", "scores.overall", "scores.light", "critiques.Theme & Communication", "answers.Why?",
]  # fmt: skip
META: dict[str, Any] = {
    "same": {"aspects": ["overall"], "asked": {"describe": False, "questions": ["Why?"]}},
    "versions": {"torch": "2.13"},
}
SUFFIXES = pytest.mark.parametrize("suffix", [".jsonl", ".csv"])


def write(path: Path, rows: list[dict[str, Any]], *, meta: Any = META) -> ScoreFile:
    file = ScoreFile(path, FIELDS, meta)
    for row in rows:
        file.write(row)
    file.close()
    return file


def test_jsonl_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scores.jsonl"
    file = ScoreFile(path, FIELDS, META)
    for number, row in enumerate(ROWS):
        file.write(row)
        # A row is on disk as soon as it is written: an interrupted run keeps what it did.
        assert len(path.read_text(encoding="utf-8").splitlines()) == number + 1
    file.close()
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == ROWS
    assert "schön" in path.read_text(encoding="utf-8")
    assert json.loads(meta_path(path).read_text(encoding="utf-8")) == META


def test_csv_reads_back_with_nested_columns(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    write(path, ROWS)
    with path.open(encoding="utf-8", newline="") as handle:
        first, second, third = csv.DictReader(handle)
    assert list(first) == FIELDS
    assert first["critiques.Theme & Communication"] == 'A "tree",\nand light.'
    assert first["image"] == "ordner/schön, gut.jpg"
    assert float(second["scores.light"]) == 99.9
    assert second["score"] == ""
    assert float(third["scores.light"]) == 1e-7


def test_columns_are_there_before_the_first_row(tmp_path: Path) -> None:
    write(tmp_path / "scores.csv", [])
    assert (tmp_path / "scores.csv").read_text().strip() == ",".join(FIELDS)


@SUFFIXES
def test_cut_anywhere_it_goes_on_to_the_same_file(tmp_path: Path, suffix: str) -> None:
    """A process that was stopped leaves any number of bytes; the rows that are whole are kept."""
    whole = tmp_path / f"whole{suffix}"
    write(whole, ROWS)
    data = whole.read_bytes()
    path = tmp_path / f"cut{suffix}"
    write(path, [])
    kept = set()
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        file = ScoreFile(path, FIELDS, META)
        missing = [row for row in ROWS if row["image"] not in file.done]
        for row in missing:
            file.write(row)
        file.close()
        assert path.read_bytes() == data, length
        kept.add(len(ROWS) - len(missing))
    assert kept == {0, 1, 2, 3}


@SUFFIXES
def test_a_cut_row_is_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scores{suffix}"
    assert write(path, ROWS).notes == []
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"image": "half')
    assert write(path, []).notes == ["a half-written last row (15 bytes) was cut off"]
    assert path.read_bytes() == whole


@SUFFIXES
def test_another_way_of_making_rows_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scores{suffix}"
    write(path, ROWS)
    before = path.read_bytes()
    other = deepcopy(META)
    other["same"]["asked"] |= {"describe": True}
    other["same"]["weights_sha256"] = "abc"
    with pytest.raises(ValueError, match="its rows were made in another way") as error:
        write(path, [], meta=other)
    said = str(error.value)
    assert "asked.describe: False there, True now" in said
    assert "weights_sha256: None there, 'abc' now" in said
    assert "choose another --output, or remove" in said
    assert path.read_bytes() == before
    path.unlink()  # as it says: then it starts anew, with the other way
    write(path, ROWS, meta=other)
    assert json.loads(meta_path(path).read_text(encoding="utf-8")) == other


def test_other_versions_are_told_and_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    write(path, ROWS[:1])
    file = write(path, ROWS[1:], meta=META | {"versions": {"torch": "2.14"}})
    assert file.notes == ["begun with another version: torch: '2.13' there, '2.14' now"]
    assert file.done == {ROWS[0]["image"]}


@pytest.mark.parametrize("change", ["remove", "add"])
@SUFFIXES
def test_a_row_with_other_fields_is_refused(tmp_path: Path, suffix: str, change: str) -> None:
    path = tmp_path / f"scores{suffix}"
    write(path, ROWS)
    before = path.read_bytes()
    fields = FIELDS[:-1] if change == "remove" else [*FIELDS, "answers.When?"]
    said = "has 'answers.Why\\?', which is not" if change == "remove" else "lacks 'answers.When\\?'"
    with pytest.raises(ValueError, match=rf"scores{suffix}: (line 1|its header) {said}"):
        ScoreFile(path, fields, META)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("suffix", "damage", "said"),
    [
        (".jsonl", b"{]\n", "line 4 is damaged"),
        (".jsonl", b"[]\n", "line 4 is damaged"),
        (".csv", b"only one cell\r\n", "record 4: expected 6 cells, found 1"),
        (".csv", b'"a stray mark\r\nx.jpg,1,1,1,a,b\r\n', "a cell that never ends"),
    ],
)
def test_damage_is_refused_and_left_alone(
    tmp_path: Path, suffix: str, damage: bytes, said: str
) -> None:
    path = tmp_path / f"scores{suffix}"
    write(path, ROWS)
    with path.open("ab") as file:
        file.write(damage)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=said):
        ScoreFile(path, FIELDS, META)
    assert path.read_bytes() == before


def test_a_file_that_is_no_score_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text("precious\n")
    with pytest.raises(ValueError, match=r"is there already, without scores\.jsonl\.meta\.json"):
        ScoreFile(path, FIELDS, META)
    assert path.read_text() == "precious\n"
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match="is there already"):
        ScoreFile(tmp_path / "folder.csv", FIELDS, META)
    meta_path(path).write_text("{}")
    with pytest.raises(ValueError, match=r"scores\.jsonl\.meta\.json: damaged"):
        ScoreFile(path, FIELDS, META)


@pytest.mark.parametrize("name", ["scores.txt", "scores", "scores.json"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"expected a name that ends in \.jsonl or \.csv"):
        ScoreFile(tmp_path / name, FIELDS, META)
    assert not (tmp_path / name).exists()


@SUFFIXES
def test_a_row_that_lacks_a_field_is_never_written(tmp_path: Path, suffix: str) -> None:
    file = ScoreFile(tmp_path / f"scores{suffix}", FIELDS, META)
    with pytest.raises(ValueError, match=r"a new row lacks .answers\.Why"):
        file.write({key: value for key, value in ROWS[0].items() if key != "answers"})
    file.close()


@SUFFIXES
def test_a_name_that_is_no_utf8_is_written_and_known_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scores{suffix}"
    odd = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    write(path, [ROWS[0] | {"image": odd}, ROWS[1]])
    assert write(path, []).done == {odd, "b.jpg"}


def test_what_was_not_scored_is_listed_for_this_run(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    file = ScoreFile(path, FIELDS, META)
    file.not_scored("a.jpg", "a.jpg: empty file")
    file.not_scored("b.jpg", "b.jpg: missing")
    file.close()
    rows = [json.loads(line) for line in not_scored_path(path).read_text().splitlines()]
    assert rows == [
        {"image": "a.jpg", "reason": "a.jpg: empty file"},
        {"image": "b.jpg", "reason": "b.jpg: missing"},
    ]
    write(path, ROWS)
    assert not not_scored_path(path).exists()


def test_images_are_found_once_in_order_in_every_depth(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "deep/er/c.webp", "notes.txt", "deep/d.jpeg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    found = find_images([tmp_path / "b.JPG", tmp_path])
    assert [str(p.relative_to(tmp_path)) for p in found] == [
        "b.JPG", "a.png", "deep/d.jpeg", "deep/er/c.webp",
    ]  # fmt: skip
    # A file that is named is taken whatever it is called: the user said so.
    assert find_images([tmp_path / "notes.txt"]) == [tmp_path / "notes.txt"]


def test_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.jpg: no such image or folder"):
        find_images([tmp_path / "none.jpg"])
    with pytest.raises(ValueError, match="expected images"):
        find_images([tmp_path])
