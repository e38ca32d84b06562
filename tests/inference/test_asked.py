"""Files of questions: a question a line, and one error for what cannot be kept apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from artimuse.inference.asked import Asked, read_questions
from artimuse.prompts import ATTRIBUTES


def test_a_question_a_line(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_bytes("\ufeff  Is the light soft? \r\n\n\t\nWarum, und wofür?\n".encode())
    assert read_questions(path) == ("Is the light soft?", "Warum, und wofür?")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "expected one question a line, found none"),
        (b" \n\n", "expected one question a line, found none"),
        (b"Why?\nWhen?\n Why? \n", r"lines 1 and 3 ask the same, 'Why\?': remove one"),
        (b"caf\xe9?\n", "expected text in UTF-8"),
    ],
)
def test_what_is_no_list_of_questions(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "questions.txt"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"--questions {path}: {said}"):
        read_questions(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        read_questions(tmp_path / "none.txt")


def test_texts_are_asked_for_or_not() -> None:
    assert not Asked().texts
    assert Asked(describe=True).texts
    assert Asked(questions=("Why?",)).texts
    assert Asked().attributes == ()
    assert Asked(describe=True).attributes == ATTRIBUTES
