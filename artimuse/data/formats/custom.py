"""Your own photographs: a CSV table with a score per image.

    image,score,series,category
    hall/0001.jpg,62.5,hall-1,interior

`image` is relative to the source's image folder, `score` on its stated `scale`; `series` (images of
one subject that differ subtly) and `category` are optional columns, and may be empty in a row.
UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator
from pathlib import Path

from artimuse.config.sources import CustomSource
from artimuse.data.formats import fields
from artimuse.data.formats.fields import BadRow, bad_item
from artimuse.data.formats.files import read_text
from artimuse.data.formats.folder import ImageFolder
from artimuse.records import OVERALL, BadItem, DataError, Question, Sample, Source

REQUIRED = ("image", "score")
COLUMNS = (*REQUIRED, "series", "category")


def load(config: CustomSource, root: Path) -> Source:
    """One sample per row, in the order of the table.

    A repeated row is dropped and counted in the notes; a second, different row of an image is a
    BadItem.
    """
    path = root / config.table
    source = Source(config.name, [])
    folder = ImageFolder(root / config.images)
    seen: dict[str, Sample] = {}
    repeated = 0
    for line, row in _rows(path, source):
        source.items += 1
        try:
            sample = _sample(row, config, folder)
            known = seen.setdefault(sample.id, sample)
            if known is sample:
                source.samples.append(sample)
            elif known == sample:
                repeated += 1
            else:
                raise BadRow(f"second row of an image: found {row}, unlike an earlier row")
        except BadRow as error:
            source.bad.append(bad_item(path, f"line {line}", row, error))
    if repeated:
        source.notes.append(f"{path.name}: {repeated} repeated rows dropped")
    return source


def _sample(row: dict[str, str], config: CustomSource, folder: ImageFolder) -> Sample:
    name, image_path = folder.locate(row["image"])
    score = fields.parse_number(row["score"], "score")
    question = Question(kind="score", aspect=OVERALL, label=fields.score_label(score, config.scale))
    return Sample(
        id=f"{config.name}/{name}",
        images=(image_path,),
        questions=(question,),
        dataset=config.name,
        series=row.get("series") or None,
        category=row.get("category") or None,
    )


def _rows(path: Path, source: Source) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and known columns of each row; a row of another length becomes a BadItem here."""
    # strict: without it an unclosed quote swallows the rest of the table in silence.
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header, source)
        for values in reader:
            if not any(value.strip() for value in values):
                continue
            if len(values) != len(header):
                source.items += 1
                reason = f"wrong number of columns: expected {len(header)}, found {len(values)}"
                source.bad.append(BadItem(str(path), f"line {reader.line_num}", reason))
                continue
            pairs = zip(header, values, strict=True)
            yield reader.line_num, {name: value.strip() for name, value in pairs if name in COLUMNS}
    except csv.Error as error:
        raise DataError(
            f"{path}: expected a CSV table, found a fault in line {reader.line_num}: {error}; "
            "close or double the quotes of that line"
        ) from error


def _check_header(path: Path, header: list[str], source: Source) -> None:
    """Raise DataError for a missing, doubled or misspelt column; other unknown columns are
    noted."""
    shown = ", ".join(map(repr, header)) or "an empty file"
    doubled = {name for name in header if name in COLUMNS and header.count(name) > 1}
    if doubled:
        raise DataError(
            f"{path}: expected each column once, found {shown}; remove one of {sorted(doubled)}"
        )
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in header]
    free = [name for name in COLUMNS if name not in header]
    nearest = {name: _nearest(name, free) for name in unknown}
    hints = [f"did you mean {near!r} by {name!r}?" for name, near in nearest.items() if near]
    if missing or hints:
        hint = "; ".join(hints) or "give the table a first line `image,score`, separated by commas"
        wanted = f"the column {missing[0]!r}" if missing else f"the columns {', '.join(COLUMNS)}"
        raise DataError(f"{path}: expected {wanted}, found {shown}; {hint}")
    if unknown:
        source.notes.append(f"{path.name}: columns not used: {', '.join(unknown)}")


def _nearest(name: str, candidates: list[str]) -> str | None:
    close = difflib.get_close_matches(name.lower(), candidates, n=1, cutoff=0.7)
    return close[0] if close else None
