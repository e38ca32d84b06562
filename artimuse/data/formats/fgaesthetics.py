"""FGAesthetics (arXiv 2603.03907): series of nearly equal images, and how likely each beats
another.

    natural_train.txt:  000009 01 02 0.7310 1.204 0.186

Six numbers a row: series, two image indices, P(first better than second), and a value of each image
(higher is better; small whole numbers 1..n are read as ranks, 1 the best). The image of series 9
and index 1 is `<images>/000009/000009-01.jpg`, below `<images>/<category>/` where that folder
exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from artimuse.config.sources import FGAestheticsSource
from artimuse.data.formats.fields import BadRow, found, parse_number
from artimuse.data.formats.files import read_text
from artimuse.data.formats.folder import ImageFolder
from artimuse.records import OVERALL, BadItem, DataError, Pair, Question, Sample, Source

COLUMNS = "series, two image indices, P(first better), a value of each image"
_UNLABELED = (Question(kind="score", aspect=OVERALL),)


@dataclass(frozen=True, slots=True)
class _Row:
    """One pair: image names within the series' category, P(first better) and the images' values."""

    series: str
    first: str
    second: str
    probability: float
    values: tuple[float, float]


def load(config: FGAestheticsSource, root: Path) -> Source:
    """One sample per image, its series such as `natural/000009`, with an unlabelled score question.

    Ties (.5) are kept and counted. A row that repeats a pair, in either order, is dropped and
    counted; one that contradicts it is a BadItem.

    Raises:
        DataError: for a file whose probabilities point against its last two columns in most rows,
            and where two categories claim the same image.
    """
    reading = _Reading(config.name, ImageFolder(root / config.images))
    source = Source(config.name, [])
    for label_file in config.labels:
        path = root / label_file
        kept: list[_Row] = []
        repeated = 0
        for place, row in _read_rows(path, source):
            try:
                if reading.add(row, path):
                    kept.append(row)
                else:
                    repeated += 1
            except BadRow as error:
                source.bad.append(BadItem(str(path), place, str(error)))
        source.notes += [f"{path.name}: {note}" for note in _findings(path, kept, repeated)]
    source.samples = list(reading.samples.values())
    source.pairs = [Pair(*ends, probability) for ends, probability in reading.pairs.items()]
    return source


def image_values(config: FGAestheticsSource, root: Path) -> dict[str, float]:
    """Sample id -> the value of an image in its series by the last two columns, higher is better.

    Ranks (1 the best) are negated. An image whose rows disagree about its value has none.
    """
    reading = _Reading(config.name, ImageFolder(root / config.images))
    values: dict[str, float] = {}
    unclear: set[str] = set()
    for label_file in config.labels:
        path = root / label_file
        rows = [row for _, row in _read_rows(path, Source(config.name, []))]
        sign = -1.0 if _are_ranks(rows) else 1.0
        for row in rows:
            for image, value in zip((row.first, row.second), row.values, strict=True):
                try:
                    id_ = reading.id_of(row, image, path)
                except BadRow:  # `load` lists the row
                    continue
                if values.setdefault(id_, sign * value) != sign * value:
                    unclear.add(id_)
    return {id_: value for id_, value in values.items() if id_ not in unclear}


def category_of(path: Path) -> str:
    """`natural` of `natural_train.txt`: the name without its split."""
    return re.sub(r"_(train|val|validation|test)$", "", path.stem)


class _Reading:
    """Samples and pairs of all label files so far, by sample id."""

    def __init__(self, name: str, folder: ImageFolder) -> None:
        self.name = name
        self.folder = folder
        self.samples: dict[str, Sample] = {}
        self.pairs: dict[tuple[str, str], float] = {}
        self._below: dict[str, str] = {}

    def add(self, row: _Row, path: Path) -> bool:
        """Take a row in; False where it only repeats an earlier one, in either order.

        Raises:
            BadRow: where the row contradicts an earlier one, or its image leaves the image folder.
            DataError: where its image belongs to another series already.
        """
        first, second = (self._sample(row, image, path) for image in (row.first, row.second))
        known = self.pairs.get((first.id, second.id))
        if known is None and (second.id, first.id) in self.pairs:
            known = 1 - self.pairs[second.id, first.id]
        if known is None:
            self.samples.setdefault(first.id, first)
            self.samples.setdefault(second.id, second)
            self.pairs[first.id, second.id] = row.probability
            return True
        if abs(known - row.probability) > 1e-6:
            raise BadRow(f"contradicts an earlier row: P {row.probability:g} after {known:g}")
        return False

    def id_of(self, row: _Row, image: str, path: Path) -> str:
        """The sample id of an image of a row."""
        relative, _ = self.folder.locate(self._name(row, image, path))
        return f"{self.name}/{relative}"

    def _name(self, row: _Row, image: str, path: Path) -> str:
        """The name of an image below the image folder."""
        category = category_of(path)
        # Where the categories have image folders of their own, use those.
        if category not in self._below:
            own = (self.folder.folder / category).is_dir()
            self._below[category] = f"{category}/" if own else ""
        return f"{self._below[category]}{row.series}/{image}"

    def _sample(self, row: _Row, image: str, path: Path) -> Sample:
        category = category_of(path)
        relative, image_path = self.folder.locate(self._name(row, image, path))
        series = f"{category}/{row.series}"
        known = self.samples.get(f"{self.name}/{relative}")
        if known is not None and known.series != series:
            raise DataError(
                f"{path}: expected series numbers of its own, found the image {image_path} in the "
                f"series {known.series!r} too; put the images of each category into a folder of "
                f"its name (<images>/{category}/), or make one source per category"
            )
        return known or Sample(
            id=f"{self.name}/{relative}",
            images=(image_path,),
            questions=_UNLABELED,
            dataset=self.name,
            series=series,
            category=category,
        )


def _read_rows(path: Path, source: Source) -> list[tuple[str, _Row]]:
    """The rows that parse, each with its place; the others are listed in source.bad."""
    rows: list[tuple[str, _Row]] = []
    parsed_before = source.items
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        source.items += 1
        try:
            rows.append((f"line {number}", _parse(line)))
        except BadRow as error:
            source.bad.append(BadItem(str(path), f"line {number}", str(error)))
    if source.items > parsed_before and not rows:
        raise DataError(
            f"{path}: expected rows of six numbers ({COLUMNS}), found none in "
            f"{source.items - parsed_before} lines, the first: {source.bad[-1].reason}; "
            "name a label file of FGAesthetics"
        )
    return rows


def _parse(line: str) -> _Row:
    cells = [cell for cell in re.split(r"[,\s]+", line) if cell]
    if len(cells) != 6:
        raise BadRow(f"wrong number of columns: expected six ({COLUMNS}), found {len(cells)}")
    series = _index(cells[0], "series", width=6)
    first, second = (_index(cell, "image index", width=2) for cell in cells[1:3])
    if first == second:
        raise BadRow(f"pair of one image: found the index {first} twice")
    probability = parse_number(cells[3], "probability")
    if not 0 <= probability <= 1:
        raise BadRow(f"probability off 0..1: found {probability:g}")
    values = parse_number(cells[4], "value"), parse_number(cells[5], "value")
    return _Row(series, f"{series}-{first}.jpg", f"{series}-{second}.jpg", probability, values)


def _index(cell: str, what: str, *, width: int) -> str:
    """A whole number as the file names write it; a table saved as floats (`9.0`) is read too."""
    if not (cell.isascii() and cell.isdigit()):
        value = parse_number(cell, what)
        if value < 0 or not value.is_integer():
            raise BadRow(f"{what} is not a whole number: found {found(cell)}")
        cell = str(int(value))
    return cell.zfill(width)


def _findings(path: Path, rows: list[_Row], repeated: int) -> list[str]:
    """What a person should know of a file; DataError where its direction is wrong.

    The meaning of the fourth column is not documented by the authors. Read as P(first better), it
    has to prefer the image with the better value; read the wrong way round, a model would learn the
    reverse.
    """
    notes: list[str] = []
    ties = sum(row.probability == 0.5 for row in rows)
    if ties:
        notes.append(f"{ties} ties (P = .5) kept")
    if repeated:
        notes.append(f"{repeated} repeated rows dropped")
    ranks = _are_ranks(rows)
    reading = "ranks, 1 the best" if ranks else "scores, higher is better"
    better = [
        row.values[1] - row.values[0] if ranks else row.values[0] - row.values[1] for row in rows
    ]
    told = [
        (row.probability > 0.5) == (lead > 0)
        for row, lead in zip(rows, better, strict=True)
        if row.probability != 0.5 and lead != 0
    ]
    agree = sum(told)
    if not told:
        return [*notes, "direction of the probability could not be checked: only ties"]
    if 2 * agree < len(told):
        raise DataError(
            f"{path}: expected column 4 to be P(first better than second), found that it disagrees "
            f"with columns 5 and 6 (read as {reading}) in {len(told) - agree} of {len(told)} rows; "
            "swap the columns 2 and 3 together with 5 and 6, or write 1 - P, after checking some "
            "pairs by eye"
        )
    share = f"{agree} of {len(told)} rows"
    return [
        *notes,
        f"column 4 read as P(first better): columns 5 and 6 ({reading}) agree in {share}",
    ]


def _are_ranks(rows: list[_Row]) -> bool:
    """Whether the values of every series are whole numbers from 1 to at most its number of
    images."""
    series: dict[str, dict[str, float]] = {}
    for row in rows:
        values = series.setdefault(row.series, {})
        values[row.first], values[row.second] = row.values
    return bool(series) and all(
        min(values.values()) == 1
        and max(values.values()) <= len(values)
        and all(value.is_integer() for value in values.values())
        for values in series.values()
    )
