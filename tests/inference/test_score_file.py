"""Score files: what is written reads back, row by row; what is there already is never overwritten."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from artimuse.inference.score_file import ScoreFile, find_images

ROWS = [
    {
        "image": "ordner/schön, gut.jpg", "score": 61.25, "scores": {"overall": 61.25, "light": 3.0},
        "critiques": {"Theme & Communication": 'A "tree",\nand light.'}, "answers": {"Why?": ""},
    },
    {
        "image": "b.jpg", "score": None, "scores": {"overall": 0.1, "light": 99.9},
        "critiques": {"Theme & Communication": "x"}, "answers": {"Why?": "because"},
    },
]  # fmt: skip


def test_jsonl_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scores.jsonl"
    file = ScoreFile(path)
    for number, row in enumerate(ROWS):
        file.write(row)
        # A row is on disk as soon as it is written: an interrupted run keeps what it did.
        assert len(path.read_text(encoding="utf-8").splitlines()) == number + 1
    file.close()
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == ROWS
    assert "schön" in path.read_text(encoding="utf-8")


def test_csv_reads_back_with_nested_columns(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    file = ScoreFile(path)
    for row in ROWS:
        file.write(row)
    file.close()
    with path.open(encoding="utf-8", newline="") as handle:
        first, second = csv.DictReader(handle)
    assert list(first) == [
        "image", "score", "scores.overall", "scores.light",
        "critiques.Theme & Communication", "answers.Why?",
    ]  # fmt: skip
    assert first["critiques.Theme & Communication"] == 'A "tree",\nand light.'
    assert first["image"] == "ordner/schön, gut.jpg"
    assert float(second["scores.light"]) == 99.9
    assert second["score"] == ""


@pytest.mark.parametrize("name", ["scores.txt", "scores", "scores.json"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"expected a name that ends in \.jsonl or \.csv"):
        ScoreFile(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text("precious\n")
    with pytest.raises(ValueError, match="is there already"):
        ScoreFile(path)
    assert path.read_text() == "precious\n"


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
