"""What the model says, as HTML. Names of files and the model's words are text: none of it becomes markup."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from artimuse.data.pages.html import Html, join, tag
from artimuse.inference.api import Ranking, Score
from artimuse.inference.critic import Answer
from artimuse.inference.page.judge import Picture
from artimuse.inference.page.meaning import Meaning


def said(*parts: str, done: bool = True) -> str:
    """A part of the page; a screen reader says what changes in it, but not every word that is added."""
    return tag("div", *parts, class_="said", aria_live="polite" if done else "off")


def message(text: str) -> str:
    """Something went wrong, and what to do."""
    return said(
        tag("div", tag("b", "That did not work. "), text, class_="card message", role="alert")
    )


def busy(ahead: int) -> str:
    """While nothing has come of it yet; ahead: how many are served before."""
    before = f"Waiting: {ahead} ahead of you." if ahead else "Looking at it ..."
    return said(tag("div", before, class_="card busy", role="status"))


def note(text: str) -> Html:
    """Something to know."""
    return tag("p", text, class_="card quiet")


def header(facts: Sequence[str]) -> str:
    """The page's title, and what there is to know of the model."""
    return said(
        tag("h1", "How good is this photograph?"), tag("p", " · ".join(facts), class_="quiet")
    )


def alone(picture: Picture, score: Score | None, meaning: Meaning) -> str:
    """One image: the picture beside its score."""
    shown = _figure(picture, f"{picture.name}, {picture.width} x {picture.height}")
    if score is None:
        told = [tag("p", "This model gives no scores: it answers questions.", class_="quiet")]
    else:
        told = [
            tag("h2", "Score"), _number(score), _scale(score, meaning), _place(score, meaning),
            tag("p", meaning.ends, class_="quiet"),
            *([] if score.spread is None else [tag("p", meaning.spread, class_="quiet")]),
            _aspects(score),
        ]  # fmt: skip
    return said(tag("div", shown, tag("div", *told), class_="card alone"))


def critiques(texts: Mapping[str, Answer], *, done: bool, note: str | None) -> str:
    """The critiques as far as they are written."""
    boxes = [
        tag("section", tag("h3", name), _text(answer, done=done), class_="critique")
        for name, answer in texts.items()
    ]
    notes = [tag("p", note, class_="quiet")] if note else []
    return said(
        tag("div", tag("h2", "What the model writes"), *notes, tag("div", *boxes, class_="critiques"),
            class_="card"),
        done=done,
    )  # fmt: skip


def answered(texts: Mapping[str, Answer], *, done: bool) -> str:
    """The answer to a question of one's own."""
    boxes = [
        tag("section", tag("h3", question), _text(answer, done=done), class_="critique")
        for question, answer in texts.items()
    ]
    return said(tag("div", *boxes, class_="card"), done=done)


def no_words() -> str:
    """In place of critiques."""
    text = "This model has no language: it scores and ranks, and writes no critiques."
    return said(tag("p", text, class_="card quiet"))


def series(
    pictures: Sequence[Picture],
    ranking: Ranking,
    of: Mapping[int, Answer],
    why: Mapping[int, Answer],
    meaning: Meaning,
    *,
    writes: bool,
    done: bool,
) -> str:
    """A series, best first, and between neighbours P(better) and the model's words.

    Args:
        of: what is said of each image, by its place, as far as it is written.
        why: of each against the next one, by the place of the better one.
        writes: whether the model has language.
        done: nothing more will be written.
    """
    rows: list[Html] = []
    for place, number in enumerate(ranking.order):
        rows.append(_shot(place, pictures[number], ranking.scores[place], of.get(place), meaning))
        if place < len(ranking.ahead):
            asked = writes and meaning.compares and not done
            rows.append(_between(place, ranking.ahead[place], why.get(place), asked=asked))
    how = "each beside every other" if ranking.scored == "pairs" else "each for itself"
    note = (
        f"Scored {how}. P(better) follows from the difference of two scores: none is .50, and 11 points are "
        ".73. It is the model's own, and has not been held against people's choices."
    )
    told = [tag("p", note, class_="quiet"), tag("p", meaning.ends, class_="quiet")]
    if not writes:
        told.append(tag("p", "This model has no language: it cannot say why.", class_="quiet"))
    elif not meaning.compares:
        text = (
            "This model has learned to write of one image at a time, so it is not asked how two compare; what "
            "it writes of each stands beside it."
        )
        told.append(tag("p", text, class_="quiet"))
    return said(
        tag("div", tag("h2", f"{len(pictures)} shots, best first"), *told, class_="card"),
        tag("ol", *rows),
        done=done,
    )


def thumbs(pictures: Sequence[str], what: str) -> str:
    """An example to choose; pictures: data URIs."""
    images = [
        tag("img", src=one, alt=what if number == 0 else "") for number, one in enumerate(pictures)
    ]
    return tag("div", tag("div", *images, class_="thumbs"), class_="said")


def _shot(place: int, picture: Picture, score: Score, of: Answer | None, meaning: Meaning) -> Html:
    words = [] if of is None else [_said_of(of)]
    best = [tag("span", "Best shot", class_="chip")] if place == 0 else []
    return tag(
        "li",
        tag("div", str(place + 1), class_="place"),
        _figure(picture, picture.name),
        tag("div", _number(score, *best), _scale(score, meaning, named=False), *words),
        class_="card shot best" if place == 0 else "card shot",
    )


def _between(place: int, ahead: float, why: Answer | None, *, asked: bool) -> Html:
    """asked: an answer is to come."""
    better, next_ = place + 1, place + 2
    odds = tag("p", "P(better) ", tag("b", f"{ahead:.2f}"), f", {better} against {next_}")
    words: list[Html] = []
    if why is not None:
        told = (
            f"Told so, and asked how {better} (the first) compares with {next_}, the model writes:"
        )
        words = [tag("p", told, class_="quiet"), _quoted(why)]
    elif asked:
        words = [tag("p", "The model is asked why ...", class_="quiet")]
    return tag("li", odds, *words, class_="between")


def _said_of(answer: Answer) -> Html:
    return tag("div", tag("p", "The model writes:", class_="quiet"), _quoted(answer))


def _quoted(answer: Answer) -> Html:
    """An answer in which no word is found is told as such: a dot says nothing."""
    if not re.search(r"\w\w", answer.text):
        return tag("p", "It found no words.", class_="quiet")
    return tag("p", answer.text + (" [...]" if answer.cut else ""), class_="quote")


def _figure(picture: Picture, caption: str) -> Html:
    image = tag("img", src=picture.data_uri, alt=picture.name)
    return tag("figure", image, tag("figcaption", caption))


def _number(score: Score, *after: Html) -> Html:
    spread = [] if score.spread is None else [tag("small", f" ± {score.spread:.1f}")]
    return tag("div", f"{score.value:.1f}", *spread, *after, class_="number")


def _scale(score: Score, meaning: Meaning, *, named: bool = True) -> Html:
    """The score on 0-100, with its spread as a band; named: with all that is known of the scale."""
    marks: list[Html] = []
    if score.spread is not None:
        low, high = max(0.0, score.value - score.spread), min(100.0, score.value + score.spread)
        marks.append(tag("span", class_="band", style=f"left:{low:.1f}%;width:{high - low:.1f}%"))
    if named:
        marks += [tag("span", class_="tick", style=f"left:{one:.1f}%") for one in meaning.marks]
    marks.append(tag("span", class_="dot", style=f"left:{score.value:.1f}%"))
    give = "" if score.spread is None else f", give or take {score.spread:.1f}"
    ends = ("0", "50", "100")
    if named:
        ends = meaning.words or ("0 lowest", "50", "100 highest")
    return tag(
        "div",
        tag("div", *marks, class_="track", role="img",
            aria_label=f"{score.value:.1f} on a scale from 0 to 100{give}"),
        tag("div", *(tag("span", one) for one in ends), class_="axis"),
        class_="scale",
    )  # fmt: skip


def _place(score: Score, meaning: Meaning) -> Html:
    """Where a score stands among those of the images that the model's run held out."""
    above = meaning.above(score.value)
    if above is None:
        return Html("")
    tenth, half, nine_tenths = (f"{one:.0f}" for one in meaning.marks)
    return tag(
        "p",
        f"Higher than {above:.0%} of the {len(meaning.held_out):,} images that its training run held out. "
        f"The lines mark what 10, 50 and 90 % of those stay below: {tenth}, {half} and {nine_tenths}.",
    )


def _aspects(score: Score) -> Html:
    if len(score.scores) < 2:
        (only,) = score.scores
        return tag("p", f"The model scores one aspect: {only}.", class_="quiet")
    return join(
        [
            tag("h2", "By aspect"),
            tag(
                "div",
                *(_bar(n, v, score.spreads[n]) for n, v in score.scores.items()),
                class_="bars",
            ),
        ]
    )


def _bar(name: str, value: float, spread: float | None) -> Html:
    give = "" if spread is None else f" ± {spread:.1f}"
    fill = tag("div", tag("span", style=f"width:{value:.1f}%"), class_="fill")
    return tag("div", tag("span", name), tag("b", f"{value:.1f}{give}"), fill, class_="bar")


def _text(answer: Answer, *, done: bool) -> Html:
    if not answer.text:
        empty = "The model wrote nothing." if done else "..."
        return tag("p", empty, class_="quiet")
    cut = " [...]" if answer.cut and done else ""
    return tag("p", answer.text + cut, class_=None if done else "writing")
