"""A folder or a hub name -> a folder."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

_DATA = ["*.json", "*.txt", "*.model", "*.safetensors"]
_PICKLES = [*_DATA, "*.bin"]


def locate(source: str, *, what: str) -> Path:
    """The folder of that name, or else the hub's files of that name: data alone, never code.

    Pickles are only downloaded where the hub has no safetensors.

    Raises:
        ValueError: where there is neither, with what to download and where to put it.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    try:
        found = Path(snapshot_download(source, allow_patterns=_DATA))
        if not any(found.glob("*.safetensors")):
            found = Path(snapshot_download(source, allow_patterns=_PICKLES))
    except (HFValidationError, LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ValueError(
            f"{what} {source!r}: expected a folder, or the name of a model on the hub that can be reached or "
            f"was downloaded before ({type(error).__name__}). Without a network: download {source} elsewhere "
            f"(`hf download {source} --local-dir FOLDER`), copy the folder here, and give its path"
        ) from error
    return found
