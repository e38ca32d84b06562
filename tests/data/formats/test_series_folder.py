"""A folder of series: natural order, both directions, nested folders, and everything else in there."""

import contextlib
import os
import random
import tempfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artimuse.config.sources import SeriesFolderSource
from artimuse.data.formats import load_source
from artimuse.data.formats.series_folder import natural
from artimuse.records import DataError, Pair, Question, Source


def load(
    root: Path, *names: str, order: Literal["best_first", "worst_first"] = "best_first"
) -> Source:
    for name in names:
        path = root / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    config = SeriesFolderSource(name="mine", format="series_folder", images="photos", order=order)
    return load_source(config, root)


def test_series_in_the_natural_order_of_their_names(tmp_path: Path) -> None:
    source = load(tmp_path, "hall/10.jpg", "hall/2.JPEG", "hall/1.png", "b/rose/B.tif", "b/rose/a.WebP")  # fmt: skip  # noqa: E501
    assert [(sample.id, sample.series) for sample in source.samples] == [
        ("mine/b/rose/a.WebP", "b/rose"),
        ("mine/b/rose/B.tif", "b/rose"),
        ("mine/hall/1.png", "hall"),
        ("mine/hall/2.JPEG", "hall"),
        ("mine/hall/10.jpg", "hall"),
    ]
    assert source.pairs == [
        Pair("mine/b/rose/a.WebP", "mine/b/rose/B.tif", 1.0),
        Pair("mine/hall/1.png", "mine/hall/2.JPEG", 1.0),
        Pair("mine/hall/1.png", "mine/hall/10.jpg", 1.0),
        Pair("mine/hall/2.JPEG", "mine/hall/10.jpg", 1.0),
    ]
    first = source.samples[0]
    assert first.images == (tmp_path / "photos" / "b" / "rose" / "a.WebP",)
    assert first.questions == (Question("score", aspect="overall"),)
    assert (first.dataset, source.items, source.bad, source.notes) == ("mine", 5, [], [])


def test_worst_first_is_the_reverse(tmp_path: Path) -> None:
    names = ("s/1.jpg", "s/2.jpg", "s/3.jpg")
    best = load(tmp_path, *names)
    worst = load(tmp_path, *names, order="worst_first")
    assert worst.samples == best.samples
    assert [(pair.second, pair.first, 1.0) for pair in best.pairs] == [
        (pair.first, pair.second, pair.probability) for pair in worst.pairs
    ]


def test_the_natural_order() -> None:
    names = ["2b.jpg", "10.jpg", "a.jpg", "A1.jpg", "a1 2.jpg", "a1b.jpg", "a02.jpg", "b.jpg"]
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(shuffled, key=natural) == names


def test_what_else_lies_there_is_counted(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.jpg").write_bytes(b"")
    names = ("s/1.jpg", "s/._1.jpg", ".DS_Store", "s/notes.txt", "s/.thumbs/1.jpg", "loose.jpg", "one/1.jpg")  # fmt: skip  # noqa: E501
    load(tmp_path, *names)
    (tmp_path / "photos" / "s" / "link").symlink_to(tmp_path / "elsewhere")
    source = load(tmp_path)
    assert [sample.id for sample in source.samples] == ["mine/one/1.jpg", "mine/s/1.jpg"]
    assert source.notes == [
        "photos: 4 files that are hidden or no images, not used",
        "photos: 1 images in no series, not used: they lie in the folder itself",
        "photos: 1 links to folders, not followed",
        "photos: 2 series of one ranked image, thus without a pair",
    ]


def test_names_of_the_same_place_cannot_be_ordered(tmp_path: Path) -> None:
    source = load(tmp_path, "s/1.jpg", "s/01.jpg", "s/1.png", "s/2.jpg")
    assert [sample.id for sample in source.samples] == ["mine/s/01.jpg", "mine/s/2.jpg"]
    assert [(item.item, item.reason.partition(":")[0]) for item in source.bad] == [
        ("s/1.jpg", "place in the order taken"),
        ("s/1.png", "place in the order taken"),
    ]
    assert (len(source.pairs), source.items) == (1, 4)


def test_images_that_are_links_out_of_the_folder_are_bad(tmp_path: Path) -> None:
    load(tmp_path, "s/1.jpg", "s/2.jpg")
    (tmp_path / "3.jpg").write_bytes(b"")
    (tmp_path / "photos" / "s" / "3.jpg").symlink_to(tmp_path / "3.jpg")
    (tmp_path / "photos" / "s" / os.fsdecode(b"4\xff.jpg")).write_bytes(b"")
    source = load(tmp_path)
    assert [(item.item, item.reason.partition(":")[0]) for item in source.bad] == [
        ("s/3.jpg", "image outside the image folder"),
        ("s/4\\udcff.jpg", "image is not a file name"),
    ]
    assert (len(source.samples), len(source.pairs), source.items) == (2, 1, 4)


def test_too_long_a_series_is_refused(tmp_path: Path) -> None:
    assert len(load(tmp_path, *(f"s/{n}.jpg" for n in range(32))).pairs) == 32 * 31 // 2
    with pytest.raises(DataError, match=r"photos: expected at most 32 images.*found 33 in 's'"):
        load(tmp_path, "s/32.jpg")


def test_a_folder_without_series_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a folder of series, found: No such file"):
        load(tmp_path)
    with pytest.raises(DataError, match="found none, and 2 images beside; put the images"):
        load(tmp_path, "1.jpg", "2.jpg", "s/notes.txt")


PARTS = st.sampled_from(["1", "01", "2", "10", "A", "a", ".h", "é", "x y", "\\..", "..", "1.jpg"])
NAMES = st.builds(
    lambda folders, stem, suffix: "/".join([*folders, stem + suffix]),
    st.lists(PARTS.filter(lambda part: part != ".."), max_size=2),
    PARTS,
    st.sampled_from([".jpg", ".PNG", ".txt", ""]),
)


@settings(max_examples=40, deadline=None)
@given(st.sets(NAMES, max_size=8))
def test_any_folder_gives_samples_bad_items_or_a_data_error(names: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = Path(folder, "photos", name)
            # A name may be a folder already.
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"")
        try:
            source = load(Path(folder))
        except DataError:
            return
    assert source.items == len(source.samples) + len(source.bad)
    ids = {sample.id for sample in source.samples}
    assert {pair.first for pair in source.pairs} <= ids
