"""Reading a recipe: YAML, then `section.key=value` overrides, then strict validation.

Every fault of a configuration is a ConfigError whose message names the key, what was expected, what was
found, and the nearest name where one was probably meant.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from artimuse.config.overrides import apply_overrides
from artimuse.config.reading import ConfigError, RecipeLoader
from artimuse.config.schema import Config
from artimuse.config.sources import InRoot, SourceBase, SourceConfig
from artimuse.config.stages import refuse_stages, stage_settings, stages_of


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a recipe and apply overrides (see `overrides`); its stages are validated with it.

    Raises:
        ConfigError: for a missing file, YAML that does not parse, an unknown key, a wrong type, or
            settings that do not fit each other.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such recipe{suggest_path(path)}")
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), RecipeLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(
            f"{path}: expected sections such as `run:` and `train:`, found {type(raw).__name__}"
        )
    apply_overrides(raw, overrides)
    config = _validated(raw, str(path))
    for stage, settings in zip(config.stages, stage_settings(config), strict=True):
        _validated(settings, f"{path}: stage {stage.name!r}")
    try:
        refuse_stages(stages_of(config))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    return config


def _validated(raw: dict[str, Any], what: str) -> Config:
    try:
        # JSON mode is strict about types, and still takes a list where a tuple is meant.
        return Config.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        lines = [_describe(item) for item in error.errors()]
        raise ConfigError(f"{what}: " + "\n  ".join(lines)) from error
    except (TypeError, ValueError) as error:  # a date, or an anchor that holds itself
        raise ConfigError(
            f"{what}: a value is of no type that a recipe may hold: {error}"
        ) from error


def to_yaml(config: Config) -> str:
    """The resolved configuration as YAML that `load_config` reads back to an equal object."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _describe(item: Any) -> str:
    """One pydantic error as `key: what was expected, found what; did you mean ...`."""
    location = tuple(part for part in item["loc"])
    key = ".".join(str(part) for part in _visible(location))
    if item["type"] == "extra_forbidden":
        *parents, last = location
        known = list(_known_keys(tuple(parents)))
        close = difflib.get_close_matches(str(last), known, n=1, cutoff=0.5)
        hint = f"; did you mean `{close[0]}`?" if close else f"; known here: {', '.join(known)}"
        return f"{key}: unknown key{hint}"
    if item["type"] == "missing":
        return f"{key}: required, and not given"
    message = item["msg"].removeprefix("Value error, ")
    found = item["input"]
    if item["type"] == "union_tag_not_found":
        return f"{key}.format: required, and not given; expected one of {', '.join(_formats())}"
    if item["type"] == "union_tag_invalid":
        tags = re.findall(r"'([^']+)'", item["ctx"]["expected_tags"])
        close = difflib.get_close_matches(item["ctx"]["tag"], tags, n=1, cutoff=0.4)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return (
            f"{key}.format: expected one of {', '.join(tags)}, found {item['ctx']['tag']!r}{hint}"
        )
    if item["type"] == "value_error" or isinstance(found, dict):
        return f"{key}: {message}" if key else message
    text = f"{key}: {message}, found {found!r}"
    if item["type"] == "literal_error" and isinstance(found, str):
        choices = re.findall(r"'([^']+)'", item["ctx"]["expected"])
        close = difflib.get_close_matches(found, choices, n=1, cutoff=0.4)
        text += f"; did you mean {close[0]!r}?" if close else ""
    return text


def _visible(location: tuple[Any, ...]) -> Iterator[Any]:
    """The location without the tags that pydantic puts in for unions."""
    tags = _formats()
    previous: Any = None
    for part in location:
        member = isinstance(part, str) and (part == "int" or part.startswith("literal["))
        if not member and not (isinstance(previous, int) and part in tags):
            yield part
        previous = part


def _formats() -> list[str]:
    """The data formats that a source may have."""
    union = get_args(SourceConfig)[0]
    return [
        tag for cls in get_args(union) for tag in get_args(cls.model_fields["format"].annotation)
    ]


def _known_keys(location: tuple[Any, ...]) -> Iterator[str]:
    """The keys that the schema knows at a place."""
    candidates: list[type[BaseModel]] = [Config]
    for part in location:
        if isinstance(part, int):
            continue
        tagged = [
            candidate
            for candidate in candidates
            if "format" in candidate.model_fields
            and part in get_args(candidate.model_fields["format"].annotation)
        ]
        if tagged:
            candidates = tagged
            continue
        found: list[type[BaseModel]] = []
        for candidate in candidates:
            if part in candidate.model_fields:
                found.extend(_models(candidate.model_fields[part].annotation))
        candidates = found
    return iter(candidates[0].model_fields if candidates else ())


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, list):
        for argument in get_args(annotation):
            yield from _models(argument)


def check_files(config: Config) -> None:
    """Raise ConfigError for a file or folder that the configuration names and that is not there.

    Demo data is drawn by the run itself, so with `data.demo` set its root may be absent. A later stage's
    base is made by the stage before.
    """
    for stage in stages_of(config):
        base = stage.config.model.base
        if not stage.number and base is not None and looks_local(base) and not Path(base).is_dir():
            raise ConfigError(
                f"model.base: no folder {base!r}{suggest_path(Path(base))}; train it first, or name a "
                "transformers folder or a hub id (owner/name)"
            )
        if stage.config.data.demo is None:
            check_data(stage.config)


def check_data(config: Config) -> None:
    """Raise ConfigError for a file or folder of the data that is not there, drawn or not."""
    root = Path(config.data.root)
    if not root.is_dir():
        raise ConfigError(f"data.root: no folder {str(root)!r}{suggest_path(root)}")
    groups = {"data": config.data.sources, "evaluation": config.evaluation.sources}
    for section, sources in groups.items():
        for number, source in enumerate(sources):
            for key, path in root_paths(source):
                if not (root / path).exists():
                    raise ConfigError(
                        f"{section}.sources.{number}.{key}: no such file: {root / path}"
                        f"{suggest_path(root / path)}"
                    )


def root_paths(source: SourceBase) -> Iterator[tuple[str, str]]:
    """Every path of a source that its class marks as `InRoot`, with its key."""
    for key, info in type(source).model_fields.items():
        value = getattr(source, key)
        if isinstance(value, list):
            if any(InRoot in get_args(part) for part in get_args(info.annotation)):
                yield from ((f"{key}.{number}", path) for number, path in enumerate(value))
        elif value is not None and _marked(info):
            yield key, value


def _marked(info: FieldInfo) -> bool:
    """Whether a field is a `RootPath`, or one that may be left out."""
    inside = [part for part in get_args(info.annotation) if get_origin(part) is Annotated]
    return InRoot in info.metadata or any(InRoot in get_args(part) for part in inside)


def looks_local(base: str) -> bool:
    """A hub id is `owner/name`; anything absolute, dotted, deeper, or that exists is a path."""
    return Path(base).exists() or base.startswith((".", "/", "~")) or base.count("/") != 1


def suggest_path(path: Path, *, folders: bool = False) -> str:
    """`; did you mean X?` with the nearest name in the nearest existing folder; "" where there is none.

    Args:
        folders: suggest folders only.
    """
    parent, name = path.parent, path.name
    while not parent.exists() and parent != parent.parent:
        parent, name = parent.parent, parent.name
    entries = parent.iterdir() if parent.is_dir() else ()
    names = sorted(p.name for p in entries if p.is_dir() or not folders)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"; did you mean {parent / close[0]}?" if close else ""
