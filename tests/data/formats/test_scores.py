"""Score lists of any data set: whose scale, whose categories, and damaged lists."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artimuse.config.sources import ScoreListSource
from artimuse.data.formats import load_source
from artimuse.records import DataError, Question, ScoreLabel, Source


def load(folder: Path, rows: object, **options: Any) -> Source:
    (folder / "list.json").write_text(json.dumps(rows))
    options = options or {"dataset": "para"}
    config = ScoreListSource(
        name="s", format="scores", images="images", scores="list.json", **options
    )
    return load_source(config, folder)


def test_a_list_becomes_one_sample_per_image_in_its_order(tmp_path: Path) -> None:
    rows = [{"image": "session9/b.jpg", "gt_score": 3.25}, {"image": "a.jpg", "gt_score": 1}]
    source = load(tmp_path, rows)
    assert [sample.id for sample in source.samples] == ["s/session9/b.jpg", "s/a.jpg"]
    first = source.samples[0]
    assert first.images == (tmp_path / "images" / "session9" / "b.jpg",)
    assert first.questions == (
        Question(kind="score", aspect="overall", label=ScoreLabel(mean=3.25, low=1, high=5)),
    )
    assert (first.dataset, first.series, first.category) == ("s", None, None)
    assert (source.items, source.bad, source.notes, source.pairs) == (2, [], [], [])


@pytest.mark.parametrize(
    ("options", "scale"),
    [
        ({"dataset": "artimuse-10k"}, (0, 10)),
        ({"dataset": "ava"}, (1, 10)),
        ({"dataset": "tad66k"}, (1, 10)),
        ({"dataset": "flickr-aes"}, (0.2, 1)),
        ({"dataset": "aadb"}, (0, 1)),
        ({"scale": (-2.0, 3.0)}, (-2, 3)),
    ],
)
def test_the_data_set_or_the_scale_says_how_a_score_is_read(
    tmp_path: Path, options: dict[str, Any], scale: tuple[float, float]
) -> None:
    rows = [{"image": "a.jpg", "gt_score": 1}, {"image": "b.jpg", "gt_score": scale[1] + 0.01}]
    source = load(tmp_path, rows, **options)
    label = source.samples[0].questions[0].label
    assert label is not None
    assert (label.low, label.high) == scale
    assert [item.item for item in source.bad] == ["record 2 (b.jpg)"]
    assert source.bad[0].reason.startswith("score off the stated scale")


def test_only_the_names_of_artimuse_10k_have_a_category(tmp_path: Path) -> None:
    rows = [{"image": "0_1.jpg", "gt_score": 1}, {"image": "7_2.jpg", "gt_score": 1}]
    named = load(tmp_path, rows, dataset="artimuse-10k")
    assert [sample.category for sample in named.samples] == ["AIGC", "prefix 7"]
    assert {sample.category for sample in load(tmp_path, rows, dataset="ava").samples} == {None}


def test_repeated_rows_are_counted_and_contradicting_ones_listed(tmp_path: Path) -> None:
    row = {"image": "a.jpg", "gt_score": 2}
    source = load(tmp_path, [row, row, {"image": "./a.jpg", "gt_score": 3}])
    assert source.notes == ["list.json: 1 repeated rows dropped"]
    assert [item.reason for item in source.bad] == ["second score of an image: found 3 after 2"]
    assert (len(source.samples), source.items) == (1, 3)


def test_another_kind_of_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"list\.json: expected a JSON list .* found an object"):
        load(tmp_path, {"a.jpg": 3})


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ROWS = st.lists(VALUES | st.fixed_dictionaries({"image": VALUES, "gt_score": VALUES}), max_size=8)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=ROWS)
def test_any_rows_are_samples_or_bad_items(tmp_path: Path, rows: list[Any]) -> None:
    source = load(tmp_path, [{"image": "good.jpg", "gt_score": 2}, *rows])
    repeated = sum(int(note.split()[1]) for note in source.notes)
    assert len(source.samples) + len(source.bad) + repeated == source.items == len(rows) + 1
    for sample in source.samples:
        assert sample.images[0].is_relative_to(tmp_path / "images")
