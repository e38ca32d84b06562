"""What is asked of every image beside its scores: the eight critiques, and questions from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from artimuse.prompts import ATTRIBUTES

MAX_NEW_TOKENS = 128
"""Of a text, unless another number is given."""


@dataclass(frozen=True, slots=True)
class Asked:
    """describe: the eight critiques. questions: any others. max_new_tokens: of each text."""

    describe: bool = False
    questions: tuple[str, ...] = ()
    max_new_tokens: int = MAX_NEW_TOKENS

    @property
    def texts(self) -> bool:
        return self.describe or bool(self.questions)

    @property
    def attributes(self) -> tuple[str, ...]:
        return ATTRIBUTES if self.describe else ()


def read_questions(path: Path) -> tuple[str, ...]:
    """The questions of a file in its order: one a line, in UTF-8; empty lines are nothing.

    Raises:
        ValueError: for a file that is not there, is no UTF-8 or holds no question, and for one that asks
            the same twice (answers are kept by question).
    """
    if not path.is_file():
        raise ValueError(f"--questions {path}: no such file; expected one question a line")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"--questions {path}: expected text in UTF-8, found other bytes ({error}): save it as UTF-8"
        ) from error
    asked: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        question = line.strip()
        if question in asked:
            raise ValueError(
                f"--questions {path}: lines {asked[question]} and {number} ask the same, {question!r}: "
                "remove one"
            )
        if question:
            asked[question] = number
    if not asked:
        raise ValueError(f"--questions {path}: expected one question a line, found none")
    return tuple(asked)
