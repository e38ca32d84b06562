"""The page's HTML: what comes from files and models is text, and numbers stand where they belong."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from artimuse.inference.api import Ranking, Score
from artimuse.inference.critic import Answer
from artimuse.inference.page import drawing
from artimuse.inference.page.judge import Picture
from artimuse.inference.page.meaning import Meaning

EVIL = "<img src=x onerror=alert(1)>${alert(2)}{{alert(3)}}"
PICTURE = Picture(EVIL, 40, 30, "data:image/jpeg;base64,AA==")
MEANING = Meaning(ends="The ends.", spread="Give or take.")
ONE = Score(61.3, 9.8, {"overall": 61.3}, {"overall": 9.8})


class Read(HTMLParser):
    """The text of a page, and its elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.found, self.open = "", [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        return [a for _, a in self.found if name in (a.get("class") or "").split()]


def test_nothing_that_comes_from_outside_becomes_markup() -> None:
    texts = {EVIL: Answer(EVIL, cut=False)}
    ranking = Ranking((0, 1), (ONE, ONE), (0.5,))
    for html in (
        drawing.message(EVIL), drawing.header([EVIL]), drawing.alone(PICTURE, ONE, MEANING),
        drawing.critiques(texts, done=True, note=EVIL), drawing.answered(texts, done=False),
        drawing.series([PICTURE] * 2, ranking, {0: texts[EVIL]}, {0: texts[EVIL]}, MEANING,
                       writes=True, done=True),
    ):  # fmt: skip
        read = Read(html)
        assert all(a["src"] == PICTURE.data_uri for tag, a in read.found if tag == "img")
        assert not any(name.startswith("on") for _, a in read.found for name in a)
        assert EVIL in read.text


def test_a_score_stands_on_its_scale() -> None:
    read = Read(drawing.alone(PICTURE, ONE, MEANING))
    assert "61.3 ± 9.8" in read.text
    assert read.of_class("dot")[0]["style"] == "left:61.3%"
    assert read.of_class("band")[0]["style"] == "left:51.5%;width:19.6%"
    (track,) = read.of_class("track")
    assert track["aria-label"] == "61.3 on a scale from 0 to 100, give or take 9.8"
    assert "The ends." in read.text
    assert "The model scores one aspect: overall." in read.text
    assert read.of_class("tick") == []


@pytest.mark.parametrize(
    ("value", "band"), [(2.0, "left:0.0%;width:12.0%"), (98.0, "left:88.0%;width:12.0%")]
)
def test_a_band_ends_with_the_scale(value: float, band: str) -> None:
    score = Score(value, 10.0, {"overall": value}, {"overall": 10.0})
    assert Read(drawing.alone(PICTURE, score, MEANING)).of_class("band")[0]["style"] == band


def test_aspects_are_bars_with_their_names() -> None:
    score = Score(40.0, 5.0, {"light": 40.0, "colour": 70.0}, {"light": 5.0, "colour": None})
    read = Read(drawing.alone(PICTURE, score, MEANING))
    assert len(read.of_class("bar")) == 2
    assert "light40.0 ± 5.0" in read.text
    assert "colour70.0" in read.text
    assert {"style": "width:70.0%"} in [a for tag, a in read.found if tag == "span"]


def test_held_out_images_and_levels_are_told() -> None:
    held_out = tuple(float(n) for n in range(101))
    read = Read(drawing.alone(PICTURE, ONE, Meaning("", "", ("bad", "good"), held_out)))
    assert "Higher than 61% of the 101 images" in read.text
    assert "10, 50 and 90 % of those stay below: 10, 50 and 90." in read.text
    assert [a["style"] for a in read.of_class("tick")] == ["left:10.0%", "left:50.0%", "left:90.0%"]
    assert "badgood" in read.text


def test_a_model_says_what_it_cannot_do() -> None:
    assert "no scores" in Read(drawing.alone(PICTURE, None, MEANING)).text
    assert "no language" in Read(drawing.no_words()).text
    no_spread = Score(61.3, None, {"overall": 61.3}, {"overall": None})
    read = Read(drawing.alone(PICTURE, no_spread, MEANING))
    assert "±" not in read.text
    assert read.of_class("band") == []


def test_critiques_grow_and_say_when_they_were_cut() -> None:
    texts = {"Light": Answer("It is so", cut=True), "Colour": Answer("", cut=False)}
    growing = Read(drawing.critiques(texts, done=False, note="Only a note."))
    assert len(growing.of_class("writing")) == 1
    assert "[...]" not in growing.text
    assert "Only a note." in growing.text
    done = Read(drawing.critiques(texts, done=True, note=None))
    assert done.of_class("writing") == []
    assert "It is so [...]" in done.text
    assert "The model wrote nothing." in done.text


@pytest.mark.parametrize("writes", [True, False])
def test_a_series_is_shown_best_first(writes: bool) -> None:
    names = [Picture(f"{letter}.jpg", 9, 9, "data:,") for letter in "abc"]
    scores = tuple(Score(v, 2.0, {"overall": v}, {"overall": 2.0}) for v in (70.0, 60.0, 50.0))
    ranking = Ranking((2, 0, 1), scores, (0.71, 0.72))
    of, why = (
        {0: Answer("Good.", cut=False)},
        {0: Answer("More light.", cut=True), 1: Answer(".", cut=False)},
    )
    html = drawing.series(names, ranking, of if writes else {}, why if writes else {}, MEANING,
                          writes=writes, done=True)  # fmt: skip
    read = Read(html)
    places = [read.text.index(f"{letter}.jpg") for letter in "cab"]
    assert places == sorted(places)
    assert len(read.of_class("best")) == 1
    assert read.text.count("Best shot") == 1
    assert "P(better) 0.71, 1 against 2" in read.text
    assert "P(better) 0.72, 2 against 3" in read.text
    assert ("More light. [...]" in read.text) == writes
    assert ("It found no words." in read.text) == writes
    assert ("it cannot say why" in read.text) == (not writes)


def test_words_of_two_images_are_asked_only_of_a_model_that_may_have_learned_them() -> None:
    pair, ranking = [PICTURE] * 2, Ranking((0, 1), (ONE, ONE), (0.5,), "pairs")
    single = Meaning("", "", compares=False)
    asked, not_asked = (
        Read(drawing.series(pair, ranking, {}, {}, one, writes=True, done=False)).text
        for one in (MEANING, single)
    )
    assert "The model is asked why ..." in asked
    assert "The model is asked why ..." not in not_asked
    assert "one image at a time" in not_asked
    assert "each beside every other" in asked
