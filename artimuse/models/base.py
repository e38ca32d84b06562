"""Where a model named by folder or hub id lies on this machine, and what to do where it does not.

    base_folder("OpenGVLab/InternVL3-1B-hf")       # in the hub's cache, downloaded where there is a network
    base_folder("models/InternVL3-1B-hf")          # a folder is itself
    model_folder("runs/quickstart/model")          # a folder that holds artimuse.json, or such a hub id

Everything that loads a model goes through here, so that an absent one gives one error that says what to
download and where to put it. What is returned is a folder: nothing after it asks the hub again.
"""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name

from artimuse.config import ConfigError
from artimuse.config.load import looks_local, suggest_path

MODEL_CONFIG = "config.json"
SMALL_FILES = ["*.json", "*.jinja", "*.txt", "*.model"]
"""Configuration, tokenizer, image processor and chat template."""
WEIGHT_FILES = ["*.safetensors"]


def base_folder(source: str | Path, *, weights: bool = True, setting: str = "model.base") -> Path:
    """The folder of a base model: itself, or the hub's cache, into which it is downloaded where it can be.

    Args:
        source: a folder or a hub id.
        weights: whether its weights are wanted too.
        setting: what names the model, for the error.

    Raises:
        ConfigError: for a model that is neither here nor to be had, or lacks some of its files.
    """
    folder = find_folder(source, SMALL_FILES + WEIGHT_FILES * weights, setting)
    lacking = _lacking(folder, weights=weights)
    if lacking is None:
        return folder
    if Path(source).is_dir():
        raise ConfigError(f"{folder}: {lacking}: copy it again, or name another folder")
    raise ConfigError(
        f"{setting}: {str(source)!r} is only in part in the hub's cache ({folder}): {lacking}: run "
        f"`hf download {source}` where there is a network"
    )


def model_folder(source: str | Path, *, setting: str = "--model") -> Path:
    """The folder of a model that was trained or imported here, named by folder or hub id.

    Whether it holds artimuse.json, `read_info` says.

    Raises:
        ConfigError: for a model that is neither here nor to be had.
    """
    return find_folder(source, SMALL_FILES + WEIGHT_FILES, setting)


def find_folder(source: str | Path, patterns: list[str], setting: str) -> Path:
    """A folder, or the hub's files of that name that match the patterns, downloaded where they can be.

    Raises:
        ConfigError: for what is neither here nor to be had.
    """
    name = str(source)
    if Path(name).is_dir():
        return Path(name)
    if looks_local(name):
        raise ConfigError(_no_folder(name, setting))
    try:
        # Nothing of a subfolder belongs to a transformers model (they hold other formats of it).
        return Path(snapshot_download(name, allow_patterns=patterns, ignore_patterns=["*/*"]))
    except HFValidationError:
        raise ConfigError(_no_folder(name, setting)) from None
    except (HfHubHTTPError, EntryNotFoundError, OSError) as error:
        raise ConfigError(_not_to_be_had(name, setting, error)) from error


def _no_folder(name: str, setting: str) -> str:
    near = suggest_path(Path(name), folders=True)
    return f"{setting}: no folder {name!r}{near}; expected a folder, or a hub id (owner/name)"


def _not_to_be_had(name: str, setting: str, error: Exception) -> str:
    """Why a name that may be a hub id, or a mistyped path, leads nowhere; and what to do."""
    near = suggest_path(Path(name), folders=True)
    folder = f"If a folder is meant: there is none of that name{near}."
    link = f"{constants.ENDPOINT}/{name}"
    if isinstance(error, GatedRepoError):
        return (
            f"{setting}: the hub keeps {name!r} behind terms of its own ({_first_line(error)}). Accept them "
            f"at {link}, then log in with `hf auth login`. {folder}"
        )
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"{setting}: {name!r} is neither a folder here nor a model on the hub ({_first_line(error)}). "
            f"If a hub id is meant: look it up at {constants.ENDPOINT}/models, and for a private model log "
            f"in with `hf auth login`. {folder}"
        )
    if isinstance(error, IncompleteSnapshotError):
        found = f"is only in part in the hub's cache ({constants.HF_HUB_CACHE})"
    else:
        found = f"is neither a folder here nor in the hub's cache ({constants.HF_HUB_CACHE})"
    place = f"models/{name.partition('/')[2]}"
    cache = repo_folder_name(repo_id=name, repo_type="model")
    return (
        f"{setting}: {name!r} {found}, and the hub cannot be reached: {_unreachable(error)}. If a hub id is "
        f"meant: where there is a network, run `hf download {name}` and copy {cache} from the cache there "
        f"into the cache here; or run `hf download {name} --local-dir {place}`, copy that folder here, and "
        f"name it: {_named(setting, place)}. {folder}"
    )


def _named(setting: str, place: str) -> str:
    if setting.startswith("--"):
        return f"{setting} {place}"
    if setting.startswith("artimuse."):
        return f"{setting}({place!r})"
    # A word of the command line has no name to be given.
    return f"{setting}={place}" if "." in setting else place


def _unreachable(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, LocalEntryNotFoundError) else error
    if isinstance(cause, OfflineModeIsEnabled) or cause is None:
        return "HF_HUB_OFFLINE is set"
    return f"{type(cause).__name__}: {_first_line(cause)}"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__


def _lacking(folder: Path, *, weights: bool) -> str | None:
    """What a folder should hold and does not; None where it is complete."""
    if not (folder / MODEL_CONFIG).is_file() and not (folder / "artimuse.json").is_file():
        return (
            f"expected {MODEL_CONFIG} in it, as transformers writes it (or artimuse.json, as training "
            "does), found neither"
        )
    if not weights:
        return None
    found = {path.name for path in folder.glob("*.safetensors")} - {"readout.safetensors"}
    if not found:
        others = sorted(p.name for p in folder.iterdir() if p.suffix in (".bin", ".pt", ".pth"))
        held = f"{', '.join(others[:3])}, which are pickles" if others else "none"
        return f"expected weights as *.safetensors, found {held}"
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        missing = sorted(shards - found)
        if missing:
            here = len(shards) - len(missing)
            return (
                f"expected {len(shards)} shards of weights, found {here}; {missing[0]} is missing"
            )
    return None
