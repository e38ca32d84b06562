"""The pictures a report shows: found, made small, and counted where they cannot be shown.

pictures = Pictures(root, thumbnail)
pictures("AIGC/0_263.jpg")      # data URI, or None; pictures.absent says which were not found
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath


class Pictures:
    """Looks up the images of prediction rows.

    root: the image folder, or None where nobody said. thumbnail: image file -> data URI, or None where it
    cannot be read.
    """

    def __init__(self, root: Path | None, thumbnail: Callable[[Path], str | None]) -> None:
        self.root = root
        self._thumbnail = thumbnail
        self._known: dict[str, str | None] = {}
        self.unnamed = 0
        """How often a row was shown that does not name its image file."""

    def __call__(self, image: str | None) -> str | None:
        """The small picture; None for a row without an image, and for one that cannot be shown."""
        if image is None:
            self.unnamed += 1
            return None
        if image not in self._known:
            path = self._path(image)
            self._known[image] = self._thumbnail(path) if path is not None else None
        return self._known[image]

    @property
    def asked(self) -> int:
        """Different images that the report wanted to show."""
        return len(self._known)

    @property
    def absent(self) -> list[str]:
        """Those of them that cannot be shown, as the rows name them."""
        return [image for image, found in self._known.items() if found is None]

    def _path(self, image: str) -> Path | None:
        """None for a path that leads out of the image folder, or one without a folder.

        Also for an absolute one: rows may come from anywhere, and a report would show any picture of the disk.
        """
        if "\0" in image or self.root is None or ".." in PurePath(image).parts:
            return None
        path = self.root / image
        inside = path.is_relative_to(self.root) or path.is_relative_to(self.root.resolve())
        return path if inside else None
