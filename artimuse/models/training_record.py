"""training.json of a model folder: what the model was trained on, wherever its folder is moved or copied.

    write_training(folder.model, recipe, run.json)      # once the model is saved
    trained = read_training(Path("models/mine"))        # None: it was trained elsewhere
    trained.place(trained.recipe.data.root)             # where its data lay

It holds the whole recipe, and of a base that was trained here the base's own record, so that the chain is known
down to random weights or to somebody else's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import try_to_load_from_cache

from artimuse.config import Config, ConfigError, load_config, stages_of
from artimuse.config.load import looks_local
from artimuse.models.folder import INFO_FILE, is_model_folder

TRAINING_FILE = "training.json"
FORMAT_VERSION = 1
Base = Literal["random weights", "trained here", "plain", "unknown"]
"""What a run began from. plain: a base of transformers, by its folder or hub id. unknown: an imported model, or
one that is not to be found."""


@dataclass(frozen=True, slots=True)
class Training:
    """How a model came about.

    recipe: with all its stages. run: name, seed and commit of the run. directory: that relative paths of the
    recipe start from; None where it is not known. base: what the recipe names as model.base; of a base that
    was trained here `before` is the record.
    """

    recipe: Config
    run: dict[str, Any]
    directory: Path | None
    base: Base
    before: Training | None = None

    def place(self, path: str) -> Path | None:
        """Where a path of the recipe leads, whatever the working directory is now; None: not known."""
        given = Path(path).expanduser()
        if given.is_absolute():
            return given
        return None if self.directory is None else self.directory / given


def write_training(folder: Path, recipe: Config, run: dict[str, Any]) -> None:
    """Add the record to the model folder of a run.

    Args:
        recipe: as the run folder's config.yaml has it. run: the content of run.json.
    """
    directory = Path.cwd()
    base, before = _base(recipe, directory)
    write_record(folder, Training(recipe, _told(recipe, run), directory, base, before))


def write_record(folder: Path, training: Training) -> None:
    """The record as a model folder's file: of a model that was made from another one, its own."""
    text = json.dumps(_json(training), indent=2, ensure_ascii=False)
    (folder / TRAINING_FILE).write_text(text + "\n", encoding="utf-8")


def read_training(folder: Path) -> Training | None:
    """The record in a model folder, or else what the run folder around it says; None where neither is there.

    Raises:
        ConfigError: for a record or a run's config.yaml that is damaged, or of another version.
    """
    path = folder / TRAINING_FILE
    if not path.is_file():
        return _of_run(folder.resolve().parent)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format version {record['format_version']}, not {FORMAT_VERSION}")
        return _training(record)
    except (ValueError, KeyError, TypeError) as error:  # pydantic's ValidationError is a ValueError
        raise ConfigError(f"{path}: damaged, or of another version of artimuse: {error}") from error


def _of_run(folder: Path) -> Training | None:
    """Of a run folder whose model has no record: where it was started is not known."""
    if not (folder / "config.yaml").is_file():
        return None
    recipe = load_config(folder / "config.yaml")
    record = folder / "run.json"
    run = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    base, before = _base(recipe, None)
    return Training(recipe, _told(recipe, run) | {"name": folder.name}, None, base, before)


def _told(recipe: Config, run: dict[str, Any]) -> dict[str, Any]:
    return {"name": recipe.run.name, "seed": run.get("seed"), "commit": run.get("commit")}


def _base(recipe: Config, directory: Path | None) -> tuple[Base, Training | None]:
    """What the first stage starts from."""
    name = stages_of(recipe)[0].config.model.base
    if name is None:
        return "random weights", None
    place = Path(name).expanduser()
    if not place.is_absolute():
        if directory is None:  # a hub id looks like a folder
            return "unknown", None
        place = directory / place
    if not place.is_dir() and not looks_local(name):
        cached = try_to_load_from_cache(name, INFO_FILE)
        place = Path(cached).parent if isinstance(cached, str) else place
    before = read_training(place) if place.is_dir() else None
    if before is not None:
        return "trained here", before
    gone = looks_local(name) and not place.is_dir()
    return ("unknown" if gone or is_model_folder(place) else "plain"), None


def _json(training: Training) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "run": training.run,
        "directory": str(training.directory) if training.directory else None,
        "base": training.base,
        "before": _json(training.before) if training.before else None,
        "recipe": training.recipe.model_dump(mode="json"),
    }


def _training(record: dict[str, Any]) -> Training:
    directory, before = record["directory"], record["before"]
    return Training(
        recipe=Config.model_validate_json(json.dumps(record["recipe"])),
        run=dict(record["run"]),
        directory=Path(directory) if directory else None,
        base=record["base"],
        before=_training(before) if before else None,
    )
