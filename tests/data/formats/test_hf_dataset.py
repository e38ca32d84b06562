"""A Hugging Face data set on disk: text and image columns, unpacking, splits, and damage."""

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from artimuse.config.sources import Columns, HFDatasetSource
from artimuse.data.formats import load_source
from artimuse.records import DataError, Question, ScoreLabel, Source


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 4), colour).save(file, "PNG")
    return file.getvalue()


def made(columns: dict[str, list[Any]], **kinds: Any) -> datasets.Dataset:
    made = datasets.Dataset.from_dict(columns)
    for column, kind in kinds.items():
        made = made.cast_column(column, kind)
    return made


def load(root: Path, dataset: datasets.Dataset | datasets.DatasetDict, **options: Any) -> Source:
    dataset.save_to_disk(str(root / "mine"))
    return again(root, **options)


def again(root: Path, **options: Any) -> Source:
    given = {"folder": "mine", "scale": (0.0, 10.0)} | options
    config = HFDatasetSource(name="hf", format="hf_dataset", images="images", **given)
    return load_source(config, root)


def test_text_names_images_and_columns_are_mapped(tmp_path: Path) -> None:
    dataset = made(
        {
            "file": ["a/b.jpg", "c.jpg", "a/b.jpg", "../d.jpg"],
            "mos": [7.5, 3.0, None, 1.0],
            "ask": [None, None, "Sharp?", None],
            "say": [None, None, "Yes.", None],
            "kind": [1, 0, -1, None],
            "extra": [[1], [2], [3], [4]],
        },
        kind=datasets.ClassLabel(names=["wood", "town", "sea"]),
    )
    columns = Columns(image="file", score="mos", question="ask", answer="say", category="kind")
    source = load(tmp_path, dataset.with_format("numpy"), columns=columns)
    first, second = source.samples
    assert first.id == "hf/a/b.jpg"
    assert first.images == (tmp_path / "images" / "a" / "b.jpg",)
    assert first.questions == (
        Question("text", "Sharp?", answer="Yes."),
        Question("score", aspect="overall", label=ScoreLabel(7.5, 0, 10)),
    )
    assert (first.category, second.category) == ("town", "wood")
    assert source.notes == ["mine: columns not used: extra"]
    assert [(item.item, item.reason.partition(":")[0]) for item in source.bad] == [
        ("row 3 (../d.jpg)", "image outside the image folder")
    ]
    assert source.items == 4


def test_images_are_unpacked_once_under_their_names(tmp_path: Path) -> None:
    images = [
        {"bytes": png("red"), "path": "red.png"},
        {"bytes": png("blue"), "path": None},
        {"bytes": png("green"), "path": None},
        {"bytes": png("blue"), "path": None},
    ]
    dataset = made({"image": images, "score": [1, 2, 3, 2]}, image=datasets.Image())
    source = load(tmp_path, dataset)
    assert [sample.id for sample in source.samples] == ["hf/red.png", "hf/1.png", "hf/2.png"]
    assert source.notes == ["mine: 1 repeated rows dropped"]
    files = sorted((tmp_path / "images").iterdir())
    assert [file.name for file in files] == ["1.png", "2.png", "red.png"]
    assert files[2].read_bytes() == png("red")
    for file in files:
        os.utime(file, ns=(1, 1))
    assert again(tmp_path) == source
    assert {file.stat().st_mtime_ns for file in files} == {1}


def test_plain_bytes_are_images_too(tmp_path: Path) -> None:
    source = load(tmp_path, made({"image": [png("red"), b"text", b""], "score": [1, 2, 3]}))
    assert [sample.id for sample in source.samples] == ["hf/0.png"]
    assert [(item.item, item.reason.partition(":")[0]) for item in source.bad] == [
        ("row 1", "not an image"),
        ("row 2", "not an image"),
    ]
    assert source.items == 3


def test_columns_that_are_not_used_are_not_read(tmp_path: Path) -> None:
    columns = {"image": ["a.jpg"], "score": [1], "thumb": [{"bytes": b"damaged", "path": None}]}
    source = load(tmp_path, made(columns, thumb=datasets.Image()))
    assert (len(source.samples), source.bad) == (1, [])


def test_another_file_of_that_name_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "0.png").write_bytes(b"mine")
    with pytest.raises(DataError, match="found another file"):
        load(tmp_path, made({"image": [png("red")], "score": [1]}))
    assert (tmp_path / "images" / "0.png").read_bytes() == b"mine"


def test_splits_are_named(tmp_path: Path) -> None:
    part = made({"image": ["a.jpg"], "score": [1]})
    both = datasets.DatasetDict({"train": part, "test": part})
    with pytest.raises(DataError, match=r"the splits train, test; name .* such as mine/train"):
        load(tmp_path, both)
    assert len(again(tmp_path, folder="mine/test").samples) == 1


def test_what_is_no_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found nothing there"):
        again(tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(DataError, match=r"expected a data set as `Dataset\.save_to_disk`"):
        again(tmp_path)


def test_columns_are_checked_as_those_of_a_table(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"expected the column 'image', found .*name its columns under"
    ):
        load(tmp_path, made({"photo": ["a.jpg"], "mos": [1]}))
    with pytest.raises(DataError, match="expected `scale`"):
        again(tmp_path, columns=Columns(image="photo", score="mos"), scale=None)
    with pytest.raises(DataError, match="save it anew"):
        load(tmp_path / "empty", made({"image": [], "score": []}))


@pytest.mark.parametrize("place", [8, 300, 600])
def test_damaged_files_are_an_error(tmp_path: Path, place: int) -> None:
    load(tmp_path, made({"image": ["a.jpg", "b.jpg"], "score": [1, 2]}))
    (file,) = (tmp_path / "mine").glob("*.arrow")
    whole = file.read_bytes()
    file.write_bytes(whole[:place])
    with pytest.raises(DataError, match="found"):
        again(tmp_path)
    # What only shows when the rows are read.
    file.write_bytes(whole.replace(b"a.jpgb.jpg", b"a.jpg\xff.jpg"))
    with pytest.raises(DataError, match="expected rows that can be read, found: UnicodeDecode"):
        again(tmp_path)


IMAGES = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "bytes": st.sampled_from([None, b"", b"text", png("red"), png("blue")]),
            "path": st.sampled_from([None, "", "a.png", "../a.png", "/a.png", "a.png/b", "0.png"]),
        }
    ),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(IMAGES, st.sampled_from([None, 5.0, 11.0, float("nan")])), min_size=1))
def test_damaged_rows_give_samples_bad_items_or_a_data_error(rows: list[tuple[Any, Any]]) -> None:
    # A struct like that of an Image feature: saving an Image feature would repair some of these.
    kinds = datasets.Features(
        image={"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
        score=datasets.Value("float64"),
    )
    columns = {"image": [image for image, _ in rows], "score": [score for _, score in rows]}
    with tempfile.TemporaryDirectory() as folder:
        try:
            source = load(Path(folder), datasets.Dataset.from_dict(columns, features=kinds))
        except DataError:
            return
    assert source.items == len(rows)
    assert len(source.samples) + len(source.bad) <= source.items
