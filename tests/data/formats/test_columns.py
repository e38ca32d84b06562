"""Which column holds what: maps, own aspects, columns that are missing, and scales that are."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from artimuse.config.sources import Columns, CustomSource
from artimuse.data.formats import load_source
from artimuse.records import DataError, Question, ScoreLabel, Source


def load(folder: Path, table: str, **options: Any) -> Source:
    (folder / "mine.csv").write_text(table)
    given: dict[str, Any] = {"scale": (0.0, 10.0)} | options
    if given["scale"] is None:
        del given["scale"]
    config = CustomSource(name="mine", format="custom", images="photos", table="mine.csv", **given)
    return load_source(config, folder)


def test_columns_and_aspects_are_found_by_their_map(tmp_path: Path) -> None:
    source = load(
        tmp_path,
        "filename,mos,score,comp_score,l\na.jpg,7,1,6,5\n",
        columns=Columns(image="filename", score="mos"),
        aspects={"composition": "comp_score", "light": {"column": "l", "scale": (1.0, 5.0)}},
    )
    assert source.samples[0].questions == (
        Question("score", aspect="overall", label=ScoreLabel(7, 0, 10)),
        Question("score", aspect="composition", label=ScoreLabel(6, 0, 10)),
        Question("score", aspect="light", label=ScoreLabel(5, 1, 5)),
    )
    assert source.notes == ["mine.csv: columns not used: score"]


def test_a_mapped_column_is_nothing_else(tmp_path: Path) -> None:
    source = load(tmp_path, "image,rank\na.jpg,7\n", columns=Columns(score="rank"))
    assert source.samples[0].questions[0].label == ScoreLabel(7, 0, 10)
    assert (source.samples[0].series, source.pairs) == (None, [])


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (
            "image,score\n",
            {"columns": Columns(std="sd")},
            "expected the column 'sd', found 'image'",
        ),
        ("image,score\n", {"columns": Columns(image="file")}, "expected the column 'file'"),
        ("image,score\n", {"aspects": {"light": "l"}}, "expected the column 'l'"),
        ("image,comp\n", {"aspects": {"c": "comps"}}, "did you mean 'comps' by 'comp'"),
        ("image,series\n", {}, r"the column 'score' \(or one of `aspects`, 'rank'"),
        ("image,rank,score\n", {}, "expected a column for `series` beside 'rank'"),
        ("image,question\n", {}, "expected a column for `answer` beside 'question'"),
        ("image,score,answer\n", {}, "expected a column for `question` beside 'answer'"),
        ("image,series,rank,std\n", {}, "expected a column for `score` beside 'std'"),
        (
            "image,score\n",
            {"scale": None},
            r"source 'mine': expected `scale`.*'score' of .*mine.csv",
        ),
        ("image,l\n", {"scale": None, "aspects": {"light": "l"}}, "of the scores in 'l'"),
    ],
)
def test_columns_that_do_not_do(
    tmp_path: Path, table: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(tmp_path, table + "a.jpg,1,1,1\n", **options)


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("image,l", {"aspects": {"light": {"column": "l", "scale": (0.0, 5.0)}}}),
        ("image,question,answer,ranking", {}),
        ("image,series,rank", {}),
    ],
)
def test_no_scale_is_needed_where_no_score_needs_it(
    tmp_path: Path, header: str, options: dict[str, Any]
) -> None:
    row = ",".join(["a.jpg", "1", "1", "1"][: header.count(",") + 1])
    assert load(tmp_path, f"{header}\n{row}\n", scale=None, **options).bad == []


def test_overall_is_no_own_aspect() -> None:
    with pytest.raises(ValidationError, match=r"overall; its column is `columns\.score`"):
        CustomSource(
            name="m", format="custom", images="i", table="t.csv", aspects={"overall": "mos"}
        )


def test_a_resolved_recipe_does_not_ask_for_columns_that_nobody_named(tmp_path: Path) -> None:
    config = CustomSource(
        name="m", format="custom", images="i", table="t.csv", scale=(0.0, 10.0),
        columns=Columns(score="mos"),
    )  # fmt: skip
    again = CustomSource.model_validate_json(config.model_dump_json())
    (tmp_path / "t.csv").write_text("image,mos\na.jpg,7\n")
    assert load_source(again, tmp_path) == load_source(config, tmp_path)
