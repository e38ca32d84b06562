"""Choices: how many answers are right, wrong, or no answer at all, by dimension and by class.

tallies(rows)        # one per dimension: AesP, AesE, AesA

A class is a right answer: where a model always says "high", the accuracy of a dimension hides what the classes
show. Classes are the options' texts where all questions of a dimension share one set of them, else their marks
("A)"), which show a model that prefers a place in the list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

UNPARSED = "no option"


@dataclass(frozen=True, slots=True)
class Tally:
    """The answers of one dimension.

    given: (class, answered class or UNPARSED) -> how often. of_texts: classes are texts, not marks.
    """

    dimension: str
    classes: tuple[str, ...]
    given: Counter[tuple[str, str]]
    of_texts: bool

    @property
    def n(self) -> int:
        return self.given.total()

    def asked(self, class_: str) -> int:
        """Questions whose right answer is of a class."""
        return sum(n for (label, _), n in self.given.items() if label == class_)

    def right(self, class_: str | None = None) -> int:
        """Right answers, of a class or of all."""
        return sum(n for (label, said), n in self.given.items()
                   if label == said and class_ in (None, label))  # fmt: skip

    def unparsed(self, class_: str | None = None) -> int:
        """Answers that name none of the options, of a class or of all: they are wrong."""
        return sum(n for (label, said), n in self.given.items()
                   if said == UNPARSED and class_ in (None, label))  # fmt: skip

    @property
    def chance(self) -> float | None:
        """What always giving the most frequent answer reaches; None without questions."""
        return max(map(self.asked, self.classes)) / self.n if self.n else None


def tallies(rows: Iterable[Any]) -> list[Tally]:
    """Per dimension (`aspect`), in the order of their names; questions without a known answer are left out."""
    by_dimension: dict[str, list[Any]] = {}
    for row in rows:
        if row["kind"] == "choice" and row["label"] is not None:
            by_dimension.setdefault(row.get("aspect") or "all questions", []).append(row)
    return [_tally(name, by_dimension[name]) for name in sorted(by_dimension)]


def _tally(dimension: str, rows: list[Any]) -> Tally:
    sets = {frozenset(row.get("texts") or ()) for row in rows}
    of_texts = len(sets) == 1 and bool(next(iter(sets)))
    given: Counter[tuple[str, str]] = Counter()
    for row in rows:
        said = row["prediction"]
        options = row.get("options")
        # A mark that is none of the options is no answer either.
        named = said if options is None or said in options else None
        answer = UNPARSED if named is None else _class(row, named, of_texts)
        given[_class(row, row["label"], of_texts), answer] += 1
    names = {name for pair in given for name in pair} - {UNPARSED}
    first = rows[0].get("texts") if of_texts else None
    ordered = [*first] if first else sorted(names)
    return Tally(dimension, tuple(name for name in ordered if name in names), given, of_texts)


def _class(row: Any, mark: str, of_texts: bool) -> str:
    return row["texts"][list(row["options"]).index(mark)] if of_texts else mark
