"""The weights of a published checkpoint: tensors by name, read one at a time.

Safetensors or `.bin` shards, with or without an index. A `.bin` file is a pickle: it is read with
`weights_only=True`, which builds tensors and runs nothing. No other code of a checkpoint is run either.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

SAFETENSORS_INDEX, BIN_INDEX = "model.safetensors.index.json", "pytorch_model.bin.index.json"
LAYOUTS = (SAFETENSORS_INDEX, "model.safetensors", BIN_INDEX, "pytorch_model.bin")
"""What a folder's weights may be in, in the order in which they are looked for."""
REMAP_BYTES = 1024**3


class WeightFiles:
    """The tensors of a folder, lazily: of safetensors what is asked for, of `.bin` files one file at a time.

    Args:
        folder: holds one of LAYOUTS.

    Raises:
        ValueError: for a folder without weights, a damaged file, a file that an index names outside of the
            folder, or a pickle that holds anything but tensors.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files, self._index = _weight_files(folder)
        self._open: tuple[Path, Mapping[str, Tensor]] | None = None
        self._touched_bytes = 0
        self._places: dict[str, Path] = {}
        for file in self.files:
            self._places |= dict.fromkeys(self._names_in(file), file)
        self._check_index()

    @property
    def names(self) -> list[str]:
        """Every tensor, in the order of the files."""
        return list(self._places)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def tensor(self, name: str) -> Tensor:
        """One tensor on the CPU, in the type that it is stored in."""
        file = self._places[name]
        if file.suffix == ".bin":
            tensor = self._pickle(file)[name]
            self._touched_bytes += tensor.nbytes
            return tensor
        with _safetensors(file) as handle:
            return handle.get_tensor(name)

    def _names_in(self, file: Path) -> list[str]:
        if file.suffix == ".bin":
            return list(self._pickle(file))
        with _safetensors(file) as handle:
            return list(handle.keys())

    def _pickle(self, file: Path) -> Mapping[str, Tensor]:
        """The file's tensors. It is mapped anew now and then, or all of it would stay in memory in the end."""
        if self._open is None or self._open[0] != file or self._touched_bytes > REMAP_BYTES:
            self._open = None  # the last one goes before the next one comes
            self._open, self._touched_bytes = (file, load_pickle(file)), 0
        return self._open[1]

    def _check_index(self) -> None:
        for name, file in self._index.items():
            if self._places.get(name) != file:
                raise ValueError(
                    f"{file}: the index of {self.folder} says that it holds {name!r}, and it does not: "
                    "download the folder again"
                )


@contextmanager
def _safetensors(file: Path) -> Iterator[Any]:
    """Opened for one use: what was read of a mapped file counts as memory until it is closed."""
    try:
        with safe_open(file, framework="pt", device="cpu") as handle:
            yield handle
    except (SafetensorError, OSError) as error:
        raise _damaged(file, error) from error


def load_pickle(file: Path) -> Mapping[str, Tensor]:
    """A `.bin` or `.pt` file of tensors by name, mapped into memory where its format allows it.

    Raises:
        ValueError: for a damaged file, or a pickle that holds anything but tensors.
    """
    try:
        try:
            loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:  # torch's format before 1.6 cannot be mapped
            if "mmap can only be used" not in str(error):
                raise
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{file}: expected a pickle of tensors alone, found {_first_line(error)}: it is not loaded, as "
            "such a file can run any program; ask its authors for safetensors"
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise _damaged(file, error) from error
    if not isinstance(loaded, dict) or not all(isinstance(t, Tensor) for t in loaded.values()):
        raise ValueError(f"{file}: expected a dictionary of tensors by name, found something else")
    return loaded


def _weight_files(folder: Path) -> tuple[list[Path], dict[str, Path]]:
    """The files in their order, and what an index says is where."""
    layout = next((name for name in LAYOUTS if (folder / name).is_file()), None)
    if layout is None:
        raise ValueError(
            f"{folder}: expected the weights of a checkpoint, one of {', '.join(LAYOUTS)}, found none"
        )
    if not layout.endswith(".index.json"):
        return [_inside(folder, layout)], {}
    index = read_json(folder / layout)
    placed = index.get("weight_map")
    if not isinstance(placed, dict) or not all(isinstance(file, str) for file in placed.values()):
        raise ValueError(f"{folder / layout}: expected `weight_map`, file names by tensor")
    where = {name: _inside(folder, file) for name, file in placed.items()}
    return list(dict.fromkeys(where.values())), where


def _inside(folder: Path, name: str) -> Path:
    """A weight file of the folder; ValueError for one that is elsewhere, also behind a link."""
    path = folder / name
    if Path(name).name != name or not path.resolve().is_relative_to(_root(folder)):
        raise ValueError(
            f"{folder}: its weights are said to be in {name!r}: expected a file in this folder itself, and "
            "no link out of it"
        )
    if path.suffix not in (".safetensors", ".bin"):
        raise ValueError(f"{path}: expected a .safetensors or .bin file")
    if not path.is_file():
        raise ValueError(
            f"{path}: expected a file of weights, found none: download the folder again"
        )
    return path


def _root(folder: Path) -> Path:
    """Where links may lead: the folder, or the store of a hub download (snapshots/X beside blobs)."""
    folder = folder.resolve()
    store = folder.parent.parent
    return store if folder.parent.name == "snapshots" and (store / "blobs").is_dir() else folder


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; ValueError with the file's name for anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"{path}: expected this file, found none") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise _damaged(path, error) from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a JSON object, found {type(found).__name__}")
    return found


def sha256(files: list[Path]) -> dict[str, str]:
    """Hash by file name."""
    found: dict[str, str] = {}
    for file in files:
        with file.open("rb") as handle:
            found[file.name] = hashlib.file_digest(handle, "sha256").hexdigest()
    return found


def _damaged(file: Path, error: Exception) -> ValueError:
    return ValueError(f"{file}: damaged ({_first_line(error)}): download it again")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
