"""Choices: right, wrong and unparsed, by dimension and class."""

from __future__ import annotations

from typing import Any

from evaluation.report.made import choice_rows

from artimuse.evaluation.report.answers import UNPARSED, tallies

MARKS = ["A)", "B)"]


def row(
    label: str | None, said: str | None, texts: list[str] | None = None, aspect: str = "AesA"
) -> dict[str, Any]:
    more = {} if texts is None else {"texts": texts}
    return {
        "kind": "choice",
        "id": "x",
        "label": label,
        "prediction": said,
        "options": MARKS,
        "aspect": aspect,
    } | more


def test_classes_are_texts_where_all_questions_share_them_whatever_their_order() -> None:
    (tally,) = tallies([
        row("A)", "A)", ["High", "Low"]), row("B)", "A)", ["Low", "High"]), row("B)", "A)", ["High", "Low"]),
        row("A)", None, ["High", "Low"]), row("A)", "D)", ["High", "Low"]),
    ])  # fmt: skip
    assert (tally.classes, tally.of_texts, tally.n) == (("High", "Low"), True, 5)
    assert (tally.asked("High"), tally.right("High"), tally.unparsed("High")) == (4, 1, 2)
    assert (tally.asked("Low"), tally.right("Low"), tally.given["Low", "High"]) == (1, 0, 1)
    assert (tally.right(), tally.unparsed(), tally.chance) == (1, 2, 0.8)
    assert tally.given["High", "Low"] == 1
    assert tally.given["High", UNPARSED] == 2


def test_questions_with_options_of_their_own_are_told_by_marks() -> None:
    (tally,) = tallies([row("A)", "A)", ["a", "b"]), row("B)", "A)", ["c", "d"])])
    assert (tally.classes, tally.of_texts, tally.right()) == (("A)", "B)"), False, 1)


def test_dimensions_are_apart_and_answers_that_are_not_known_are_not_counted() -> None:
    found = tallies(
        [row("A)", "A)", aspect="AesP"), row("A)", "B)"), row(None, "A)"), {"kind": "score"}]
    )
    assert [(tally.dimension, tally.n) for tally in found] == [("AesA", 1), ("AesP", 1)]


def test_every_answer_is_counted_once() -> None:
    rows = choice_rows()
    found = tallies(rows)
    assert sum(tally.n for tally in found) == len(rows)
    assert sum(tally.unparsed() for tally in found) == sum(r["prediction"] is None for r in rows)
    assert sum(tally.right() for tally in found) == sum(r["prediction"] == r["label"] for r in rows)
    for tally in found:
        assert sum(map(tally.asked, tally.classes)) == tally.n
