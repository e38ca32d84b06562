"""Images that a data set holds as bytes become files of the source's image folder, once.

    unpack(Path("data/aesbench/images"), "0001.jpg", data)      # -> data/aesbench/images/0001.jpg

A second run finds the file and leaves it alone, and a run that is killed leaves no half file.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from artimuse.data.formats.fields import BadRow, found
from artimuse.data.formats.folder import ImageFolder
from artimuse.records import DataError

# How the files of each format begin. WebP is told by its bytes 8 to 12, behind a length.
_BEGINNINGS = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"P6", ".ppm"),
)


def unpack(folder: Path, name: str, data: bytes) -> Path:
    """Write the bytes of an image to `folder/name`, unless they are there already; its path.

    Raises:
        BadRow: for no bytes, and for a name that leaves the folder or is no file name.
        DataError: where another file, or a file of other bytes, has that name, and where nothing can
            be written.
    """
    _, path = ImageFolder(folder).locate(name)
    if not data:
        raise BadRow(f"empty image: expected the bytes of {found(name)}, found none")
    try:
        if _holds(path, data):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, data)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadRow(f"image is not a file name: too long, {found(name)}") from None
        raise DataError(
            f"{path}: expected to unpack an image there, found: {error.strerror}; check the "
            "permissions of the folder and the space on its disk"
        ) from error
    return path


def suffix_of(data: bytes) -> str:
    """`.jpg` and the like, by how the bytes begin; BadRow where they are no image that is read."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    for beginning, suffix in _BEGINNINGS:
        if data.startswith(beginning):
            return suffix
    raise BadRow(
        "not an image: expected JPEG, PNG, WebP, GIF, BMP, TIFF or PPM, found bytes that begin "
        f"{found(data[:12])}"
    )


def _holds(path: Path, data: bytes) -> bool:
    """Whether the file is there already; DataError where something else is."""
    if not os.path.lexists(path):
        return False
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return True
    raise DataError(
        f"{path}: expected no file, or the image of that name, found another file; name an `images` "
        "folder that this data set has to itself, and give each of its images a name of its own"
    )


def _write(path: Path, data: bytes) -> None:
    # The process id: several processes may unpack the same data set at the same time.
    part = path.with_name(f".{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
