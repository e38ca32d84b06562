"""Raw votes: strengths per series, pairs of whatever votes connect, and damaged rows."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artimuse.config.sources import VotesSource
from artimuse.data import bradley_terry
from artimuse.data.formats import load_source
from artimuse.records import DataError, Question, Source

HEADER = "series,a,b,wins_a,wins_b\n"


def load(root: Path, text: str, name: str = "votes.csv") -> Source:
    (root / name).write_text(text)
    return load_source(VotesSource(name="mine", format="votes", images="photos", table=name), root)


def probabilities(source: Source) -> dict[tuple[str, str], float]:
    short = "mine/"
    return {
        (p.first.removeprefix(short), p.second.removeprefix(short)): p.probability
        for p in source.pairs
    }


def test_votes_become_calibrated_pairs(tmp_path: Path) -> None:
    source = load(tmp_path, HEADER + "hall,1.jpg,2.jpg,7,3\nhall,3.jpg,2.jpg,5,5\nwood,x.jpg,y.jpg,0,10\n")  # fmt: skip  # noqa: E501
    assert [(sample.id, sample.series) for sample in source.samples] == [
        ("mine/1.jpg", "hall"),
        ("mine/2.jpg", "hall"),
        ("mine/3.jpg", "hall"),
        ("mine/x.jpg", "wood"),
        ("mine/y.jpg", "wood"),
    ]
    assert source.samples[0].questions == (Question("score", aspect="overall"),)
    fit = bradley_terry.preferred(bradley_terry.strengths([[0, 7, 0], [3, 0, 5], [0, 5, 0]]))
    assert probabilities(source) == {
        ("1.jpg", "2.jpg"): round(fit[0, 1], 6),
        ("1.jpg", "3.jpg"): round(fit[0, 2], 6),
        ("2.jpg", "3.jpg"): round(fit[1, 2], 6),
        ("x.jpg", "y.jpg"): 0.01957,
    }
    assert 0.5 < fit[0, 2] < 0.7
    assert source.notes == ["votes.csv: 1 of 4 pairs never compared themselves, P by the others"]
    assert (source.items, source.bad) == (3, [])


def test_rows_of_a_pair_are_added_up_in_either_order(tmp_path: Path) -> None:
    once = load(tmp_path, HEADER + "s,a.jpg,b.jpg,8,2\n")
    parts = load(tmp_path, HEADER + "s,a.jpg,b.jpg,4,0\ns,b.jpg,a.jpg,1,3\ns,./a.jpg,b.jpg,1,1\n")
    assert parts.pairs == once.pairs
    assert parts.notes == [
        "votes.csv: 2 rows about a pair that an earlier row is about, votes added up"
    ]


def test_images_lie_in_the_folder_of_their_series_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "photos" / "hall").mkdir(parents=True)
    source = load(tmp_path, HEADER + "hall,1.jpg,2.jpg,1,2\nwood,1.jpg,in/2.jpg,1,2\n")
    assert [sample.id.removeprefix("mine/") for sample in source.samples] == [
        "hall/1.jpg", "hall/2.jpg", "1.jpg", "in/2.jpg",
    ]  # fmt: skip
    assert source.samples[0].images == (tmp_path / "photos" / "hall" / "1.jpg",)


def test_no_pair_between_parts_that_no_votes_connect(tmp_path: Path) -> None:
    rows = "s,a.jpg,b.jpg,3,1\ns,c.jpg,d.jpg,2,2\n"
    source = load(tmp_path, HEADER + rows)
    assert list(probabilities(source)) == [("a.jpg", "b.jpg"), ("c.jpg", "d.jpg")]
    assert probabilities(source)["c.jpg", "d.jpg"] == 0.5
    assert source.notes == [
        "votes.csv: 1 series in parts that no votes connect, no pairs between them"
    ]
    assert len(load(tmp_path, HEADER + rows + "s,b.jpg,c.jpg,1,0\n").pairs) == 6


def test_every_kind_of_table_is_read_alike(tmp_path: Path) -> None:
    rows = [{"series": 7, "a": "a.jpg", "b": "b.jpg", "wins_a": 3, "wins_b": 1.0, "by": "me"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    as_json = load(tmp_path, lines, "v.jsonl")
    as_tabs = load(tmp_path, "series\ta\tb\twins_a\twins_b\n7\ta.jpg\tb.jpg\t3\t1\n", "v.tsv")
    assert (as_json.samples, as_json.pairs) == (as_tabs.samples, as_tabs.pairs)
    assert as_json.notes == ["v.jsonl: columns not used: by"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("s,a.jpg,b.jpg,0,0", "no votes"),
        ("s,a.jpg,b.jpg,-1,3", "wins_a is not a whole number from 0 on"),
        ("s,a.jpg,b.jpg,1,0.5", "wins_b is not a whole number from 0 on"),
        ("s,a.jpg,b.jpg,,1", "wins_a is not a whole number from 0 on"),
        ("s,a.jpg,b.jpg,one,1", "wins_a is not a number"),
        ("s,a.jpg,b.jpg,nan,1", "wins_a is not finite"),
        ("s,a.jpg,b.jpg,1000001,1", "more votes than a panel has"),
        ("t,x.jpg,y.jpg,1000000,1", "more votes than a panel has"),
        ("s,a.jpg,./a.jpg,1,1", "pair of one image"),
        ("s,a.jpg,,1,1", "empty b"),
        (",a.jpg,b.jpg,1,1", "empty series"),
        ("s,a.jpg,../b.jpg,1,1", "image outside the image folder"),
        ("..,a.jpg,b.jpg,1,1", "image outside the image folder"),
        ("s,a.jpg,x.jpg,1,1", "image of two series"),
        ("s,a.jpg,b.jpg,1", "wrong number of columns"),
    ],
)
def test_a_bad_row_is_listed_and_changes_nothing(tmp_path: Path, row: str, reason: str) -> None:
    (tmp_path / "photos").mkdir()
    alone = load(tmp_path, HEADER + "t,x.jpg,y.jpg,1,2\nt,x.jpg,z.jpg,1,2\n")
    source = load(tmp_path, HEADER + f"t,x.jpg,y.jpg,1,2\n{row}\nt,x.jpg,z.jpg,1,2\n")
    assert (source.samples, source.pairs) == (alone.samples, alone.pairs)
    assert [(item.item, item.reason.partition(":")[0]) for item in source.bad] == [
        ("line 3", reason)
    ]
    assert source.items == 3


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("series,a,b,wins_a", "expected the column 'wins_b'.*such as `series,a,b,wins_a,wins_b`"),
        ("series,a,b,wins_a,win_b", "did you mean 'wins_b' by 'win_b'"),
        ("series,a,b,wins_a,wins_b,a", "each column once"),
    ],
)
def test_columns_are_checked(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, header + "\n")


def test_too_long_a_series_is_refused(tmp_path: Path) -> None:
    rows = [f"s,0.jpg,{n}.jpg,2,1\n" for n in range(1, 33)]
    assert len(load(tmp_path, HEADER + "".join(rows[:-1])).pairs) == 32 * 31 // 2
    with pytest.raises(DataError, match="at most 32 images in a series, found 33 in 's'"):
        load(tmp_path, HEADER + "".join(rows))


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 3),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(["s", "t", "a.jpg", "b.jpg", "c.jpg", "../d", "/e", "1", "0", 10**30]),
)
SOUND = {"series": "s", "a": "a.jpg", "b": "b.jpg", "wins_a": 1, "wins_b": 2}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(list(SOUND)), CELLS), max_size=6))
def test_damaged_rows_give_samples_bad_items_or_a_data_error(damaged: list[Any]) -> None:
    rows = [SOUND, *(SOUND | cells for cells in damaged)]
    with tempfile.TemporaryDirectory() as folder:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        try:
            source = load(Path(folder), text, "votes.jsonl")
        except DataError:
            return
    assert source.items == len(rows)
    assert len(source.bad) <= len(damaged)
    assert source.pairs
    assert all(math.isfinite(pair.probability) for pair in source.pairs)
