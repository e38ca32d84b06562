"""The two forms of a score file: rows that are appended, and read back to go on where they end.

A row is handed to the operating system as a whole and ends in a line feed, so a process that was stopped
while it wrote leaves at most one row that is not complete: the last.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO


class JsonRows:
    """A JSON object a line.

    Args:
        path: the file.
        fields: what every row has, nested ones as `scores.overall`.
    """

    def __init__(self, path: Path, fields: Sequence[str]) -> None:
        self.path, self.fields = path, tuple(fields)
        self._file: BinaryIO | None = None

    def open(self) -> tuple[set[str], int]:
        """Images of the rows that are there, and the bytes of a last row that were cut off.

        Raises:
            ValueError: for a row that is damaged or has other fields; the file is then left as it is.
        """
        self.path.touch()
        done, end = self._scan()
        size = self.path.stat().st_size
        self._file = self.path.open("r+b")
        self._file.truncate(end)
        self._file.seek(end)
        return done, size - end

    def write(self, flat: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        """Append one row.

        Args:
            flat: by field, as in `fields`. row: the same, nested.
        """
        self._check(flat, "a new row")
        self._append(self._encode(flat, row))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _scan(self) -> tuple[set[str], int]:
        """Images, and the offset at which the last complete row ends."""
        done: set[str] = set()
        end = 0
        for number, line in enumerate(_whole_lines(self.path), start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"line {number} is damaged ({error})") from error
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is damaged (expected an object)")
            flat = {
                f"{key}.{inner}" if inner is not None else key
                for key, value in row.items()
                for inner in (value if isinstance(value, dict) else (None,))
            }
            self._check(flat, f"line {number}")
            done.add(row["image"])
            end += len(line)
        return done, end

    def _encode(self, flat: Mapping[str, Any], row: Mapping[str, Any]) -> bytes:
        del flat
        try:
            return (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode()
        except UnicodeEncodeError:  # a file name that is no UTF-8
            return (json.dumps(row, allow_nan=False) + "\n").encode()

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        self._file.write(data)
        self._file.flush()

    def _check(self, found: Iterable[str], where: str) -> None:
        names = set(found)
        for missing in sorted(set(self.fields) - names):
            raise ValueError(f"{where} lacks {missing!r}, which is asked now")
        for other in sorted(names - set(self.fields)):
            raise ValueError(f"{where} has {other!r}, which is not asked now")


class CsvRows(JsonRows):
    """A header, and a record an image; numbers and texts are cells, null is an empty one."""

    def open(self) -> tuple[set[str], int]:
        done, cut = super().open()
        assert self._file is not None
        if self._file.tell() == 0:
            self._append(csv_record(self.fields))
        return done, cut

    def _scan(self) -> tuple[set[str], int]:
        done: set[str] = set()
        end = read = 0

        def lines() -> Iterator[str]:
            nonlocal read
            for line in _whole_lines(self.path):
                read += len(line)
                yield line.decode("utf-8", "surrogateescape")

        records = csv.reader(lines(), strict=True)
        try:
            for number, record in enumerate(records):
                if number == 0:
                    self._check(set(record), "its header")
                    if tuple(record) != self.fields:
                        raise ValueError(f"its columns are in another order than {self.fields}")
                elif len(record) != len(self.fields):
                    raise ValueError(
                        f"record {number}: expected {len(self.fields)} cells, found {len(record)}"
                    )
                else:
                    done.add(record[0])
                end = read
        except csv.Error:
            # The last record was cut inside a text of several lines; or a quotation mark is astray, and what
            # follows is no half-written record but many whole ones.
            if _records_after(self.path, end):
                raise ValueError(f"from byte {end} on it holds a cell that never ends") from None
        return done, end

    def _encode(self, flat: Mapping[str, Any], row: Mapping[str, Any]) -> bytes:
        del row
        return csv_record([flat[name] for name in self.fields])


def csv_record(cells: Sequence[Any]) -> bytes:
    """One record of a CSV file, with the end of its line."""
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Lines that end in a line feed; what follows the last one is not complete."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def _records_after(path: Path, offset: int) -> int:
    """Ends of records (CR LF) after an offset."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read().count(b"\r\n")
