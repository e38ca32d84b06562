"""Weight files, safetensors only: that they are there, whole, and hold what was meant."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file


def present(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise ValueError(f"{folder}: expected {name} in it, found none: copy the folder again")
    return folder / name


def require_whole(folder: Path) -> None:
    """Raise ValueError for a safetensors file of the folder that was cut off; weights are not read."""
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt"):
                pass
        except SafetensorError as error:
            raise ValueError(
                f"{file}: expected a whole safetensors file, found a damaged one ({error}): copy it again"
            ) from error


def incomplete(place: str | Path, missing: Sequence[str]) -> str:
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    return (
        f"{place}: expected every weight of the model, found none for {', '.join(missing[:3])}{more}: "
        "copy the folder again"
    )


def compare_written(folder: Path, expected: dict[str, torch.Tensor], pattern: str) -> None:
    """Raise RuntimeError unless the files hold these tensors, bit for bit."""
    written: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob(pattern)):
        written |= load_file(file)
    # Of tensors that share memory (tied weights) one name is written.
    shared = {tensor.data_ptr() for name, tensor in expected.items() if name in written}
    for name, tensor in expected.items():
        same = (
            torch.equal(written[name], tensor) if name in written else tensor.data_ptr() in shared
        )
        if not same:
            raise RuntimeError(
                f"{folder / pattern}: read back, {name!r} is not what was saved; the disk may be full"
            )


def weights_sha256(source: str | Path) -> str | None:
    """One hash over a folder's safetensors files, names included; None for a hub id.

    A hub id is pinned by the hub's own revision, so its files are not read for this.
    """
    files = sorted(Path(source).glob("*.safetensors"))
    if not files:
        return None
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        total.update(f"{file.name} {digest}\n".encode())
    return total.hexdigest()
