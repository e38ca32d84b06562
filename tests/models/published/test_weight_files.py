"""Reading and writing weights: tensors alone, from nowhere but the folder, a shard at a time."""

from __future__ import annotations

import json
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from layouts import internvl_checkpoint, internvl_tensors, write
from malicious import Evil
from safetensors.torch import load_file, save_file
from torch import Tensor

from artimuse.models.published import import_checkpoint
from artimuse.models.published import shards as shards_module
from artimuse.models.published import source as source_module
from artimuse.models.published.shards import ShardWriter
from artimuse.models.published.source import WeightFiles

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4, dtype=torch.bfloat16)}


@pytest.mark.parametrize("old", [False, True], ids=["zip", "torch before 1.6"])
def test_a_malicious_pickle_is_refused(old: bool, tmp_path: Path) -> None:
    internvl_checkpoint(tmp_path / "source")
    (tmp_path / "source" / "model.safetensors").unlink()
    bad = {"a": torch.ones(1), "b": Evil(tmp_path / "ran")}
    file = tmp_path / "source" / "pytorch_model.bin"
    torch.save(bad, file, _use_new_zipfile_serialization=not old)
    with pytest.raises(ValueError, match=r"pytorch_model\.bin: expected a pickle of tensors alone"):
        import_checkpoint(str(tmp_path / "source"), tmp_path / "model", format="artimuse")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"a": 1}, protocol=2), r"pytorch_model\.bin: "),
        (b"PK\x03\x04 cut off", r"pytorch_model\.bin: damaged"),
        (b"", r"pytorch_model\.bin: damaged"),
    ],
)
def test_what_is_no_pickle_of_tensors(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        WeightFiles(tmp_path)


def test_a_pickle_of_something_else(tmp_path: Path) -> None:
    torch.save({"step": 3}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="expected a dictionary of tensors by name"):
        WeightFiles(tmp_path)


def test_old_pickles_of_tensors_are_read(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    files = WeightFiles(tmp_path)
    assert all(torch.equal(files.tensor(name), tensor) for name, tensor in TENSORS.items())


def test_a_damaged_safetensors_file(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-3])
    with pytest.raises(ValueError, match=r"model\.safetensors: damaged"):
        WeightFiles(tmp_path)


def test_safetensors_are_preferred(tmp_path: Path) -> None:
    write(tmp_path, TENSORS, "bin")
    write(tmp_path, TENSORS, "safetensors shards")
    assert {file.suffix for file in WeightFiles(tmp_path).files} == {".safetensors"}


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected the weights of a checkpoint, one of model"):
        WeightFiles(tmp_path)


def indexed(folder: Path, file: str, name: str = "a") -> None:
    folder.mkdir(exist_ok=True)
    index = {"weight_map": {name: file}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("name", ["../outside.safetensors", "{}/outside.safetensors", "sub/x.bin"])
def test_an_index_that_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "outside.safetensors")
    indexed(tmp_path / "source", name.format(tmp_path))
    with pytest.raises(ValueError, match="expected a file in this folder itself, and no link out"):
        WeightFiles(tmp_path / "source")


@pytest.mark.parametrize("with_index", [False, True])
def test_a_link_out_of_the_folder(with_index: bool, tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "outside.safetensors")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "model.safetensors").symlink_to(tmp_path / "outside.safetensors")
    if with_index:
        indexed(tmp_path / "source", "model.safetensors")
    with pytest.raises(ValueError, match="no link out of it"):
        WeightFiles(tmp_path / "source")


def test_links_into_the_store_of_a_hub_download(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    save_file(TENSORS, tmp_path / "blobs" / "1234")
    (tmp_path / "snapshots" / "main").mkdir(parents=True)
    link = tmp_path / "snapshots" / "main" / "model.safetensors"
    link.symlink_to("../../blobs/1234")
    assert WeightFiles(link.parent).names == ["a", "b"]


@pytest.mark.parametrize(
    ("file", "name", "message"),
    [
        ("gone.safetensors", "a", r"gone\.safetensors: expected a file of weights, found none"),
        ("model.safetensors", "c", "says that it holds 'c', and it does not"),
        ("notes.txt", "a", r"notes\.txt: expected a \.safetensors or \.bin file"),
    ],
)
def test_an_index_that_is_wrong(file: str, name: str, message: str, tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors")
    (tmp_path / "notes.txt").write_text("notes")
    indexed(tmp_path, file, name)
    with pytest.raises(ValueError, match=message):
        WeightFiles(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"weight_map": {"a": 3}}', "not json"])
def test_an_index_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(ValueError, match=r"model\.safetensors\.index\.json: (expected|damaged)"):
        WeightFiles(tmp_path)


# Writing


def test_shards_hold_what_was_added(tmp_path: Path) -> None:
    tensors = {f"t{n}": torch.full((10,), float(n)) for n in range(7)} | TENSORS
    writer = ShardWriter(tmp_path, shard_bytes=100)
    for name, tensor in tensors.items():
        writer.add(name, tensor)
    files = writer.close()
    assert [file.name for file in files] == [
        f"model-0000{n}-of-00004.safetensors" for n in (1, 2, 3, 4)
    ]
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in tensors.values())
    for name, file in index["weight_map"].items():
        assert torch.equal(load_file(tmp_path / file)[name], tensors[name])
    assert all(file.stat().st_size < 100 + 500 for file in files)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*(file.name for file in files), "model.safetensors.index.json"]
    )


def test_a_broken_write_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def corrupt(state: dict[str, Tensor], *args: Any, **options: Any) -> None:
        save_file({name: tensor + 1 for name, tensor in state.items()}, *args, **options)

    internvl_checkpoint(tmp_path / "source")
    monkeypatch.setattr(shards_module, "save_file", corrupt)
    with pytest.raises(RuntimeError, match=r"read back, .* is not what was written"):
        import_checkpoint(str(tmp_path / "source"), tmp_path / "model", format="artimuse")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def watched(
    method: Callable[..., Tensor], alive: dict[int, int], peaks: list[int]
) -> Callable[..., Tensor]:
    """Keeps account of the bytes of all tensors that came out of a method and still live."""

    def call(*args: Any, **options: Any) -> Tensor:
        tensor = method(*args, **options)
        number = len(peaks)
        alive[number] = tensor.nbytes
        weakref.finalize(tensor, alive.pop, number)
        peaks.append(sum(alive.values()))
        return tensor

    return call


@pytest.mark.parametrize("how", ["safetensors", "bin shards"])
def test_memory_stays_near_one_shard(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensors that are read and copies that wait to be written, at any moment: a shard and a few tensors.

    Tensors of a `.bin` file are mapped, not read, and one such file is open at a time.
    """
    tensors = internvl_tensors(internvl_checkpoint(tmp_path / "source", how=how, layers=8))
    alive: dict[int, int] = {}
    peaks: list[int] = []
    monkeypatch.setattr(Tensor, "clone", watched(Tensor.clone, alive, peaks))
    if how == "safetensors":
        monkeypatch.setattr(WeightFiles, "tensor", watched(WeightFiles.tensor, alive, peaks))
    shard = 20_000
    import_checkpoint(
        str(tmp_path / "source"), tmp_path / "model", format="artimuse", shard_bytes=shard
    )
    total, largest = (
        sum(t.nbytes for t in tensors.values()),
        max(t.nbytes for t in tensors.values()),
    )
    assert len(peaks) >= len(tensors)
    assert max(peaks) <= shard + 2 * largest
    # The bound means something: the whole is far more.
    assert shard + 2 * largest < total / 2


@pytest.mark.parametrize("how", ["safetensors", "bin"])
def test_a_mapped_file_is_let_go(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read of a mapped file counts as memory: the file is opened again after a while, not kept."""
    opened: list[str] = []

    def noted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            opened.append(how)
            return method(*args, **options)

        return call

    write(tmp_path, {f"t{n}": torch.ones(100) for n in range(10)}, how)
    monkeypatch.setattr(source_module, "REMAP_BYTES", 1500)
    monkeypatch.setattr(source_module, "safe_open", noted(source_module.safe_open))
    monkeypatch.setattr(source_module, "load_pickle", noted(source_module.load_pickle))
    files = WeightFiles(tmp_path)
    assert all(torch.equal(files.tensor(name), torch.ones(100)) for name in files.names)
    # Once for the names; then for every tensor, or for every four of 400 bytes.
    assert len(opened) == {"safetensors": 1 + 10, "bin": 1 + 2}[how]
