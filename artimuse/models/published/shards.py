"""Safetensors written as they come: memory stays near one shard, whatever the model's size."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

SHARD_BYTES = 2 * 1024**3


class ShardWriter:
    """Collects tensors up to `shard_bytes`, writes them, and reads them back.

    Args:
        folder: where `model.safetensors`, or numbered shards with their index, go.
        shard_bytes: size of a shard; a larger tensor makes one of its own.
    """

    def __init__(self, folder: Path, *, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder, self.shard_bytes = folder, shard_bytes
        self.names: set[str] = set()
        self._pending: dict[str, Tensor] = {}
        self._pending_bytes = self._total_bytes = 0
        self._shards: list[list[str]] = []

    def add(self, name: str, tensor: Tensor) -> None:
        """Take one tensor; what was collected before is written first where both are too much."""
        if self._pending and self._pending_bytes + tensor.nbytes > self.shard_bytes:
            self._flush()
        # A copy of its own: the source may be a view into a mapped file.
        self._pending[name] = tensor.detach().clone(memory_format=torch.contiguous_format)
        self._pending_bytes += tensor.nbytes
        self._total_bytes += tensor.nbytes
        self.names.add(name)

    def close(self) -> list[Path]:
        """Write what is left, give the shards their final names, and write the index of several."""
        if self._pending:
            self._flush()
        count = len(self._shards)
        files = [self.folder / _shard_name(number, count) for number in range(count)]
        for number, file in enumerate(files):
            self._part(number).rename(file)
        if count > 1:
            places = {
                n: f.name for f, names in zip(files, self._shards, strict=True) for n in names
            }
            index = {"metadata": {"total_size": self._total_bytes}, "weight_map": places}
            text = json.dumps(index, indent=2, sort_keys=True) + "\n"
            (self.folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")
        return files

    def _flush(self) -> None:
        file = self._part(len(self._shards))
        save_file(self._pending, file, metadata={"format": "pt"})
        with safe_open(file, framework="pt", device="cpu") as written:
            for name, tensor in self._pending.items():
                if not _same(written.get_tensor(name), tensor):
                    raise RuntimeError(
                        f"{file}: read back, {name!r} is not what was written; the disk may be full"
                    )
        self._shards.append(list(self._pending))
        self._pending, self._pending_bytes = {}, 0

    def _part(self, number: int) -> Path:
        return self.folder / f"part-{number:05}.safetensors"


def _shard_name(number: int, count: int) -> str:
    return "model.safetensors" if count == 1 else f"model-{number + 1:05}-of-{count:05}.safetensors"


def _same(one: Tensor, other: Tensor) -> bool:
    """Equal to the bit, broken numbers (NaN) included."""
    same = one.shape == other.shape and one.dtype == other.dtype
    return same and torch.equal(
        one.contiguous().view(-1).view(torch.uint8), other.view(-1).view(torch.uint8)
    )
