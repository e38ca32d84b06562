"""A folder or a hub name of a published checkpoint -> a folder."""

from __future__ import annotations

from pathlib import Path

from artimuse.models.base import SMALL_FILES, WEIGHT_FILES, find_folder

_DATA = SMALL_FILES + WEIGHT_FILES
_PICKLES = [*_DATA, "*.bin"]


def locate(source: str, *, what: str) -> Path:
    """The folder of that name, or else the hub's files of that name: data alone, never code.

    Pickles are only downloaded where the hub has no safetensors.

    Raises:
        ConfigError: where there is neither, with what to download and where to put it.
    """
    found = find_folder(source, _DATA, what)
    if Path(source).is_dir() or any(found.glob("*.safetensors")):
        return found
    return find_folder(source, _PICKLES, what)
