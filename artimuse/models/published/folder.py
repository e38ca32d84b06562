"""Import: a published checkpoint -> a model folder, complete or absent.

    import_checkpoint("ArtiMuse", Path("models/artimuse"), format="artimuse")

With `lora="keep"` the base goes into a folder of its own, DESTINATION/base, and DESTINATION is an adapter
folder.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor

from artimuse.models.published.checkpoint import Checkpoint
from artimuse.models.published.convert import Expected, Plan, check_tied, plan, write_weights
from artimuse.models.published.fgaesq import import_fgaesq
from artimuse.models.published.internvl import read_internvl
from artimuse.models.published.llava import read_llava
from artimuse.models.published.lora import AdapterWriter
from artimuse.models.published.place import locate
from artimuse.models.published.record import FORMATS, Record
from artimuse.models.published.shards import SHARD_BYTES, ShardWriter
from artimuse.models.published.source import sha256

REPORT_FILE = "import.json"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    source: str
    format: str
    lora: Literal["merge", "keep"]
    allow_unexpected: bool
    shard_bytes: int


def import_checkpoint(
    source: str,
    destination: Path,
    *,
    format: str,
    vision_tower: str | None = None,
    lora: Literal["merge", "keep"] = "merge",
    allow_unexpected: bool = False,
    shard_bytes: int = SHARD_BYTES,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Write a model folder, and return the report that it holds as import.json.

    Args:
        source: folder or hub name.
        destination: must not exist, or be an empty folder.
        format: one of FORMATS, or fgaesq (its `model.pt`, or the folder of it).
        vision_tower: folder or hub name of the CLIP tower (llava only).
        lora: what becomes of LoRA that the weights carry unmerged.
        allow_unexpected: go on where the weights hold tensors that the model has no place for.
        shard_bytes: size of an output shard; memory stays near it.
        say: is told of the progress, a line at a time.

    Raises:
        ValueError: for a checkpoint that cannot be converted in full, with what is wrong; nothing is left
            behind.
    """
    request = Request(source, format, lora, allow_unexpected, shard_bytes)
    destination = destination.resolve()
    if destination.is_file() or (destination.is_dir() and any(destination.iterdir())):
        raise ValueError(f"{destination}: expected a folder that is empty or not there yet")
    say(f"import: reading source={source} format={format}")
    if format == "fgaesq":
        return _import_fgaesq(source, destination, say)
    folder = locate(source, what="checkpoint")
    checkpoint = _read(folder, format, vision_tower)
    with _complete_or_absent(destination) as unfinished:
        report = _write(checkpoint, request, unfinished, destination, say)
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        (unfinished / REPORT_FILE).write_text(text, encoding="utf-8")
    say(f"import: done folder={destination}")
    return report


def _import_fgaesq(source: str, destination: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """A state dict without a configuration: small, so it is read whole and saved as a run saves its model."""
    with _complete_or_absent(destination) as unfinished:
        report = import_fgaesq(source, unfinished)
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        (unfinished / REPORT_FILE).write_text(text, encoding="utf-8")
    say(f"import: done folder={destination}")
    return report


def _read(folder: Path, format: str, vision_tower: str | None) -> Checkpoint:
    try:
        if FORMATS[format].family == "llava":
            return read_llava(folder, vision_tower)
        if vision_tower is not None:
            raise ValueError(
                f"--vision-tower: only for llava; a checkpoint of format {format} holds its tower"
            )
        return read_internvl(folder)
    except StrictDataclassError as error:  # a setting that is not of its type
        raise ValueError(f"{folder / 'config.json'}: {error}") from error


@contextmanager
def _complete_or_absent(destination: Path) -> Any:
    """A folder beside the destination that takes its name when all is written, and goes when it is not."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    unfinished = destination.parent / f".{destination.name}.unfinished-{os.getpid()}"
    unfinished.mkdir()
    try:
        yield unfinished
        if destination.is_dir():
            destination.rmdir()
        unfinished.rename(destination)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _write(
    checkpoint: Checkpoint,
    request: Request,
    folder: Path,
    destination: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Every file of the model folder but the report, which is returned."""
    expected = Expected(checkpoint.config)
    steps = plan(checkpoint.parts, expected)
    _check(steps, checkpoint, request)
    check_tied(checkpoint.parts, expected)
    pairs = sum(len(part.pairs) for part in checkpoint.parts)
    adapter = AdapterWriter(expected.linears) if pairs and request.lora == "keep" else None
    base = folder / "base" if adapter else folder
    base_name = str(destination / "base")
    base.mkdir(exist_ok=True)
    record = Record(FORMATS[request.format], checkpoint, expected.head)
    writer = ShardWriter(base, shard_bytes=request.shard_bytes)
    dtypes: dict[str, int] = {}

    def seen(name: str, tensor: Tensor) -> None:
        kind = str(tensor.dtype).removeprefix("torch.")
        dtypes[kind] = dtypes.get(kind, 0) + tensor.numel()
        record.see(name, tensor)

    tenth = max(1, len(steps.steps) // 10)

    def progress(done: int, total: int) -> None:
        if done % tenth == 0 or done == total:
            say(f"import: tensors={done}/{total}")

    with torch.no_grad():
        write_weights(
            steps.steps, expected, writer, rows=checkpoint.added_rows, adapter=adapter, seen=seen,
            progress=progress,
        )  # fmt: skip
    files = writer.close()
    _write_configuration(
        checkpoint, base, expected.architecture, max(dtypes, key=lambda k: dtypes[k])
    )
    if adapter is not None:
        adapter.write(folder, base=base_name)
        _write_processing(checkpoint, folder)
    record.write(folder, source=request.source, base=base if adapter else None, base_name=base_name)
    say(f"import: written files={len(files)} tensors={len(writer.names)}")
    return _report(checkpoint, request, steps, writer, adapter, dtypes)


def _write_configuration(
    checkpoint: Checkpoint, folder: Path, architecture: str, dtype: str
) -> None:
    """config.json, generation_config.json, tokenizer and image processor."""
    checkpoint.config.architectures = [architecture]
    checkpoint.config.dtype = dtype
    checkpoint.config.save_pretrained(folder)
    checkpoint.generation.save_pretrained(folder)
    _write_processing(checkpoint, folder)


def _write_processing(checkpoint: Checkpoint, folder: Path) -> None:
    checkpoint.tokenizer.save_pretrained(folder)
    checkpoint.image_processor.save_pretrained(folder)


def _check(steps: Plan, checkpoint: Checkpoint, request: Request) -> None:
    """Raise ValueError for what cannot be converted in full."""
    place = checkpoint.parts[0].files.folder
    if steps.missing:
        raise ValueError(
            f"{place}: expected every weight of the model, found none for {', '.join(steps.missing)} "
            f"({len(steps.missing)} in all): download the folder again"
        )
    if steps.unexpected and not request.allow_unexpected:
        raise ValueError(
            f"{place}: the model that config.json describes has no place for {', '.join(steps.unexpected)} "
            f"({len(steps.unexpected)} in all): expected none; --allow-unexpected leaves them out"
        )


def _report(
    checkpoint: Checkpoint,
    request: Request,
    steps: Plan,
    writer: ShardWriter,
    adapter: AdapterWriter | None,
    dtypes: dict[str, int],
) -> dict[str, Any]:
    pairs = [pair for part in checkpoint.parts for pair in part.pairs.values()]
    lora: dict[str, Any] | None = None
    if pairs:
        lora = {
            "done": "kept" if adapter else "merged",
            "pairs": len(pairs),
            "ranks": sorted({pair.rank for pair in pairs}),
        }
    return {
        "source": request.source,
        "format": request.format,
        "sha256": {
            str(part.files.folder): sha256([part.files.folder / "config.json", *part.files.files])
            for part in checkpoint.parts
        },
        "tensors_read": len(steps.steps) + 2 * len(pairs),
        "tensors_written": len(writer.names),
        "parameters_by_type": dtypes,
        "missing": list(steps.missing),
        "unexpected": list(steps.unexpected),
        "unused": list(steps.unused),
        "lora": lora,
        "rows_added": checkpoint.added_rows,
        **checkpoint.facts,
    }
