"""FGAesthetics: six columns, the check of their direction, ties, repeats and damaged rows."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artimuse.config.sources import FGAestheticsSource
from artimuse.data.formats import load_source
from artimuse.records import DataError, Pair, Question, Source

ROWS = """\
000009 01 02 0.731 1.2 0.2
000009 01 03 0.5 1.2 0.9
000009 03 02 0.6 0.9 0.2
000012 02 01 0.1 -1.0 2.0
"""


def load(folder: Path, **files: str) -> Source:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    labels = [f"{name}.txt" for name in files]
    config = FGAestheticsSource(name="fg", format="fgaesthetics", images="images", labels=labels)
    return load_source(config, folder)


def test_images_series_pairs_and_notes(tmp_path: Path) -> None:
    source = load(tmp_path, natural_train=ROWS)
    assert [sample.id for sample in source.samples] == [
        "fg/000009/000009-01.jpg",
        "fg/000009/000009-02.jpg",
        "fg/000009/000009-03.jpg",
        "fg/000012/000012-02.jpg",
        "fg/000012/000012-01.jpg",
    ]
    first = source.samples[0]
    assert first.images == (tmp_path / "images" / "000009" / "000009-01.jpg",)
    assert first.questions == (Question(kind="score", aspect="overall"),)
    assert (first.dataset, first.series, first.category) == ("fg", "natural/000009", "natural")
    assert source.pairs[0] == Pair("fg/000009/000009-01.jpg", "fg/000009/000009-02.jpg", 0.731)
    assert [pair.probability for pair in source.pairs] == [0.731, 0.5, 0.6, 0.1]
    assert source.notes == [
        "natural_train.txt: 1 ties (P = .5) kept",
        "natural_train.txt: column 4 read as P(first better): columns 5 and 6 (scores, higher is "
        "better) agree in 3 of 3 rows",
    ]
    assert (source.items, source.bad) == (4, [])


def test_numbers_need_no_zeros_and_commas_are_fine(tmp_path: Path) -> None:
    source = load(tmp_path, aigc_val="9,1,2,.7,1.5,.2\n9.0 1.0 3.0 .7 1.5 .1\r\n")
    assert [sample.id for sample in source.samples] == [
        f"fg/000009/000009-0{index}.jpg" for index in (1, 2, 3)
    ]
    assert source.samples[0].series == "aigc/000009"


@pytest.mark.parametrize(
    "rows",
    [
        "1 1 2 0.2 0.9 0.1\n1 1 3 0.3 0.9 0.2\n1 2 3 0.9 0.1 0.2\n2 1 2 0.9 0.8 0.1\n",
        # The same the other way round in ranks: 1 is the best, so the first is.
        "1 1 2 0.2 1 2\n2 1 2 0.1 1 2\n",
    ],
)
def test_a_file_whose_columns_disagree_is_refused(tmp_path: Path, rows: str) -> None:
    with pytest.raises(ValueError, match=r"natural_train\.txt: expected column 4.*disagrees"):
        load(tmp_path, natural_train=rows)


def test_mirroring_all_rows_keeps_the_direction(tmp_path: Path) -> None:
    mirrored = ""
    for line in ROWS.splitlines():
        series, a, b, p, x, y = line.split()
        mirrored += f"{series} {b} {a} {1 - float(p):.6f} {y} {x}\n"
    pairs = load(tmp_path, natural_train=mirrored).pairs
    there = load(tmp_path, natural_train=ROWS).pairs
    assert [(p.second, p.first) for p in pairs] == [(p.first, p.second) for p in there]
    # Both in one file: every second row is a repeat.
    both = load(tmp_path, natural_train=ROWS + mirrored)
    assert both.pairs == there
    assert "natural_train.txt: 4 repeated rows dropped" in both.notes


def test_ranks_are_read_with_one_as_the_best(tmp_path: Path) -> None:
    source = load(tmp_path, cropping_test="1 1 2 0.9 1 3\n1 1 3 0.8 1 2\n1 2 3 0.3 3 2\n")
    assert "(ranks, 1 the best) agree in 3 of 3 rows" in source.notes[-1]


def test_only_ties_leave_the_direction_unchecked(tmp_path: Path) -> None:
    assert "could not be checked" in load(tmp_path, aigc_val="1 1 2 0.5 1 1\n").notes[-1]


def test_repeated_and_contradicting_rows(tmp_path: Path) -> None:
    source = load(tmp_path, aigc_train=f"{ROWS}000009 01 02 0.731 1.2 0.2\n9 2 1 0.9 0.2 1.2\n")
    assert len(source.pairs) == 4
    assert "aigc_train.txt: 1 repeated rows dropped" in source.notes
    assert [(item.item, item.reason) for item in source.bad] == [
        ("line 6", "contradicts an earlier row: P 0.9 after 0.269")
    ]
    assert source.items == 6


def test_splits_of_a_category_share_series_and_categories_do_not(tmp_path: Path) -> None:
    for name in ("natural", "cropping"):
        (tmp_path / "images" / name).mkdir(parents=True)
    one = "9 1 2 0.7 1.5 0.5\n"
    source = load(tmp_path, natural_train=one, natural_val="9 1 3 0.7 1.5 0.5\n", cropping_val=one)
    assert [sample.id for sample in source.samples] == [
        "fg/natural/000009/000009-01.jpg",
        "fg/natural/000009/000009-02.jpg",
        "fg/natural/000009/000009-03.jpg",
        "fg/cropping/000009/000009-01.jpg",
        "fg/cropping/000009/000009-02.jpg",
    ]
    assert {sample.series for sample in source.samples} == {"natural/000009", "cropping/000009"}


def test_two_categories_with_the_same_image_are_an_error(tmp_path: Path) -> None:
    one = "9 1 2 0.7 1.5 0.5\n"
    with pytest.raises(DataError, match=r"cropping_val\.txt: .*one source per category"):
        load(tmp_path, natural_train=one, cropping_val=one)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("9 1 2 0.7 1.5", "wrong number of columns"),
        ("9 1 2 0.7 1.5 0.5 3", "wrong number of columns"),
        ("x 1 2 0.7 1.5 0.5", "series is not a number"),
        ("9 1.5 2 0.7 1.5 0.5", "image index is not a whole number"),
        ("9 -1 2 0.7 1.5 0.5", "image index is not a whole number"),
        ("../x 1 2 0.7 1.5 0.5", "series is not a number"),
        ("9 1 01 0.7 1.5 0.5", "pair of one image"),
        ("9 1 2 1.01 1.5 0.5", "probability off 0..1"),
        ("9 1 2 nan 1.5 0.5", "probability is not finite"),
        ("9 1 2 high 1.5 0.5", "probability is not a number"),
        ("9 1 2 0.7 inf 0.5", "value is not finite"),
    ],
)
def test_a_bad_row_is_listed_and_the_rest_read(tmp_path: Path, row: str, reason: str) -> None:
    source = load(tmp_path, natural_train=f"{ROWS}\n{row}\n")
    assert len(source.pairs) == 4
    assert [(item.item, item.reason.partition(":")[0]) for item in source.bad] == [
        ("line 6", reason)
    ]
    assert source.items == 5


def test_another_kind_of_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected rows of six numbers"):
        load(tmp_path, natural_train='[{"image": "a.jpg"}]\n')


CELL = st.integers(-2, 4).map(str) | st.sampled_from(
    [".5", "nan", "inf", "1e999", "x", "0x1", "\u0663"]
)
LINE = st.lists(CELL, min_size=4, max_size=7).map(" ".join) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=12
)


@settings(
    deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.lists(LINE, max_size=6))
def test_any_lines_are_pairs_bad_items_or_one_error(tmp_path: Path, lines: list[str]) -> None:
    text = ROWS + "\n".join(lines)
    given_lines = [line for line in text.split("\n") if line.strip()]
    source, refused = None, ""
    try:
        source = load(tmp_path, natural_train=text)
    except DataError as error:
        refused = str(error)
    if source is None:
        assert "natural_train.txt: expected column 4" in refused
        return
    repeated = sum(
        int(found[1]) for note in source.notes if (found := re.search(r"(\d+) repeated rows", note))
    )
    assert source.items == len(given_lines) == len(source.pairs) + repeated + len(source.bad)
    ids = {sample.id for sample in source.samples}
    assert all(pair.first in ids and pair.second in ids for pair in source.pairs)
