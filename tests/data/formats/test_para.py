"""PARA: a question per chosen aspect, votes of the overall score, and damaged rows of every kind."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artimuse.config.sources import PARASource
from artimuse.data.formats import load_source
from artimuse.data.formats.para import ASPECTS, VOTES
from artimuse.records import DataError, ScoreLabel, Source

# Three votes: 2.0, 3.5, 3.5, so the mean is 3.
ROW = {
    "imageName": "a.jpg",
    "sessionId": "session7",
    "semantic": "portrait",
    **dict.fromkeys(VOTES, "0"),
    "aestheticScore_2.0": "1",
    "aestheticScore_3.5": "2",
    "aestheticScore_mean": "3.0",
    "aestheticScore_std": "0.71",
    "qualityScore_mean": "4.5",
    "qualityScore_std": "0.2",
    "compositionScore_mean": "1.25",
    "colorScore_mean": "2",
    "dofScore_mean": "2.5",
    "lightScore_mean": "3.5",
    "contentScore_mean": "5",
    "contentPreference_mean": "3.25",
    "willingnessToShare": "1",
    "EmotionLabel_awe": "0.1",
}


def load(folder: Path, rows: list[dict[str, str]] | str, aspects: Any = None) -> Source:
    text = rows
    if not isinstance(rows, str):
        stream = io.StringIO()
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        text = stream.getvalue()
    (folder / "para.csv").write_text(str(text))
    options = {} if aspects is None else {"aspects": aspects}
    config = PARASource(name="p", format="para", images="i", annotations="para.csv", **options)
    return load_source(config, folder)


def means(source: Source) -> dict[str | None, float]:
    questions = source.samples[0].questions
    return {q.aspect: q.label.mean for q in questions if q.label is not None}


def test_by_default_the_overall_score_with_its_votes(tmp_path: Path) -> None:
    source = load(tmp_path, [ROW])
    (sample,) = source.samples
    assert sample.id == "p/session7/a.jpg"
    assert sample.images == (tmp_path / "i" / "session7" / "a.jpg",)
    assert (sample.dataset, sample.series, sample.category) == ("p", None, "portrait")
    (question,) = sample.questions
    assert (question.kind, question.aspect) == ("score", "overall")
    assert question.label == ScoreLabel(
        mean=3.0, low=1, high=5, std=0.71, raters=3, histogram=(0, 0, 1, 0, 0, 2, 0, 0, 0)
    )
    assert (source.items, source.bad, source.notes) == (1, [], [])


def test_all_aspects_with_the_spread_where_it_is_given(tmp_path: Path) -> None:
    source = load(tmp_path, [ROW], "all")
    assert means(source) == {
        "overall": 3, "quality": 4.5, "composition": 1.25, "color": 2, "dof": 2.5, "light": 3.5,
        "content": 5, "content_preference": 3.25, "share": 1,
    }  # fmt: skip
    labels = [question.label for question in source.samples[0].questions]
    assert [label.std if label else None for label in labels] == [0.71, 0.2, *[None] * 7]
    assert all(label and label.histogram is None for label in labels[1:])


def test_chosen_aspects_keep_the_order_of_the_configuration(tmp_path: Path) -> None:
    assert list(means(load(tmp_path, [ROW], ["share", "quality"]))) == ["share", "quality"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("colour", "did you mean 'color'"),
        ("Quality", "did you mean 'quality'"),
        ("x", "one of these"),
    ],
)
def test_an_unknown_aspect_is_an_error_that_lists_the_known(
    tmp_path: Path, name: str, hint: str
) -> None:
    with pytest.raises(DataError, match=hint) as error:
        load(tmp_path, [ROW], ["overall", name])
    assert "source 'p'" in str(error.value)
    assert ", ".join(ASPECTS) in str(error.value)


def test_an_aspect_without_a_value_is_left_out_and_counted(tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "imageName": "b.jpg", "dofScore_mean": "", "aestheticScore_mean": " "}]
    source = load(tmp_path, rows, ["overall", "dof", "light"])
    assert [question.aspect for question in source.samples[1].questions] == ["light"]
    assert source.notes == [
        "para.csv: 1 images without a score of overall",
        "para.csv: 1 images without a score of dof",
    ]
    assert source.bad == []


def test_a_row_without_any_chosen_value_is_bad(tmp_path: Path) -> None:
    source = load(tmp_path, [ROW, {**ROW, "imageName": "b.jpg", "dofScore_mean": ""}], ["dof"])
    assert [item.reason.partition(":")[0] for item in source.bad] == ["no score"]


def test_an_empty_spread_is_unknown(tmp_path: Path) -> None:
    label = load(tmp_path, [{**ROW, "aestheticScore_std": ""}]).samples[0].questions[0].label
    assert label is not None
    assert label.std is None


def test_a_mean_that_is_not_that_of_the_votes_is_noted(tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "imageName": "b.jpg", "aestheticScore_mean": "3.02"}]
    assert load(tmp_path, rows).notes == [
        "para.csv: 1 of 2 images have a mean that is not that of their votes"
    ]


def test_columns_of_unchosen_aspects_are_not_read(tmp_path: Path) -> None:
    broken = {**ROW, "lightScore_mean": "bright", "aestheticScore_2.0": "-1"}
    assert load(tmp_path, [broken], ["quality"]).bad == []


@pytest.mark.parametrize(
    ("column", "hint"),
    [
        ("imageName", "expected the column 'imageName'"),
        ("semantic", "expected the column 'semantic'"),
        ("aestheticScore_2.0", "expected the column 'aestheticScore_2.0'"),
        ("aestheticScore_mean", "expected the column 'aestheticScore_mean'"),
    ],
)
def test_a_missing_column_is_an_error(tmp_path: Path, column: str, hint: str) -> None:
    row = {name: cell for name, cell in ROW.items() if name != column}
    with pytest.raises(DataError, match=hint) as error:
        load(tmp_path, [row])
    assert "para.csv" in str(error.value)
    assert "`custom`" in str(error.value)


def test_a_misspelt_and_a_doubled_column(tmp_path: Path) -> None:
    row = {("ImageName" if name == "imageName" else name): cell for name, cell in ROW.items()}
    with pytest.raises(DataError, match="did you mean it by 'ImageName'"):
        load(tmp_path, [row])
    header, cells = ",".join(ROW), ",".join(ROW.values())
    with pytest.raises(DataError, match="'semantic' once, found it 2 times"):
        load(tmp_path, f"{header},semantic\n{cells},food\n")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"imageName": ""}, "no image"),
        ({"sessionId": ""}, "no image"),
        ({"sessionId": ".."}, "image outside the image folder"),
        ({"sessionId": "/s"}, "image outside the image folder"),
        ({"aestheticScore_mean": "5.5"}, "aestheticScore_mean off the stated scale 1..5"),
        ({"aestheticScore_mean": "0"}, "aestheticScore_mean off the stated scale 1..5"),
        ({"aestheticScore_mean": "good"}, "aestheticScore_mean is not a number"),
        ({"aestheticScore_mean": "inf"}, "aestheticScore_mean is not finite"),
        ({"aestheticScore_std": "-0.1"}, "std off 0..4, the width of the scale"),
        ({"aestheticScore_2.0": "-1"}, "votes for grade 2 is not a whole number from 0 on"),
        ({"aestheticScore_2.0": "0.5"}, "votes for grade 2 is not a whole number from 0 on"),
        ({"aestheticScore_2.0": ""}, "votes for grade 2 are not given"),
        (dict.fromkeys(VOTES, "0"), "no votes"),
        ({"imageName": "a.jpg", "semantic": "food"}, "second row of an image"),
    ],
)
def test_a_bad_row_is_listed_and_the_rest_read(
    tmp_path: Path, changes: dict[str, str], reason: str
) -> None:
    bad = {**ROW, "imageName": "b.jpg", **changes}
    source = load(tmp_path, [ROW, bad, {**ROW, "imageName": "c.jpg"}])
    assert [sample.images[0].name for sample in source.samples] == ["a.jpg", "c.jpg"]
    assert [item.reason.partition(":")[0] for item in source.bad] == [reason]
    assert source.bad[0].item.startswith("line 3")
    assert source.items == 3


def test_repeated_and_short_rows(tmp_path: Path) -> None:
    header, cells = ",".join(ROW), ",".join(ROW.values())
    source = load(tmp_path, f"{header}\n{cells}\n{cells}\n{cells},1\n")
    assert source.notes == ["para.csv: 1 repeated rows dropped"]
    assert [item.reason.partition(":")[0] for item in source.bad] == ["wrong number of columns"]
    assert (len(source.samples), source.items) == (1, 3)


CELLS = st.sampled_from(["", " ", "0", "1", "2.5", "-3", "nan", "1e999", "x", "..", "\0", "é"])


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    changes=st.lists(st.dictionaries(st.sampled_from(list(ROW)), CELLS, max_size=6), max_size=5),
    tail=st.text(max_size=6).filter(lambda text: "\r" not in text),
)
def test_any_rows_are_samples_or_bad_items(
    tmp_path: Path, changes: list[dict[str, str]], tail: str
) -> None:
    rows = [ROW, *({**ROW, **change} for change in changes)]
    lines = [",".join(ROW), *(",".join(row.values()) for row in rows), tail]
    try:
        source = load(tmp_path, "\n".join(lines), "all")
    except DataError:
        # Only a quote that is not closed leaves no rows to tell apart.
        assert '"' in tail
        return
    repeated = sum(int(n.split()[1]) for n in source.notes if n.endswith("rows dropped"))
    assert len(source.samples) + len(source.bad) + repeated == source.items
    assert source.samples[0].id == "p/session7/a.jpg"
