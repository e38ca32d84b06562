"""Votes on pairs of images: how often each was preferred to the other.

    series,a,b,wins_a,wins_b
    hall,1.jpg,2.jpg,7,3

CSV, TSV or JSONL. `a` and `b` are relative to `images/<series>/` where there is such a folder, else
to `images`. Bradley-Terry strengths are fitted to the votes of each series (`data.bradley_terry`),
and all pairs that votes connect, directly or not, get the calibrated

    P(first better) = sigmoid(strength of the first - strength of the second)

also those that were never compared themselves: if a beats b and b beats c, something is known of a
and c. The labels of FGAesthetics were made so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from artimuse.config.sources import VotesSource
from artimuse.data import bradley_terry
from artimuse.data.formats import cells
from artimuse.data.formats.fields import BadRow, found
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.series import UNLABELED, check_size
from artimuse.data.formats.tables import Row, check_columns, read_table
from artimuse.records import BadItem, Pair, Sample, Source

COLUMNS = ("series", "a", "b", "wins_a", "wins_b")


@dataclass(slots=True)
class _Panel:
    """The votes of a series.

    images: sample id -> its number. wins: (id, id of the other) -> how often it was preferred.
    """

    images: dict[str, int] = field(default_factory=dict)
    wins: dict[tuple[str, str], int] = field(default_factory=dict)

    def matrix(self) -> np.ndarray:
        """(N,N): how often each image won against each other one."""
        wins = np.zeros((len(self.images), len(self.images)))
        for (winner, loser), number in self.wins.items():
            wins[self.images[winner], self.images[loser]] = number
        return wins


def load(config: VotesSource, root: Path) -> Source:
    """One sample per image, in the order of the rows, with an unlabelled score question.

    Several rows of one pair are added up. Where no votes connect two parts of a series, there is no
    pair between them; both are counted in the notes.

    Raises:
        DataError: for a table that cannot be read, and a series of more images than `series.MOST`.
    """
    path = root / config.table
    source = Source(config.name, [])
    table = read_table(path, source, example=",".join(COLUMNS))
    unused = check_columns(table, COLUMNS, required=COLUMNS)
    if unused:
        source.notes.append(f"{path.name}: columns not used: {', '.join(unused)}")
    votes = _Votes(config.name, ImageFolder(root / config.images))
    for place, row in table.rows:
        source.items += 1
        try:
            votes.add(row)
        except BadRow as error:
            source.bad.append(BadItem(str(path), place, str(error)))
    source.samples = list(votes.samples.values())
    _pair(votes, source, path)
    return source


class _Votes:
    """The panels of all series so far, and their samples by id."""

    def __init__(self, name: str, folder: ImageFolder) -> None:
        self.name = name
        self.folder = folder
        self.samples: dict[str, Sample] = {}
        self.panels: dict[str, _Panel] = {}
        self.added = 0
        self._below: dict[str, str] = {}

    def add(self, row: Row) -> None:
        """Take in a row, or nothing of it: BadRow."""
        series = cells.text(row.get("series"), "series")
        if series is None:
            raise BadRow("empty series: expected the name of one, found none")
        a, b = (self._sample(series, row.get(key), key) for key in ("a", "b"))
        if a.id == b.id:
            raise BadRow(f"pair of one image: found {found(a.id)} twice")
        wins = {(a.id, b.id): _wins(row, "wins_a"), (b.id, a.id): _wins(row, "wins_b")}
        if not any(wins.values()):
            raise BadRow("no votes: expected one or more for a or b, found 0 and 0")
        panel = self.panels.get(series, _Panel())
        known = any(pair in panel.wins for pair in wins)
        wins = {pair: number + panel.wins.get(pair, 0) for pair, number in wins.items()}
        if max(wins.values()) > bradley_terry.MOST_VOTES:
            raise BadRow(
                f"more votes than a panel has: expected at most {bradley_terry.MOST_VOTES} for one "
                f"image over another, found {max(wins.values())}"
            )
        self.added += known
        panel.wins |= wins
        for sample in (a, b):
            self.samples.setdefault(sample.id, sample)
            panel.images.setdefault(sample.id, len(panel.images))
        self.panels[series] = panel

    def _sample(self, series: str, image: object, key: str) -> Sample:
        name = cells.text(image, key)
        if name is None:
            raise BadRow(f"empty {key}: expected the name of an image, found none")
        if series not in self._below:
            own = os.path.isdir(os.path.join(self.folder.folder, series))
            self._below[series] = f"{series}/" if own else ""
        relative, path = self.folder.locate(self._below[series] + name)
        known = self.samples.get(f"{self.name}/{relative}")
        if known is not None and known.series != series:
            raise BadRow(
                f"image of two series: expected {found(relative)} in {found(known.series)} alone, "
                f"found it in {found(series)} too"
            )
        return known or Sample(
            id=f"{self.name}/{relative}",
            images=(path,),
            questions=(UNLABELED,),
            dataset=self.name,
            series=series,
        )


def _wins(row: Row, key: str) -> int:
    wins = cells.whole(row.get(key), key, least=0)
    if wins is None:
        raise BadRow(f"{key} is not a whole number from 0 on: found an empty cell")
    return wins


def _pair(votes: _Votes, source: Source, path: Path) -> None:
    """The pairs of every series, and what a person should know of them."""
    apart = inferred = 0
    for series, panel in votes.panels.items():
        check_size(series, len(panel.images), path)
        wins, ids = panel.matrix(), list(panel.images)
        parts = bradley_terry.components(wins)
        apart += len(parts) > 1
        for part in parts:
            strengths = bradley_terry.strengths(wins[np.ix_(part, part)])
            preferred = bradley_terry.preferred(strengths)
            for i, j in combinations(range(len(part)), 2):
                first, second = ids[part[i]], ids[part[j]]
                inferred += (first, second) not in panel.wins
                # To six decimals: the last bits of a fit differ from machine to machine.
                source.pairs.append(Pair(first, second, round(float(preferred[i, j]), 6)))
    counted = {
        "rows about a pair that an earlier row is about, votes added up": votes.added,
        "series in parts that no votes connect, no pairs between them": apart,
        f"of {len(source.pairs)} pairs never compared themselves, P by the others": inferred,
    }
    source.notes += [f"{path.name}: {number} {what}" for what, number in counted.items() if number]
