"""What a benchmark is: a name, readers of its files by their ending, and what its numbers are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import TypeAdapter, ValidationError

from artimuse.config import ConfigError, SourceConfig, root_paths
from artimuse.config.reading import RecipeLoader
from artimuse.evaluation.predictions import Kind

BenchmarkKind = Literal["scores", "series", "choices", "critiques", "custom"]
FOLDER = ""
"""The ending of a folder."""
SOURCE = (".yaml", ".yml")
"""A source as a recipe has it, of any format: what --benchmark custom takes too."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Which format of `data/formats` reads a file, and where its settings name the file.

    key: of the source's setting that takes the path. pattern: it takes a list, of the file itself or, in a
    folder, of the files of this pattern. unpacks: the images are inside the file.
    """

    format: str
    key: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    pattern: str | None = None
    unpacks: bool = False


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark.

    expects: what --data is, for a person. readers: by the file's ending, FOLDER for a folder. counts: what a
    row that cannot be read would have been. official_n: items of the published test set, where known.
    """

    name: str
    kind: BenchmarkKind
    expects: str
    readers: Mapping[str, Reader]
    counts: Kind
    official_n: int | None = None

    def source(
        self, data: Path, images: Path | None, *, output: Path, scale: tuple[float, float] | None
    ) -> SourceConfig:
        """The source that reads `data`, all of its paths absolute.

        Args:
            images: None is `images/` beside the data, or the data's own folder.
            output: where images are unpacked to that lie inside the data.
            scale: of a custom table or list of scores.

        Raises:
            ConfigError: where there is no such file, none of this ending is expected, or `scale` is missing
                or too much.
        """
        if not data.exists():
            raise ConfigError(f"--data {data}: no such file or folder; expected {self.expects}")
        suffix = FOLDER if data.is_dir() else data.suffix.lower()
        if suffix not in self.readers and not (self.kind == "custom" and suffix in SOURCE):
            found = "a folder" if data.is_dir() else f"a file that ends in {suffix or 'nothing'}"
            raise ConfigError(f"--data {data}: expected {self.expects}, found {found}")
        if suffix in SOURCE:
            if images is not None or scale is not None:
                raise ConfigError(
                    f"--data {data}: it says itself where its images are, and its scale: "
                    "leave out --images and --scale"
                )
            return _source_of(data)
        reader = self.readers[suffix]
        folder = images or (output / "images" if reader.unpacks else _beside(data))
        settings = dict(reader.settings)
        if scale is not None:
            if self.kind != "custom":
                raise ConfigError(
                    f"--scale: expected it with --benchmark custom alone; the scale of {self.name} is known"
                )
            settings["scale"] = list(scale)
        record = {
            "name": self.name,
            "format": reader.format,
            "images": str(folder.resolve()),
            **settings,
        }
        if reader.key != "images":
            record[reader.key] = _paths(data, reader)
        else:
            record["images"] = str((images or data).resolve())
        try:
            return _SOURCE.validate_json(json.dumps(record))
        except ValidationError as error:
            problem = "; ".join(str(one["msg"]) for one in error.errors())
            raise ConfigError(f"--data {data}: {problem} (a custom list needs --scale)") from error


_SOURCE: TypeAdapter[SourceConfig] = TypeAdapter(SourceConfig)


def _source_of(path: Path) -> SourceConfig:
    """The one source of a YAML file, its paths, which are relative to the file, absolute."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=RecipeLoader)
        config = _SOURCE.validate_json(json.dumps(content))
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(
            f"--data {path}: expected a source as a recipe has it ({{name, format, images, ...}}): {error}"
        ) from error
    named: dict[str, Any] = {"images": str((path.parent / config.images).resolve())}
    for key, value in root_paths(config):
        name, _, number = key.partition(".")
        place = str((path.parent / value).resolve())
        named[name] = [*named.get(name, []), place] if number else place
    return config.model_copy(update=named)


def _beside(data: Path) -> Path:
    folder = data if data.is_dir() else data.parent
    return folder / "images" if (folder / "images").is_dir() else folder


def _paths(data: Path, reader: Reader) -> str | list[str]:
    if reader.pattern is None:
        return str(data.resolve())
    files = sorted(data.glob(reader.pattern)) if data.is_dir() else [data]
    if not files:
        raise ConfigError(f"--data {data}: expected files {reader.pattern} in it, found none")
    return [str(file.resolve()) for file in files]
