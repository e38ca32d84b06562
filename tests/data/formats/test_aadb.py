"""AADB: files joined by image, the scales of score and attributes, and damaged lines."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artimuse.config.sources import AADBSource
from artimuse.data.formats import load_source
from artimuse.data.formats.aadb import ASPECTS, ATTRIBUTES
from artimuse.records import DataError, Question, ScoreLabel, Source


def load(folder: Path, aspects: Any = None, split: Any = "Train", **files: str) -> Source:
    (folder / "lists").mkdir(exist_ok=True)
    for kind, text in files.items():
        (folder / "lists" / f"imgList{split}Regression_{kind}.txt").write_bytes(text.encode())
    options = {} if aspects is None else {"aspects": aspects}
    config = AADBSource(
        name="aadb", format="aadb", images="i", lists="lists", split=split, **options
    )
    return load_source(config, folder)


def test_files_are_joined_by_image_whatever_their_order(tmp_path: Path) -> None:
    source = load(
        tmp_path,
        ["overall", "Light"],
        "TestNew",
        score="farm1_1_b.jpg 0.55\nfarm1_2.jpg 1\n",
        Light="farm1_2.jpg 0.2\r\n\nfarm1_1_b.jpg -1\n",
    )
    first, second = source.samples
    assert first.id == "aadb/farm1_1_b.jpg"
    assert first.images == (tmp_path / "i" / "farm1_1_b.jpg",)
    assert first.questions == (
        Question(kind="score", aspect="overall", label=ScoreLabel(mean=0.55, low=0, high=1)),
        Question(kind="score", aspect="Light", label=ScoreLabel(mean=-1, low=-1, high=1)),
    )
    assert (first.dataset, first.series, first.category) == ("aadb", None, None)
    assert [q.label.score_0_100 for q in second.questions if q.label] == [100, pytest.approx(60)]
    assert (source.items, source.bad, source.notes) == (4, [], [])


def test_overall_is_the_default_and_all_is_twelve_files(tmp_path: Path) -> None:
    files = dict.fromkeys(("score", *ATTRIBUTES), "a.jpg 0.5\n")
    assert len(load(tmp_path, **files).samples[0].questions) == 1
    questions = load(tmp_path, "all", **files).samples[0].questions
    assert [question.aspect for question in questions] == list(ASPECTS)
    scales = {q.aspect: (q.label.low, q.label.high) for q in questions if q.label}
    assert scales.pop("overall") == (0, 1)
    assert set(scales.values()) == {(-1, 1)}


def test_an_unknown_attribute_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'BalacingElements'"):
        load(tmp_path, ["BalancingElements"], score="a.jpg 0.5\n")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"imgListTrainRegression_DoF\.txt: expected an annotation"):
        load(tmp_path, ["overall", "DoF"], score="a.jpg 0.5\n")


def test_images_without_an_aspect_are_counted(tmp_path: Path) -> None:
    source = load(
        tmp_path,
        ["overall", "DoF"],
        score="a.jpg 0.5\nb.jpg 0.4\nc.jpg 0.1\n",
        DoF="d.jpg 0.4\na.jpg 0.1\nb.jpg 7\n",
    )
    aspects = [[q.aspect for q in sample.questions] for sample in source.samples]
    assert aspects == [["overall", "DoF"], ["overall"], ["overall"], ["DoF"]]
    assert source.notes == [
        "Train lists: 1 images without a score of overall",
        "Train lists: 2 images without a score of DoF",
    ]
    assert [item.reason.partition(":")[0] for item in source.bad] == [
        "score off the stated scale -1..1"
    ]


def test_files_without_a_common_image_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"_DoF\.txt: .*such as 'a\.jpg', found none.*'b\.jpg'"):
        load(tmp_path, ["overall", "DoF"], score="a.jpg 0.5\n", DoF="b.jpg 0.5\n")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b.jpg", "wrong number of columns"),
        ("b.jpg 0.5 1", "wrong number of columns"),
        ("b.jpg good", "score is not a number"),
        ("b.jpg nan", "score is not finite"),
        ("b.jpg -0.1", "score off the stated scale 0..1"),
        ("b.jpg 1.01", "score off the stated scale 0..1"),
        ("../b.jpg 0.5", "image outside the image folder"),
        ("a.jpg 0.6", "second score of an image"),
    ],
)
def test_a_bad_line_is_listed_and_the_rest_read(tmp_path: Path, row: str, reason: str) -> None:
    source = load(tmp_path, score=f"a.jpg 0.5\n{row}\nc.jpg 0.1\n")
    assert [sample.id for sample in source.samples] == ["aadb/a.jpg", "aadb/c.jpg"]
    assert [item.reason.partition(":")[0] for item in source.bad] == [reason]
    assert source.bad[0].file.endswith("imgListTrainRegression_score.txt")
    assert source.bad[0].item.startswith("line 2")
    assert source.items == 3


def test_repeated_lines_are_counted(tmp_path: Path) -> None:
    source = load(tmp_path, score="a.jpg 0.5\na.jpg .50\n")
    assert source.notes == ["imgListTrainRegression_score.txt: 1 repeated rows dropped"]
    assert (len(source.samples), source.items, source.bad) == (1, 2, [])


def test_another_kind_of_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected lines of 2 cells \(image name, score\)"):
        load(tmp_path, score="image,score\na.jpg,0.5\n")


NAMES = st.sampled_from(["a.jpg", "b.jpg", "..", "/x", "\0", "é", "", "a b"])
NUMBERS = st.sampled_from(["0.5", "-0.5", "2", "nan", "1e999", "x", ""])
LINES = st.lists(st.tuples(NAMES, NUMBERS).map(" ".join) | st.text(max_size=8), max_size=6)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(scores=LINES, lights=LINES)
def test_any_lines_are_samples_or_bad_items(
    tmp_path: Path, scores: list[str], lights: list[str]
) -> None:
    texts = ["\n".join(["good.jpg 0.5", *lines]) for lines in (scores, lights)]
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    source = load(tmp_path, ["overall", "Light"], score=texts[0], Light=texts[1])
    labels = sum(len(sample.questions) for sample in source.samples)
    repeated = sum(int(n.split()[1]) for n in source.notes if n.endswith("rows dropped"))
    assert labels + len(source.bad) + repeated == source.items
    assert len(source.samples[0].questions) == 2
