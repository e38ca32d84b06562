"""Text files without a header: a row a line, its cells separated by white space."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from artimuse.data.formats.files import read_text
from artimuse.records import BadItem, DataError, Source


def read_lines(
    path: Path, columns: str, width: int, source: Source
) -> Iterator[tuple[str, list[str]]]:
    """Place ("line 3") and cells of each row that has `width` of them; another row is a BadItem.

    Blank lines hold nothing and are skipped. Every row is counted in the source.

    Args:
        columns: what the cells are, for messages.

    Raises:
        DataError: for a file that is unreadable, and, at its end, for one without a single row of
            that width.
    """
    fitting = rows = 0
    reason = ""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        cells = line.split()
        if not cells:
            continue
        rows += 1
        source.items += 1
        if len(cells) == width:
            fitting += 1
            yield f"line {number}", cells
            continue
        reason = f"wrong number of columns: expected {width} ({columns}), found {len(cells)}"
        source.bad.append(BadItem(str(path), f"line {number}", reason))
    if rows and not fitting:
        raise DataError(
            f"{path}: expected lines of {width} cells ({columns}), found none in {rows} lines, the "
            f"last: {reason}; name a file in the format that the source's `format` says"
        )
