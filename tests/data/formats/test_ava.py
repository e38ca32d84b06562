"""AVA: votes become a histogram with its mean and spread; damaged lines of every kind."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artimuse.config.sources import AVASource
from artimuse.data.formats import load_source
from artimuse.records import DataError, Source

GOOD = "1 100 0 0 0 2 2 0 0 0 0 0 1 22 77"


def load(folder: Path, text: str | bytes) -> Source:
    (folder / "AVA.txt").write_bytes(text.encode() if isinstance(text, str) else text)
    return load_source(AVASource(name="ava", format="ava", images="i", votes="AVA.txt"), folder)


def line(votes: str, image: object = 200, tags: str = "0 0 5") -> str:
    return f"2 {image} {votes} {tags}"


def test_a_line_becomes_a_sample_with_its_votes(tmp_path: Path) -> None:
    source = load(tmp_path, f"{GOOD}\r\n\n{line('0 0 0 0 0 0 0 0 0 3')}\n")
    first, second = source.samples
    assert first.id == "ava/100.jpg"
    assert first.images == (tmp_path / "i" / "100.jpg",)
    assert (first.dataset, first.series, first.category) == ("ava", None, None)
    (question,) = first.questions
    assert (question.kind, question.aspect) == ("score", "overall")
    label = question.label
    assert label is not None
    assert label.histogram == (0, 0, 0, 2, 2, 0, 0, 0, 0, 0)
    assert (label.mean, label.std, label.raters) == (4.5, 0.5, 4)
    assert (label.low, label.high) == (1, 10)
    top = second.questions[0].label
    assert top is not None
    assert (top.mean, top.std, top.raters) == (10, 0, 3)
    assert (source.items, source.bad, source.notes) == (2, [], [])


def test_mean_and_spread_are_those_of_the_single_votes(tmp_path: Path) -> None:
    label = load(tmp_path, line("1 0 0 0 0 0 0 0 0 3")).samples[0].questions[0].label
    assert label is not None
    assert label.mean == (1 + 3 * 10) / 4
    assert label.std == pytest.approx((((1 - 7.75) ** 2 + 3 * (10 - 7.75) ** 2) / 4) ** 0.5)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (line("0 0 0 0 0 0 0 0 0 0"), "no votes"),
        (line("0 0 0 -1 4 0 0 0 0 0"), "votes for grade 4 is not a whole number from 0 on"),
        (line("0 0 0 1.5 4 0 0 0 0 0"), "votes for grade 4 is not a whole number from 0 on"),
        (line("x 0 0 1 4 0 0 0 0 0"), "votes for grade 1 is not a number"),
        (line("9999999999 0 0 1 4 0 0 0 0 0"), "votes for grade 1 is not a whole number from 0 on"),
        (line("nan 0 0 1 4 0 0 0 0 0"), "votes for grade 1 is not finite"),
        (line("0 0 1 4 0 0 0 0 0"), "wrong number of columns"),
        (line("0 0 0 0 1 4 0 0 0 0 0"), "wrong number of columns"),
        (line("0 0 0 1 4 0 0 0 0 0", image="x"), "image id is not a number"),
        (line("0 0 0 1 4 0 0 0 0 0", image="-7"), "image id is not a whole number from 0 on"),
        (line("0 0 0 1 4 0 0 0 0 0", image="1/2"), "image id is not a number"),
        (line("0 0 0 1 4 0 0 0 0 0", tags="0 tag 1"), "tag id is not a number"),
        (
            line("0 0 0 1 4 0 0 0 0 0", tags="0 0 .5"),
            "challenge id is not a whole number from 0 on",
        ),
        ("x 200 0 0 0 1 4 0 0 0 0 0 0 0 1", "index is not a number"),
        ("2 100 0 0 0 2 3 0 0 0 0 0 1 22 77", "second row of an image"),
    ],
)
def test_a_bad_line_is_listed_and_the_rest_read(tmp_path: Path, row: str, reason: str) -> None:
    source = load(tmp_path, f"{GOOD}\n{row}\n{line('0 0 0 0 1 0 0 0 0 0', image=300)}\n")
    assert [sample.id for sample in source.samples] == ["ava/100.jpg", "ava/300.jpg"]
    assert [item.reason.partition(":")[0] for item in source.bad] == [reason]
    assert source.bad[0].file == str(tmp_path / "AVA.txt")
    assert source.bad[0].item.startswith("line 2")
    assert source.items == 3


def test_a_repeated_line_is_counted_whatever_its_index(tmp_path: Path) -> None:
    source = load(tmp_path, f"{GOOD}\n{GOOD.replace('1 ', '9 ', 1)}\n")
    assert source.notes == ["AVA.txt: 1 repeated rows dropped"]
    assert (len(source.samples), source.items, source.bad) == (1, 2, [])


def test_a_bad_line_names_its_image_and_the_line_it_contradicts(tmp_path: Path) -> None:
    source = load(tmp_path, f"{GOOD}\n{line('1 0 0 0 0 0 0 0 0 0', image=100)}\n")
    assert str(source.bad[0]).endswith(
        "AVA.txt: line 2 (100): second row of an image: found other values than in line 1"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[{"image": "100.jpg", "gt_score": 5}]', "expected lines of 15 cells .* found none"),
        ("100.jpg 5.2\n200.jpg 4.1\n", "found none in 2 lines, the last: wrong number of columns"),
        (b"\xff", "0xff at offset 0"),
        ("\n\n", "found none"),
    ],
)
def test_another_kind_of_file_is_an_error(tmp_path: Path, text: str | bytes, found: str) -> None:
    with pytest.raises(DataError, match=found) as error:
        load(tmp_path, text)
    assert "expected" in str(error.value)
    assert str(tmp_path) in str(error.value)


CELLS = st.sampled_from(["0", "3", "-1", "1.5", "nan", "1e400", "x", "9" * 12, "²", "\0", "..", ""])
BROKEN = st.lists(CELLS, min_size=15, max_size=15).map(" ".join) | st.text(max_size=12)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=st.lists(BROKEN.map(lambda row: row.replace("\n", " ")), max_size=6))
def test_any_lines_are_samples_or_bad_items(tmp_path: Path, rows: list[str]) -> None:
    source = load(tmp_path, "\n".join([GOOD, *rows]).encode("utf-8", "replace"))
    repeated = sum(int(note.split()[1]) for note in source.notes)
    assert len(source.samples) + len(source.bad) + repeated == source.items
    assert source.items == 1 + sum(bool(row.split()) for row in rows)
    assert source.samples[0].id == "ava/100.jpg"
