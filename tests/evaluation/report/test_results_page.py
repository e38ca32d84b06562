"""The page: nothing from the data becomes markup, nothing is loaded from elsewhere, and all is shown."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from data.pages.reading import EVIL, needs_nothing, read
from evaluation.report import made
from hypothesis import given, settings
from hypothesis import strategies as st

from artimuse.evaluation.report import compare_page
from artimuse.evaluation.report.page.page import page, score_groups
from artimuse.evaluation.report.page.plot import Axis
from artimuse.evaluation.report.page.rows import Row, extent, interval_rows
from artimuse.evaluation.report.page.several import several_page
from artimuse.evaluation.report.pictures import Pictures
from artimuse.evaluation.report.seeds import groups

DATA_URI = "data:image/jpeg;base64,AAAA"
# What the data (names, texts) can write; kinds, marks and numbers decide what is drawn.
TEXTS = (
    "id",
    "dataset",
    "category",
    "series",
    "image",
    "aspect",
    "question",
    "response",
    "critique",
    "other",
)


def everything() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A result with every part of the page."""
    rows = [
        *made.score_rows(60),
        *made.series_rows(15),
        *made.choice_rows(40),
        *made.critique_rows(8),
    ]
    metrics = {
        "srcc": made.metric(0.6, 1002), "plcc": made.metric(0.6, 1002), "pair_accuracy": made.metric(0.7, 40),
        "s_srcc/natural": made.metric(0.7, 9), "choice_accuracy": made.metric(0.5, 40, unparsed=2),
        "critique_told": made.metric(0.8, 24), "srcc_noise_ceiling": made.metric(0.9, 60),
    }  # fmt: skip
    n = {"score": 60, "pair": 40, "choice": 40, "critique": 24}
    return made.results("artimuse-10k", metrics, n=n), rows


def written_by(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The same with `text` in every name; what is told apart by its name stays so."""
    result, rows = copy.deepcopy(everything())

    def name(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace("#", f"{text}#", 1) if "#" in value else value + text
        return value

    for row in rows:
        row.update({key: name(row[key]) for key in TEXTS if row.get(key) is not None})
        if row["kind"] == "score":
            row["aspect"] = "overall"
        if row["kind"] == "text":
            row.update(label=row["label"] + text, prediction=text)
        for key in ("texts", "images"):
            if key in row:
                row[key] = [one + text for one in row[key]]
    result["metrics"] = {
        f"{key}{text}" if "/" in key else key: found for key, found in result["metrics"].items()
    }
    result["protocol"]["run"] = {"name": "made" + text, "seed": 0, "config_sha256": text}
    result["protocol"]["training"]["evidence"] = text
    result["protocol"]["prompt"]["name"] = text
    result["protocol"]["missing"] = [text]
    result["protocol"][text] = {text: text}
    result["baselines"] = {"base" + text: {"srcc": made.metric(0.2, 60)}}
    result["n_expected"]["score"] = 61
    return result, rows


def shown(made_up: tuple[dict[str, Any], list[dict[str, Any]]], uri: str | None = DATA_URI) -> str:
    result, rows = made_up
    return page(result, rows, Pictures(Path("images"), lambda _: uri))


def test_what_the_data_says_is_text_and_never_markup() -> None:
    evil, plain = read(shown(written_by(EVIL))), read(shown(written_by("harmless")))
    assert [tag for tag, _ in evil.tags] == [tag for tag, _ in plain.tags]
    assert "".join(evil.text).count(EVIL) > 60
    assert needs_nothing(shown(written_by(EVIL)))


@settings(max_examples=10, deadline=None)
@given(st.text(alphabet=st.sampled_from("<>&\"'/ax= "), min_size=1, max_size=8))
def test_no_text_changes_the_elements(text: str) -> None:
    def elements(text: str) -> list[str]:
        result, rows = written_by(text)
        few = [
            *rows[:8],
            *rows[60:80],
            *[row for row in rows if row["kind"] in ("choice", "text")][:8],
        ]
        return sorted(tag for tag, _ in read(shown((result, few))).tags)

    assert elements(text) == elements("harmless")


def test_other_pages_need_nothing_either() -> None:
    comparison = {"a": EVIL, "b": EVIL, "benchmark": EVIL, "metrics": {
        EVIL: {"a": 0.1, "b": 0.2, "difference": 0.1, "ci95": None, "n": 9, "verdict": EVIL}}}  # fmt: skip
    one = made.scored_results(300, EVIL)
    one["protocol"]["run"] = {"name": EVIL, "seed": 0, "config_sha256": "a"}
    for html in (compare_page(comparison), several_page(groups([one]))):
        assert needs_nothing(html)
        assert EVIL in "".join(read(html).text)


def test_every_part_is_there() -> None:
    text = " ".join(read(shown(everything())).text)
    for part in (
        "Complete: scored 60 of 60 images with a score", "Where it stands", "Published results",
        "Predicted against true", "Calibration", "SRCC within 5 categories",
        "Furthest off: 10 images", "Closest: 10 images", "Ordered worst", "Ordered best", "Images per series",
        "AesA", "no option named: wrong, and counted",
        "Bits per character that another image's text costs more",
        "Own text likelier than another image's", "Score and sentiment", "What it writes",
        "In-domain: trained on this data set's training images.", "As recorded",
    ):  # fmt: skip
        assert part in text, part


def test_parts_without_data_are_left_out() -> None:
    result = made.results("custom", {"srcc": made.metric(0.5, 20)}, n={"score": 20})
    text = " ".join(read(shown((result, made.score_rows(20)))).text)
    for part in ("Where it stands", "Published", "Series", "Choices", "Critiques"):
        assert part not in text, part
    empty = made.results("custom", {}, n={"score": 0})
    assert "<h2>Scores" not in shown((empty, []))


def test_what_is_missing_is_said_first() -> None:
    result, rows = everything()
    result["n_scored"]["score"] = 58
    result["protocol"]["missing"] = [f"gone/{k}.jpg" for k in range(30)]
    html = shown((result, rows), uri=None)
    start = html[: html.index("<h2>Numbers")]
    assert "Incomplete: scored 58 of 60 images with a score" in start
    assert "2 items are missing from every number below." in start
    assert 'class="card verdict refused"' in start
    assert "gone/19.jpg, and 10 more" in start
    result["protocol"]["training"]["leaked"] = 7
    assert "7 images of the benchmark itself were trained on" in shown((result, rows))
    assert re.search(r"(\d+) of \1 pictures cannot be shown \(looked for in images\)", start)
    assert "<img" not in html
    assert html.count("no picture") > 40


def test_rows_that_name_no_image_have_no_frame_and_it_is_said() -> None:
    rows = [{key: v for key, v in row.items() if key != "image"} for row in made.score_rows(30)]
    html = shown((made.scored_results(30, "custom"), rows))
    assert "no pictures of items whose predictions do not name an image file" in html
    assert 'class="frame"' not in html
    assert html.count("<figcaption>") == 40


def test_a_training_run_says_itself_that_its_held_out_data_are_in_domain() -> None:
    result = made.scored_results(30, "held-out data of the recipe")
    result["protocol"] = {"checkpoint": "runs/quickstart/model", "domain": "in-domain", "seed": 0,
                          "read_out": "regression", "prompt": "plain", "preprocessing": {}}  # fmt: skip
    text = " ".join(read(shown((result, made.score_rows(30)))).text)
    assert "held-out data of the recipe: quickstart" in text
    assert "In-domain: trained on this data set's training images." in text


def test_pictures_stay_inside_their_folder(tmp_path: Path) -> None:
    asked: list[Path] = []
    pictures = Pictures(tmp_path, lambda path: asked.append(path))
    for image in ("a.jpg", "sub/b.jpg", "../c.jpg", "sub/../../d.jpg", "e\0.jpg", "a.jpg", None):
        assert pictures(image) is None
    assert asked == [tmp_path / "a.jpg", tmp_path / "sub/b.jpg"]
    assert (pictures.asked, len(pictures.absent)) == (5, 5)
    for outside in (str(tmp_path.parent / "secret.jpg"), str(tmp_path / ".." / "secret.jpg")):
        assert Pictures(tmp_path, lambda _: DATA_URI)(outside) is None
    assert Pictures(tmp_path, lambda _: DATA_URI)(str(tmp_path / "in.jpg")) == DATA_URI
    nowhere = Pictures(None, lambda _: DATA_URI)
    assert nowhere("a.jpg") is None
    assert nowhere("/photos/a.jpg") is None


def test_many_images_are_a_density_and_a_page_of_no_more_weight() -> None:
    few, many = made.score_rows(300), made.score_rows(4000)
    result = made.scored_results(4000, "ava")
    small, large = shown((result, few)), shown((result, many))
    assert small.count('class="one"') == 300
    assert large.count('class="one"') == 0
    cells = re.search(r'<g class="cells">(.*?)</g>', large)
    assert cells is not None
    assert (
        sum(int(n.replace(",", "")) for n in re.findall(r"<title>([\d,]+) images", cells[1]))
        == 4000
    )
    assert len(large) < 400_000


def test_a_page_with_all_pictures_stays_below_3_mb() -> None:
    # A thumbnail is at most some 8 KB.
    html = shown(everything(), uri="data:image/jpeg;base64," + "A" * 11_000)
    assert 500_000 < len(html) < 3_000_000


def test_score_rows_are_told_by_data_set_and_aspect() -> None:
    rows = [{"kind": "score", "id": "a", "dataset": "x"}, {"kind": "score", "id": "b", "dataset": "x",
            "aspect": "light"}, {"kind": "pair", "id": "a|b"}]  # fmt: skip
    assert list(score_groups(rows)) == ["", "light"]
    more = [*rows, {"kind": "score", "id": "c", "dataset": "y"}]
    assert list(score_groups(more)) == ["x", "x, light", "y"]


def test_no_two_aspects_show_the_same_images() -> None:
    rows = made.score_rows(30)
    light = [row | {"aspect": "light"} for row in rows]
    html = shown((made.scored_results(30), [*rows, *light]))
    assert html.count("<summary>Furthest off") == 1
    assert html.count("Predicted against true") == 2


@pytest.mark.parametrize(
    ("values", "low", "high", "ticks"),
    [
        ([0.0, 100.0], 0, 100, [0, 20, 40, 60, 80, 100]),
        ([41.2, 58.9], 40, 60, [40, 45, 50, 55, 60]),
        ([50.0], 50, 51, [50, 51]),
        ([-3.0, 104.0], -20, 120, [0, 50, 100]),
    ],
)
def test_axes_are_rounded_outward(
    values: list[float], low: float, high: float, ticks: list[float]
) -> None:
    axis = Axis.around(values)
    assert (axis.low, axis.high) == (low, high)
    assert all(low <= value <= high for value in values)
    if len(ticks) != 3:
        assert axis.ticks == ticks


def test_rows_hold_their_intervals_and_say_what_is_not_defined() -> None:
    rows = [Row("a", 0.4, (-0.12, 0.9), text="0.400"), Row("b", None, text="")]
    low, high = extent(rows, at_least=(0.0, 0.5))
    assert low <= -0.12
    assert high >= 0.9
    html = interval_rows(rows, low=low, high=high, what="SRCC")
    assert 'aria-label="a, SRCC: 0.400"' in html
    assert 'aria-label="b, SRCC: not defined"' in html
    assert html.count('class="zero"') == 2
