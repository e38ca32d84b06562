"""Leaving out what is bad: samples, pairs, the limit, and the list in the run folder."""

import json
from pathlib import Path

import pytest

from artimuse.data.checks.bad import drop_bad, enforce_limit, write_bad
from artimuse.records import BadItem, DataError, Pair, Question, Sample, Source

QUESTION = (Question(kind="score", aspect="overall"),)
BAD_B = BadItem("i/b.jpg", "fg/b.jpg", "empty file: expected an image, found 0 bytes")


def sample(*names: str) -> Sample:
    return Sample(f"fg/{names[0]}", tuple(Path("i") / name for name in names), QUESTION, "fg", "s")


@pytest.fixture
def sources() -> list[Source]:
    samples = [sample(f"{name}.jpg") for name in "abc"]
    pairs = [Pair("fg/a.jpg", "fg/b.jpg", 0.8), Pair("fg/a.jpg", "fg/c.jpg", 0.5)]
    row = BadItem("l.txt", "line 3", "probability off 0..1: found 2")
    return [Source("fg", samples, pairs, [row], items=3), Source("two", [sample("b.jpg", "d.jpg")])]


def test_samples_and_pairs_of_a_bad_image_are_dropped_and_listed(sources: list[Source]) -> None:
    kept, bad = drop_bad(sources, [BAD_B])
    assert [s.id for s in kept[0].samples] == ["fg/a.jpg", "fg/c.jpg"]
    assert kept[0].pairs == sources[0].pairs[1:]
    assert kept[1].samples == []
    assert kept[0].bad == [
        sources[0].bad[0],
        BAD_B,
        BadItem("i/b.jpg", "pair fg/a.jpg - fg/b.jpg", "its image i/b.jpg is bad"),
    ]
    assert bad == [*kept[0].bad, *kept[1].bad]
    assert len(sources[0].samples) == 3, "the sources given are left as they are"


def test_without_bad_images_nothing_changes(sources: list[Source]) -> None:
    assert drop_bad(sources, []) == (sources, sources[0].bad)


def test_the_limit_counts_rows_and_images_apart(sources: list[Source]) -> None:
    rows_third, images_quarter = 1 / 3, 1 / 4
    enforce_limit(sources, [BAD_B], rows_third)
    with pytest.raises(DataError, match="1 of 3 annotation rows and 1 of 4 images"):
        enforce_limit(sources, [BAD_B], 0.33)
    sources[0].items = 1000
    enforce_limit(sources, [BAD_B], images_quarter)
    with pytest.raises(DataError, match="expected at most 24"):
        enforce_limit(sources, [BAD_B], 0.24)
    enforce_limit(sources, [], 0.01)


def test_the_error_counts_per_source_and_shows_the_first_20() -> None:
    rows = [BadItem("l.txt", f"line {n}", f"off scale: found {n}") for n in range(30)]
    with pytest.raises(DataError) as error:
        enforce_limit([Source("fg", [], bad=rows, items=40)], [], 0.0)
    text = str(error.value)
    assert "fg: 30 x off scale" in text
    assert "raise data.max_bad_frac" in text
    assert "first 20 of 30" in text
    assert "l.txt: line 19: off scale: found 19" in text
    assert "line 20" not in text


def test_clean_data_passes_a_limit_of_zero() -> None:
    enforce_limit([Source("fg", [sample("a.jpg")], items=1)], [], 0.0)
    enforce_limit([], [], 0.0)


def test_the_list_is_written_with_counts(tmp_path: Path, sources: list[Source]) -> None:
    kept, bad = drop_bad(sources, [BAD_B])
    counts = write_bad(tmp_path / "bad_items.jsonl", kept)
    assert counts == {
        "fg": {"probability off 0..1": 1, "empty file": 1, "pair of a bad image": 1},
        "two": {"empty file": 1},
    }
    rows = [json.loads(line) for line in (tmp_path / "bad_items.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "source": "fg", "file": "l.txt", "item": "line 3",
        "reason": "probability off 0..1: found 2",
    }  # fmt: skip
    assert len(rows) == len(bad) == 4


def test_without_bad_items_the_file_is_empty(tmp_path: Path) -> None:
    assert write_bad(tmp_path / "bad_items.jsonl", [Source("a", [])]) == {}
    assert (tmp_path / "bad_items.jsonl").read_bytes() == b""
