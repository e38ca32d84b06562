"""Texts that compare the images of a pair: read, turned the right way, kept, and written from templates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artimuse.config.sources import FGAestheticsSource
from artimuse.data.comparison_templates import compare_in_words
from artimuse.data.formats import load_source
from artimuse.data.store import open_source, write_source
from artimuse.data.units import units


def source(folder: Path, rows: list[dict[str, str]]):
    (folder / "natural_train.txt").write_text(
        "000009 1 2 0.800000 1.2 0.1\n000009 1 3 0.400000 0.1 1.2\n", encoding="utf-8"
    )
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "said.jsonl").write_text(text, encoding="utf-8")
    config = FGAestheticsSource(
        name="fg", format="fgaesthetics", images=".", labels=["natural_train.txt"],
        comparison_texts="said.jsonl",
    )  # fmt: skip
    return load_source(config, folder)


def row(first: int, second: int, text: str) -> dict[str, str]:
    names = [f"000009/000009-{number:02d}.jpg" for number in (first, second)]
    return {"first": names[0], "second": names[1], "text": text}


def test_a_text_is_of_its_pair_and_turns_it(tmp_path: Path) -> None:
    found = source(tmp_path, [row(1, 2, "sharper"), row(3, 1, "darker")])
    one, other = found.pairs
    assert (one.text, one.probability) == ("sharper", 0.8)
    assert other.first.endswith("-03.jpg")
    assert (other.text, other.probability) == ("darker", pytest.approx(0.6))
    assert not found.bad
    assert "said.jsonl: 2 of 2 pairs have a text that compares them" in found.notes


def test_texts_go_with_their_pairs(tmp_path: Path) -> None:
    found = source(tmp_path, [row(1, 3, "darker")])
    write_source(tmp_path / "kept", found)
    kept = open_source(tmp_path / "kept")
    assert kept.pairs == found.pairs
    (unit,) = units(kept)
    assert [pair.text for pair in unit.pairs] == [None, "darker"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([row(2, 3, "sharper")], "no pair"),
        ([row(1, 2, "sharper"), row(2, 1, "softer")], "second text for a pair"),
        ([row(1, 2, " ")], "empty 'text'"),
        ([{"first": "a.jpg"}], "missing key 'second'"),
    ],
)
def test_a_row_that_cannot_be_used_is_told(rows, reason: str, tmp_path: Path) -> None:
    found = source(tmp_path, rows)
    assert [reason in str(item) for item in found.bad] == [True]


def test_templates_say_which_is_better_and_in_what_they_differ() -> None:
    assert compare_in_words(0.9) == "The first image looks clearly better than the second."
    assert compare_in_words(0.4) == "The second image looks better than the first."
    assert compare_in_words(0.5).startswith("The first image looks as good as the second")
    said = compare_in_words(
        0.7, {"blur": 0.1, "sky": "clear", "pieces": 3}, {"blur": 0.6, "sky": "cloudy", "pieces": 3}
    )
    assert said.endswith(": the first has less blur and sky clear and not cloudy.")
