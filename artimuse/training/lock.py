"""One run in a folder at a time: a lock that its process takes with it, however it ends.

    with locked(config.run_folder):
        ...

A record lock (fcntl) on `.NAME.lock` beside the run folder. The system frees it when its process is gone,
kill -9 included, and loader workers do not inherit it. It holds between machines where the file system they
share has locks, as NFS has; where it has none, a line says so.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artimuse.config import ConfigError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder.

    Raises:
        ConfigError: when another process holds it, with its number and machine.
    """
    path = folder.parent / f".{folder.name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _take(path, folder)
    try:
        yield
    finally:
        # Removed before it is released: whoever waits finds that the file is gone, and makes another.
        path.unlink(missing_ok=True)
        os.close(handle)


def _take(path: Path, folder: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            holder = os.read(handle, 4096).decode("utf-8", "replace").strip()
            os.close(handle)
            raise ConfigError(
                f"{folder}: another run is at work in it ({holder or 'it has just begun'}); wait for it or "
                "end it, or choose another folder with run.name=NAME"
            ) from error
        except OSError as error:
            print(
                f"{path}: this file system has no locks ({error}): see yourself that no other run "
                "is at work in the folder"
            )
            return handle
        if _is_still(path, handle):
            break
        os.close(handle)
    os.ftruncate(handle, 0)
    holder = {
        "process": os.getpid(),
        "machine": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    os.write(handle, json.dumps(holder).encode())
    return handle


def _is_still(path: Path, handle: int) -> bool:
    """Whether the path is the file that was locked, and not one that its holder has removed."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False
