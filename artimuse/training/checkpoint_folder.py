"""The folders of checkpoints: whole or absent, whatever ends the process in between.

    with written_whole(folder_of(checkpoints, 200)) as temporary:
        ...                                     write files into it
    newest = newest_checkpoint(checkpoints, say=print)
    verify(newest)

A folder is written under another name. Its files are synced, `complete.json` names them with their sizes and
hashes, is synced too, and the folder is renamed. It is removed by renaming it first. So a folder that is
named as a checkpoint and holds `complete.json` was whole once; anything else is skipped, with a message.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from artimuse.training.faults import CheckpointError, RunError

COMPLETE_FILE = "complete.json"
WRITING, REMOVING = ".writing-", ".removing-"


def folder_of(checkpoints: Path, step: int) -> Path:
    return checkpoints / f"step-{step:06d}"


def list_checkpoints(checkpoints: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    return [path for path in _named(checkpoints) if (path / COMPLETE_FILE).is_file()]


def newest_checkpoint(checkpoints: Path, say: Callable[[str], None]) -> Path | None:
    """The newest complete checkpoint; what was begun and never finished is named, and removed.

    A folder that is named as a checkpoint and was never marked complete is named too, and left alone.
    """
    for left in sorted(checkpoints.glob(f"{WRITING}*")):
        say(f"skipped    {left}: the run was stopped while it wrote this checkpoint")
        shutil.rmtree(left)
    for left in sorted(checkpoints.glob(f"{REMOVING}*")):
        shutil.rmtree(left)
    complete = list_checkpoints(checkpoints)
    for path in _named(checkpoints):
        if path not in complete:
            say(f"skipped    {path}: not complete, it has no {COMPLETE_FILE}")
    return complete[-1] if complete else None


@contextmanager
def written_whole(final: Path) -> Iterator[Path]:
    """A temporary folder that becomes `final` when the block ends, and is removed when it fails.

    Raises:
        RunError: when it cannot be written (a full disk); what was there before stays.
    """
    temporary = final.with_name(f"{WRITING}{final.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        _mark_complete(temporary)
        if final.exists():
            remove(final)
        temporary.rename(final)
        sync(final.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        *_, last = [None, *list_checkpoints(final.parent)]
        raise RunError(
            f"{final}: this checkpoint could not be written: {error}. "
            + (f"The last complete one is {last}" if last else "There is none before it")
            + "; free space, and go on with --resume"
        ) from error


def remove(path: Path) -> None:
    """Remove a checkpoint: from its first moment on it is none."""
    doomed = path.with_name(f"{REMOVING}{path.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    path.rename(doomed)
    shutil.rmtree(doomed)


def verify(path: Path) -> None:
    """Raise CheckpointError unless a complete checkpoint holds what was written."""
    advice = "remove this folder to resume from an older one"
    try:
        files: dict[str, dict[str, Any]] = json.loads(
            (path / COMPLETE_FILE).read_text(encoding="utf-8")
        )["files"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: {COMPLETE_FILE} is damaged ({error}); {advice}") from error
    for name, written in files.items():
        file = path / name
        if Path(name).name != name:
            raise CheckpointError(f"{path}: {COMPLETE_FILE} names {name!r}, which is no file of it")
        if not file.is_file():
            raise CheckpointError(f"{path}: {name} is missing; {advice}")
        found = facts(file)
        if found != written:
            raise CheckpointError(
                f"{path}: {name} is not what was written: expected {written['bytes']} bytes with sha256 "
                f"{written['sha256'][:12]}, found {found['bytes']} with {found['sha256'][:12]}; {advice}"
            )


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _mark_complete(folder: Path) -> None:
    files = {file.name: facts(file) for file in sorted(folder.iterdir())}
    for name in files:
        sync(folder / name)
    mark = folder / COMPLETE_FILE
    mark.write_text(json.dumps({"files": files}, indent=2) + "\n", encoding="utf-8")
    sync(mark)
    sync(folder)


def facts(file: Path) -> dict[str, Any]:
    """What `complete.json` says of a file."""
    with file.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return {"bytes": file.stat().st_size, "sha256": digest}


def _named(checkpoints: Path) -> list[Path]:
    found = [p for p in checkpoints.glob("step-*") if re.fullmatch(r"step-\d{6,}", p.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))
