"""The image folder of a source: names in annotations -> paths that stay inside it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from artimuse.data.formats.fields import BadRow, found, well_formed


class ImageFolder:
    """Finds images by the names that annotations give them.

    Each distinct name is looked at once, with one `lstat` (its folder is resolved once), so that a
    list of 400,000 records costs as many look-ups as it has images. Whether the file exists is not
    asked: that is the decode check's part.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = os.path.realpath(folder)
        self._parents: dict[str, str] = {}
        self._known: dict[str, tuple[str, Path]] = {}

    def locate(self, name: object) -> tuple[str, Path]:
        """The normalised relative name (`a/./b.jpg` is `a/b.jpg`) and the path of an image.

        Raises:
            BadRow: for what is no name, and for a path that leaves the folder: absolute, with `..`,
                or through a symbolic link.
        """
        if isinstance(name, str) and name in self._known:
            return self._known[name]
        relative = relative_name(name)
        if not self._inside(relative):
            raise BadRow(
                f"image outside the image folder: {found(name)} is a link out of {self.folder}"
            )
        place = relative.as_posix(), self.folder / relative
        assert isinstance(name, str)
        self._known[name] = place
        return place

    def _inside(self, relative: PurePosixPath) -> bool:
        """Whether the path stays under the folder when symbolic links are followed."""
        key = str(relative.parent)
        if key not in self._parents:
            self._parents[key] = os.path.realpath(os.path.join(self._root, key))
        parent = self._parents[key]
        if os.path.commonpath((parent, self._root)) != self._root:
            return False
        path = os.path.join(parent, relative.name)
        if not os.path.islink(path):
            return True
        return os.path.commonpath((os.path.realpath(path), self._root)) == self._root


def relative_name(name: object) -> PurePosixPath:
    """A name as a relative path, judged by its letters alone; BadRow as `ImageFolder.locate`."""
    if not isinstance(name, str):
        raise BadRow(f"wrong type of 'image': expected a file name, found {found(name)}")
    if "\0" in name or not well_formed(name):
        raise BadRow(f"image is not a file name: found {found(name)}")
    path, windows = PurePosixPath(name), PureWindowsPath(name)
    if path.is_absolute() or windows.drive or windows.root:
        raise BadRow(
            f"image outside the image folder: expected a relative path, found {found(name)}"
        )
    # The Windows reading also splits at backslashes, so `..\x.jpg` is caught wherever the list was
    # made.
    if ".." in windows.parts:
        raise BadRow(f"image outside the image folder: found '..' in {found(name)}")
    if not path.name:
        raise BadRow(f"image is not a file name: found {found(name)}")
    return path
