"""Which column of a table holds what, as a recipe maps them.

    columns: {image: filename, score: mos}
    aspects: {composition: comp_score, light: {column: l, scale: [1, 5]}}

A key that is not mapped is found in the column that is called as it is, where there is one that
is not mapped to something else.
"""

from __future__ import annotations

from dataclasses import dataclass

from artimuse.config.sources import AspectColumn, Columns, Scale, TableSource
from artimuse.data.formats.tables import Table, check_columns
from artimuse.records import DataError, Source

KEYS = tuple(Columns.model_fields)
# A column that says nothing without another one.
_NEEDS = {"std": "score", "rank": "series", "question": "answer", "answer": "question"}
_INSTEAD = " (or one of `aspects`, 'rank' and 'series', or 'question' and 'answer')"


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The columns that a table has: key -> column, and aspect -> column and scale."""

    names: dict[str, str]
    aspects: dict[str, tuple[str, Scale]]
    scale: Scale | None

    @property
    def labels(self) -> list[str]:
        """The columns of which a row has to fill one."""
        kinds = [self.names[key] for key in ("score", "rank", "question") if key in self.names]
        return [*kinds, *(column for column, _ in self.aspects.values())]


def map_columns(config: TableSource, table: Table, source: Source) -> ColumnMap:
    """Find the columns of a recipe in a table; those that are not used are noted in `source`.

    Raises:
        DataError: for a column that is missing, doubled, misspelt, or of no use alone, and where
            there are scores without a stated scale.
    """
    names, own = _names(config), _own(config)
    labelled = own or any(names.get(key) in table.header for key in ("score", "rank", "question"))
    required = [names["image"], *_mapped(config).values(), *own]
    instead: dict[str, str] = {}
    if not labelled:
        required.append(names.get("score", "score"))
        instead[required[-1]] = _INSTEAD
    unused = check_columns(table, wanted_columns(config), required=required, instead=instead)
    if unused:
        listed = ", ".join(name or "one without a name" for name in unused)
        source.notes.append(f"{table.path.name}: columns not used: {listed}")
    names = {key: column for key, column in names.items() if column in table.header}
    _check_partners(table, names)
    scores = [names["score"]] if "score" in names else []
    scores += [column for column in config.aspects.values() if isinstance(column, str)]
    if scores and config.scale is None:
        raise DataError(
            f"source {config.name!r}: expected `scale`, the ends of the scale of the scores in "
            f"{', '.join(map(repr, scores))} of {table.path}, found none; state it, such as "
            "`scale: [0, 10]`: it cannot be told from the scores"
        )
    return ColumnMap(names, _aspects(config), config.scale)


def _check_partners(table: Table, names: dict[str, str]) -> None:
    for key, other in _NEEDS.items():
        if key in names and other not in names:
            raise DataError(
                f"{table.path}: expected a column for `{other}` beside {names[key]!r}, which is "
                f"read as `{key}`, found {', '.join(map(repr, table.header))}; add it, name it "
                f"under `columns`, or call {names[key]!r} something else"
            )


def wanted_columns(config: TableSource) -> list[str]:
    """The columns that are read where a table has them."""
    return [*_names(config).values(), *_own(config)]


def _mapped(config: TableSource) -> dict[str, str]:
    return {key: column for key in KEYS if (column := getattr(config.columns, key)) is not None}


def _names(config: TableSource) -> dict[str, str]:
    mapped = _mapped(config)
    taken = {*mapped.values(), *_own(config)}
    names = {key: mapped.get(key, key) for key in KEYS if key in mapped or key not in taken}
    return {"image": "image"} | names


def _own(config: TableSource) -> list[str]:
    """The columns of own aspects."""
    return [c if isinstance(c, str) else c.column for c in config.aspects.values()]


def _aspects(config: TableSource) -> dict[str, tuple[str, Scale]]:
    found: dict[str, tuple[str, Scale]] = {}
    for aspect, column in config.aspects.items():
        if isinstance(column, AspectColumn):
            found[aspect] = (column.column, column.scale)
        else:
            assert config.scale is not None
            found[aspect] = (column, config.scale)
    return found
