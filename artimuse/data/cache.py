"""A source is parsed once: what its loader gave is kept, and opened again in a moment.

    source = cached_source(config, root, cache_folder())

The key is a hash of the source's configuration, of the contents of its annotation files, and of the loaders'
code, so a changed file or a new version of a loader is parsed anew, and nothing stale is ever served. What is
not looked at again is the image folder: a link that is put there later is found by whoever reads it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from artimuse.config import SourceConfig, root_paths
from artimuse.data import formats
from artimuse.data.formats import load_source
from artimuse.data.store import open_source, write_source
from artimuse.records import DataError, Source

# What a recipe may change about a source without its records being others.
_NOT_RECORDS = {"weight", "questions_per_image", "licence"}
# The loader looks at what lies in the image folder, or unpacks into it: the names there are its input too.
_LISTS_IMAGES = ("series_folder", "fgaesthetics", "votes", "aesbench", "hf_dataset")
_LARGE = 1 << 30
"""Bytes of a file from which on its size and time stand for its contents."""


def cache_folder(chosen: str | None = None) -> Path:
    """Where parsed sources are kept: `chosen`, or below the user's cache folder."""
    if chosen is not None:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "artimuse" / "sources"


def cached_source(config: SourceConfig, root: Path, cache: Path) -> Source:
    """A source with its samples on disk: from the cache, or parsed and then kept there.

    Raises:
        DataError: as `load_source` does, and where the cache cannot be written.
    """
    folder = cache / _key(config, root)
    try:
        return open_source(folder)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder}: expected a parsed source as it was kept there, found: {error}; delete this "
            "folder, and it is made anew"
        ) from error
    source = load_source(config, root)
    try:
        write_source(folder, source)
    except OSError as error:
        raise DataError(
            f"{cache}: expected a folder that parsed annotations can be kept in, found: "
            f"{error.strerror}; name another one as data.cache"
        ) from error
    return open_source(folder)


def _key(config: SourceConfig, root: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(_code().encode())
    digest.update(config.model_dump_json(exclude=_NOT_RECORDS).encode())
    digest.update(os.path.realpath(root).encode())
    for _, relative in root_paths(config):
        if relative != config.images:
            for state in _states(root / relative):
                digest.update(state)
    if config.format in _LISTS_IMAGES:
        for path in sorted((root / config.images).rglob("*")):
            digest.update(os.fsencode(path))
    return digest.hexdigest()


def _states(path: Path) -> Iterator[bytes]:
    """What a file, or every file below a folder, holds; nothing for what is not there."""
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in files:
        yield os.fsencode(file)
        try:
            status = file.stat()
            if status.st_size >= _LARGE:
                yield f"{status.st_size} {status.st_mtime_ns}".encode()
                continue
            with file.open("rb") as opened:
                yield hashlib.file_digest(opened, "blake2b").digest()
        except OSError:
            # The loader says what is wrong with it.
            yield b"unreadable"


@lru_cache(maxsize=1)
def _code() -> str:
    """A hash of the modules that decide what a record is."""
    digest = hashlib.blake2b(digest_size=16)
    here = Path(formats.__file__).parent
    package = here.parents[1]
    others = (
        "data/store.py",
        "data/bradley_terry.py",
        "config/sources.py",
        "prompts.py",
        "records.py",
    )
    deciding = [*here.glob("*.py"), *(package / name for name in others)]
    for path in sorted(deciding):
        digest.update(path.read_bytes())
    return digest.hexdigest()
