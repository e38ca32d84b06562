"""The columns of a data set's own table: their names are given, so each has to be there."""

from __future__ import annotations

from collections.abc import Sequence

from artimuse.data.formats.aspects import nearest
from artimuse.data.formats.tables import Table
from artimuse.records import DataError

_SHOWN = 12


def require_columns(table: Table, names: Sequence[str]) -> None:
    """Raise DataError unless each column is there once. Others are the data set's, and not used."""
    for name in names:
        count = table.header.count(name)
        if count == 1:
            continue
        if count:
            raise DataError(
                f"{table.path}: expected the column {name!r} once, found it {count} times; rename "
                "or remove all but one"
            )
        near = nearest(name, [other for other in table.header if other not in names])
        raise DataError(
            f"{table.path}: expected the column {name!r}, found {_shown(table.header)}; "
            + (f"did you mean it by {near!r}? " if near else "")
            + "take the data set's own file, or give a table of your own the format `custom`"
        )


def _shown(header: Sequence[str]) -> str:
    if not header:
        return "an empty file"
    more = f" and {len(header) - _SHOWN} more" if len(header) > _SHOWN else ""
    return ", ".join(map(repr, header[:_SHOWN])) + more
