"""Several benchmarks in one YAML file.

- {benchmark: ava, data: AVA_test.json, images: AVA/images}
- {benchmark: custom, data: mine.csv, name: mine, images: photos, scale: [0, 10]}
- {benchmark: custom, data: hers.csv, name: hers}

Entries of one benchmark need names, which tell their results apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from artimuse.config import ConfigError
from artimuse.config.reading import RecipeLoader
from artimuse.config.sources import Section
from artimuse.evaluation.benchmarks.known import BENCHMARKS


class _Entry(Section):
    benchmark: str
    data: str
    images: str | None = None
    name: str | None = Field(default=None, pattern=r"^[\w-][\w.-]*$")
    scale: list[float] | None = Field(default=None, min_length=2, max_length=2)


@dataclass(frozen=True, slots=True)
class Listed:
    """One benchmark of a list, its paths resolved. name: of its folder in the output. scale: of own scores."""

    name: str
    benchmark: str
    data: Path
    images: Path | None
    scale: tuple[float, float] | None


_ENTRIES = TypeAdapter(list[_Entry])


def listed(path: Path) -> list[Listed]:
    """The entries of a file in their order; paths are relative to it.

    Raises:
        ConfigError: for a file that is not there or not of this form, an unknown benchmark, or two entries
            of one name.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=RecipeLoader)
        entries = _ENTRIES.validate_python(content)
    except OSError as error:
        raise ConfigError(f"--data {path}: {error.strerror}; expected a YAML list") from error
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(
            f"--data {path}: expected a YAML list of {{benchmark, data, images, name, scale}}: {error}"
        ) from error
    found = [
        Listed(
            entry.name or entry.benchmark,
            entry.benchmark,
            path.parent / entry.data,
            None if entry.images is None else path.parent / entry.images,
            None if entry.scale is None else (entry.scale[0], entry.scale[1]),
        )
        for entry in entries
    ]
    names = [entry.name for entry in found]
    if not found or len(set(names)) < len(names):
        raise ConfigError(
            f"--data {path}: expected entries of different names, found {names}: two of one benchmark need a "
            "`name` each"
        )
    unknown = [entry.benchmark for entry in found if entry.benchmark not in BENCHMARKS]
    if unknown:
        raise ConfigError(
            f"--data {path}: unknown benchmark {unknown[0]!r}: expected one of {', '.join(BENCHMARKS)}"
        )
    return found
