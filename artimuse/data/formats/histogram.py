"""Votes per grade, as data sets with a histogram of scores list them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from artimuse.data.formats import cells
from artimuse.data.formats.fields import BadRow


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes per grade, lowest first, and what follows from them.

    std: the spread of the votes themselves, not an estimate for all possible raters.
    """

    counts: tuple[float, ...]
    raters: int
    mean: float
    std: float


def read_votes(row: Sequence[object], grades: Sequence[float]) -> Votes:
    """The votes in the cells of a row, one for each grade.

    Raises:
        BadRow: for what is no whole number from 0 on, an empty cell too, and where nobody voted.
    """
    counts = [_count(cell, grade) for cell, grade in zip(row, grades, strict=True)]
    raters = sum(counts)
    if not raters:
        raise BadRow(
            f"no votes: expected at least one for the grades {grades[0]:g}..{grades[-1]:g}"
        )
    graded = list(zip(counts, grades, strict=True))
    mean = sum(count * grade for count, grade in graded) / raters
    variance = sum(count * (grade - mean) ** 2 for count, grade in graded) / raters
    return Votes(tuple(map(float, counts)), raters, mean, math.sqrt(variance))


def _count(cell: object, grade: float) -> int:
    # Most cells of a quarter of a million rows are written in this one way.
    if isinstance(cell, str) and len(cell) < 9 and cell.isascii() and cell.isdigit():
        return int(cell)
    count = cells.whole(cell, f"votes for grade {grade:g}", least=0)
    if count is None:
        raise BadRow(f"votes for grade {grade:g} are not given: found an empty cell")
    return count
