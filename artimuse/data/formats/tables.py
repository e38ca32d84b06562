"""Tables: CSV, TSV or JSONL, by the file's ending, as one stream of rows.

    table = read_table(Path("scores.csv"), source)
    check_columns(table, ["image", "score", "series"], required=["image"])
    for place, row in table.rows: ...           # "line 2", {"image": "a.jpg", "score": "7.5"}

UTF-8, with or without a byte order mark. The cells of a CSV or TSV file are text without space
around it; those of a JSONL file are what JSON has.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from artimuse.data.formats.fields import found
from artimuse.data.formats.files import read_json_lines, read_text
from artimuse.records import BadItem, DataError, Source

_SEPARATORS = {".csv": (",", "commas"), ".tsv": ("\t", "tabs")}

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Table:
    """The names of the columns, and the rows, each with its place in the file.

    hint: what to do where a column is missing and no name is near to it.
    """

    path: Path
    header: Sequence[str]
    rows: Iterable[tuple[str, Row]]
    hint: str


def read_table(path: Path, source: Source, *, example: str = "image,score") -> Table:
    """The table in a file. What is no row is counted and listed in `source`.

    Args:
        example: a first line, shown where a column is missing.

    Raises:
        DataError: for another ending than .csv, .tsv and .jsonl, and for a file that is unreadable;
            a fault of a CSV file shows when the row is read.
    """
    kind = path.suffix.lower()
    if kind == ".jsonl":
        return _json_table(path, source, example)
    if kind not in _SEPARATORS:
        raise DataError(
            f"{path}: expected a table that ends in .csv, .tsv or .jsonl, found "
            f"{found(path.name)}; save it as one of these"
        )
    separator, called = _SEPARATORS[kind]
    lines = _lines(path, separator)
    _, names = next(lines, (0, []))
    header = [name.strip() for name in names]
    hint = f"give the table a first line such as `{example}`, separated by {called}"
    return Table(path, header, _rows(path, header, lines, source), hint)


def check_columns(
    table: Table,
    wanted: Iterable[str],
    *,
    required: Iterable[str],
    instead: dict[str, str] | None = None,
) -> list[str]:
    """The columns that are not among the wanted ones.

    Args:
        wanted: all columns that would be used.
        required: those without which the table is of no use.
        instead: by required column, what else would do, in words.

    Raises:
        DataError: for a required column that is missing, a wanted one that is there twice, and for
            a name that is nearly that of a wanted one.
    """
    wanted = list(dict.fromkeys(wanted))
    shown = ", ".join(map(repr, table.header)) or "an empty file"
    doubled = [name for name in wanted if table.header.count(name) > 1]
    if doubled:
        raise DataError(
            f"{table.path}: expected each column once, found {shown}; remove one of {doubled}"
        )
    unknown = [name for name in table.header if name not in wanted]
    missing = [name for name in required if name not in table.header]
    free = [name for name in wanted if name not in table.header]
    nearest = {name: _nearest(name, free) for name in unknown}
    hints = [f"did you mean {near!r} by {name!r}?" for name, near in nearest.items() if near]
    if missing or hints:
        expected = f"columns {', '.join(wanted)}"
        if missing:
            expected = f"column {missing[0]!r}{(instead or {}).get(missing[0], '')}"
        hint = f"{'; '.join(hints)} rename the column either way" if hints else table.hint
        raise DataError(f"{table.path}: expected the {expected}, found {shown}; {hint}")
    return unknown


def _nearest(name: str, candidates: list[str]) -> str | None:
    # .8: a slip of one letter in five; `ranking` is no slip of `rank`.
    close = difflib.get_close_matches(name.lower(), candidates, n=1, cutoff=0.8)
    return close[0] if close else None


def _lines(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each line that is not empty."""
    # strict: without it an unclosed quote swallows the rest of the table in silence.
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(
            f"{path}: expected a {path.suffix[1:].upper()} table, found a fault in line "
            f"{reader.line_num}: {error}; close or double the quotes of that line"
        ) from error


def _rows(
    path: Path, header: list[str], lines: Iterator[tuple[int, list[str]]], source: Source
) -> Iterator[tuple[str, Row]]:
    for number, cells in lines:
        if len(cells) == len(header):
            stripped = [cell.strip() for cell in cells]
            yield f"line {number}", dict(zip(header, stripped, strict=True))
            continue
        source.items += 1
        reason = f"wrong number of columns: expected {len(header)}, found {len(cells)}"
        source.bad.append(BadItem(str(path), f"line {number}", reason))


def _json_table(path: Path, source: Source, example: str) -> Table:
    """The columns are the keys of all records; a record without one has an empty cell there."""
    records, bad = read_json_lines(path)
    rows: list[tuple[str, Row]] = []
    for number, record in records:
        if isinstance(record, dict):
            rows.append((f"line {number}", record))
        else:
            reason = f"not a record: expected an object, found {found(record)}"
            bad.append(BadItem(str(path), f"line {number}", reason))
    source.items += len(bad)
    source.bad += bad
    header = list(dict.fromkeys(key for _, row in rows for key in row))
    return Table(path, header, rows, f"give each line the keys {example}")
