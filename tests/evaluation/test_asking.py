"""What a benchmark asks: a table's choices, and whose text a critique is told from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from artimuse.evaluation.asking import asked_of
from artimuse.evaluation.benchmarks.known import BENCHMARKS
from artimuse.evaluation.phases.critiques import partners
from artimuse.records import Question, Sample, Source

ASKED = "Is the light soft?\nA) Yes\nB) No, hard"


def source(*questions: Question) -> Source:
    return Source("own", [Sample("own/a.jpg", (Path("i/a.jpg"),), questions, "own")])


def as_asked(answer: str, text: str = ASKED) -> tuple[Sequence[Question], Source]:
    found = asked_of(source(Question("text", text, answer=answer)), BENCHMARKS["custom"])
    return [q for sample in found.samples for q in sample.questions], found


@pytest.mark.parametrize(
    ("answer", "options", "kept"),
    [
        ("A)", ("A)", "B)"), "A)"),
        ("B", ("A", "B"), "B"),
        ("A) Yes", ("A) Yes", "B) No, hard"), "A) Yes"),
        ("b", ("A)", "B)"), "B)"),
        ("b)", ("A)", "B)"), "B)"),
        ("yes", ("A)", "B)"), "A)"),
        ("No, hard.", ("A)", "B)"), "B)"),
        ("B) no, hard", ("A)", "B)"), "B)"),
    ],
)
def test_an_answer_in_another_form_is_still_the_choice(
    answer: str, options: tuple[str, ...], kept: str
) -> None:
    (question,), found = as_asked(answer)
    assert (question.kind, question.options, question.answer) == ("choice", options, kept)
    assert not found.bad


@pytest.mark.parametrize("answer", ["C)", "The light is soft", "A) or B)"])
def test_an_answer_that_is_none_of_the_options_is_bad_and_named(answer: str) -> None:
    other = Question("text", "Why?", answer="So.")
    listed = source(other, Question("text", ASKED, answer=answer))
    found = asked_of(listed, BENCHMARKS["custom"])
    (bad,) = found.bad
    assert bad.item == "own/a.jpg: question 2"
    assert all(part in bad.reason for part in ("A), B)", repr(answer)))
    assert [q for sample in found.samples for q in sample.questions] == [other]
    assert not listed.bad  # what was read stays as it is


def test_a_question_without_options_or_without_an_answer_stays_open() -> None:
    (question,), found = as_asked("A soft one.", "What of the light?")
    assert (question.kind, found.bad) == ("text", [])
    (question,), found = as_asked("", ASKED)
    assert (question.kind, found.bad) == ("text", [])


def critic(name: str, text: str, attribute: str = "Theme") -> Sample:
    question = Question("text", "?", answer=text, aspect=attribute)
    return Sample(name, (Path(name),), (question,), "d")


def test_every_text_is_told_from_another_where_there_is_one() -> None:
    samples = [critic(f"d/{k}", "good" if k < 4 else f"text {k}") for k in range(6)]
    texts = {sample.id: sample.questions[0].answer for sample in samples}
    found = partners(samples)
    assert {id_ for id_, _ in found} == set(texts)
    for (id_, _), other in found.items():
        assert other.text == texts[other.id] != texts[id_]


def test_the_other_text_is_the_next_where_all_differ() -> None:
    """So every text is once the other."""
    found = partners([critic(f"d/{k}", f"text {k}") for k in range(7)])
    assert sorted(other.id for other in found.values()) == [f"d/{k}" for k in range(7)]


def test_critiques_that_nothing_can_be_told_from_are_counted() -> None:
    samples = [critic(f"d/{k}", "good") for k in range(3)] + [critic("d/x", "lone", "Gestalt")]
    found = asked_of(Source("d", samples), BENCHMARKS["artimuse-10k-text"])
    assert partners(samples) == {}
    assert [note for note in found.notes if note.startswith("4 critiques ")], found.notes
    assert asked_of(Source("d", [critic("a", "b"), critic("c", "d")]),
                    BENCHMARKS["artimuse-10k-text"]).notes == []  # fmt: skip
