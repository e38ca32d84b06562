"""Images that are taken out of a source: whole names, pairs, and lists that would let a test in."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artimuse.config.sources import FGAestheticsSource, ScoreListSource
from artimuse.data.formats import load_source
from artimuse.data.formats.minus import read_names
from artimuse.records import DataError, Source

NAMES = ["s1/a.jpg", "s1/b.jpg", "s2/a.jpg", "c.jpg"]


def load(folder: Path, *lists: str, names: list[str] = NAMES) -> Source:
    rows = [{"image": name, "gt_score": 3} for name in names]
    (folder / "scores.json").write_text(json.dumps(rows))
    config = ScoreListSource(
        name="s", format="scores", images="i", scores="scores.json", dataset="para",
        minus=list(lists),
    )  # fmt: skip
    return load_source(config, folder)


def write(folder: Path, name: str, content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text)
    return name


def left(source: Source) -> list[str]:
    return [sample.id.removeprefix("s/") for sample in source.samples]


def test_a_score_list_takes_its_images_out(tmp_path: Path) -> None:
    rows = [{"image": "s1/a.jpg", "gt_score": 4}, {"image": "./c.jpg"}, {"image": "s1/a.jpg"}]
    source = load(tmp_path, write(tmp_path, "test.json", rows))
    assert left(source) == ["s1/b.jpg", "s2/a.jpg"]
    assert source.notes == ["minus test.json: 2 samples and 0 pairs taken out"]
    assert source.items == 4


@pytest.mark.parametrize(
    "text", ["s1/a.jpg\nc.jpg\n", "\ufeff s1/a.jpg \r\n\r\nc.jpg", "s1/a.jpg 0.25\nc.jpg\t-1e-3"]
)
def test_a_text_list_has_a_name_a_line_and_perhaps_a_score(tmp_path: Path, text: str) -> None:
    source = load(tmp_path, write(tmp_path, "test.txt", text))
    assert left(source) == ["s1/b.jpg", "s2/a.jpg"]


def test_a_name_may_have_spaces_and_a_number(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("my photo 7.jpg\nplain 7\na b.jpg\nroll.1 3.jpg\n")
    assert read_names(path) == ["my photo 7.jpg", "plain 7", "a b.jpg", "roll.1 3.jpg"]


def test_names_that_are_not_in_the_source_are_counted(tmp_path: Path) -> None:
    source = load(tmp_path, write(tmp_path, "test.txt", "c.jpg\nnew.jpg\ns9/b.png\n"))
    assert left(source) == NAMES[:3]
    assert source.notes == [
        "minus test.txt: 1 samples and 0 pairs taken out",
        "minus test.txt: 2 of its 3 names are not in this source, but 1 of them differ from an "
        "image in it only by folder or ending: 's9/b.png' from 's1/b.jpg'",
    ]


def test_each_list_is_told_of_and_an_image_in_two_is_no_fault(tmp_path: Path) -> None:
    one = write(tmp_path, "one.txt", "c.jpg\ns2/a.jpg\n")
    two = write(tmp_path, "two.txt", "c.jpg\ns1/a.jpg\n")
    three = write(tmp_path, "three.txt", "s1/a.jpg\n")
    source = load(tmp_path, one, two, three)
    assert left(source) == ["s1/b.jpg"]
    assert source.notes == [
        "minus one.txt: 2 samples and 0 pairs taken out",
        "minus two.txt: 2 samples and 0 pairs taken out",
        "minus three.txt: 1 samples and 0 pairs taken out",
    ]


def test_the_pairs_of_an_image_go_with_it(tmp_path: Path) -> None:
    (tmp_path / "natural_train.txt").write_text(
        "9 1 2 0.7 1.5 0.5\n9 1 3 0.7 1.5 0.5\n9 2 3 0.6 0.9 0.5\n10 1 2 0.7 1.5 0.5\n"
    )
    config = FGAestheticsSource(
        name="fg", format="fgaesthetics", images="i", labels=["natural_train.txt"],
        minus=[write(tmp_path, "test.txt", "000009/000009-02.jpg\n")],
    )  # fmt: skip
    source = load_source(config, tmp_path)
    assert [sample.images[0].name for sample in source.samples] == [
        "000009-01.jpg", "000009-03.jpg", "000010-01.jpg", "000010-02.jpg",
    ]  # fmt: skip
    assert [(pair.first[-13:], pair.second[-13:]) for pair in source.pairs] == [
        ("000009-01.jpg", "000009-03.jpg"),
        ("000010-01.jpg", "000010-02.jpg"),
    ]
    assert source.notes[-1] == "minus test.txt: 1 samples and 2 pairs taken out"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x.jpg\ny.jpg\n", r"such as 's1/a\.jpg', found none in 2 names, such as 'x\.jpg'; name a"),
        ("b.jpg\n", r"1 of them differ .* \('b\.jpg' from 's1/b\.jpg'\): write each name as it is"),
        ("other/c\n", r"1 of them differ .* \('other/c' from 'c\.jpg'\)"),
        ("C.jpg\n", r"found none in 1 names, such as 'C\.jpg'"),
        ("\n", "found no name at all"),
    ],
)
def test_a_list_that_takes_nothing_out_is_an_error(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        load(tmp_path, write(tmp_path, "test.txt", content))
    assert str(tmp_path / "test.txt") in str(error.value)
    assert "source 's'" in str(error.value)


def test_a_second_list_has_to_match_as_well(tmp_path: Path) -> None:
    lists = [write(tmp_path, "one.txt", "c.jpg\n"), write(tmp_path, "two.txt", "x.jpg\n")]
    with pytest.raises(DataError, match=r"two\.txt: expected names"):
        load(tmp_path, *lists)


def test_a_list_that_leaves_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="take out all 4 samples"):
        load(tmp_path, "scores.json")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.json", [{"image": "c.jpg"}, {"img": "s1/a.jpg"}], "in record 2, found: missing key"),
        ("t.json", [{"image": "c.jpg"}, "s1/a.jpg"], "in record 2, found: not a record"),
        ("t.json", [{"image": "c.jpg"}, {"image": 7}], "in record 2, found: wrong type"),
        ("t.json", {"c.jpg": 3}, "expected a JSON list"),
        ("t.txt", "c.jpg\n/data/s1/a.jpg\n", "in line 2, found: image outside"),
        ("t.txt", "c.jpg\n../i/s1/a.jpg\n", "in line 2, found: image outside"),
    ],
)
def test_a_list_that_cannot_be_read_in_full_is_an_error(
    tmp_path: Path, name: str, content: object, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, write(tmp_path, name, content))


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: expected an annotation file"):
        load(tmp_path, "none.txt")


LISTED = st.lists(
    st.sampled_from([*NAMES, "x.jpg", "", "..", "/c.jpg", "c.jpg 1", "\0"]), max_size=5
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(listed=LISTED, as_json=st.booleans())
def test_any_list_takes_its_images_out_or_is_an_error(
    tmp_path: Path, listed: list[str], as_json: bool
) -> None:
    content: Any = [{"image": name} for name in listed] if as_json else "\n".join(listed)
    name = write(tmp_path, "t.json" if as_json else "t.txt", content)
    try:
        source = load(tmp_path, name)
    except DataError:
        return
    assert not set(left(source)) & set(listed)
    assert left(source) == [name for name in NAMES if name in left(source)] != NAMES
