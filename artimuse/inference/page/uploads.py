"""Files that were sent: each is there for as long as it is used, under a name that nobody else has.

    uploads = Uploads(folder)
    mine = uploads.take(sent)           # another name of the same file, below folder/taken
    uploads.keep("somebody", [mine])    # for further questions, until somebody shows others, or leaves
    uploads.remove([mine])

Gradio names a file by its content: two people who send the same photograph share it, and neither can remove it
without taking it from the other. So whoever uses it takes a hard link of his own; what was received goes a
short while after it came, whether it was used or not.
"""

from __future__ import annotations

import itertools
import os
import shutil
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

RECEIVED_S = 600.0
"""Between the end of an upload and the call that uses it. A browser takes milliseconds; a program sends the
files of a series one by one, and calls when the last one is here."""
NO_ROOM_S = 60.0
"""The same, where there is no room otherwise."""
SENDING_S = 1800.0
"""For an upload that is not complete yet."""
KEPT_S = 3600.0
MOST_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True)
class _Kept:
    """number: that no other keeping has."""

    number: int
    since: float
    paths: tuple[Path, ...]


class Uploads:
    """Files in a folder that is nobody else's.

    Args:
        received_s: how long what was received stays.
        kept_s: how long what was kept does.
        most_bytes: of everything here; half of it may be kept.
    """

    def __init__(
        self,
        folder: Path,
        *,
        received_s: float = RECEIVED_S,
        kept_s: float = KEPT_S,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.received, self.taken = (folder / "received").resolve(), (folder / "taken").resolve()
        self.received.mkdir(parents=True)
        self.taken.mkdir()
        self.received_s, self.kept_s, self.most_bytes = received_s, kept_s, most_bytes
        self._kept: dict[str, _Kept] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_now_and_then, daemon=True)
        self._sweeper.start()

    def take(self, sent: str | Path) -> Path:
        """A name of one's own for a received file, with the same last part.

        Raises:
            FileNotFoundError: for one that is not there (any more).
            ValueError: for a path that leads elsewhere.
        """
        source = Path(sent).resolve()
        if not source.is_relative_to(self.received):
            raise ValueError("expected a file that was sent to this page")
        own = self.taken / uuid.uuid4().hex / source.name
        own.parent.mkdir()
        try:
            os.link(source, own)
        except BaseException:
            own.parent.rmdir()
            raise
        return own

    def remove(self, taken: Sequence[Path]) -> None:
        """Remove what was taken; files that are none of these (examples) are left alone."""
        for path in taken:
            if path.is_relative_to(self.taken):
                shutil.rmtree(path.parent, ignore_errors=True)

    def keep(self, owner: str, taken: Sequence[Path]) -> int:
        """Leave files for further questions, in place of those that the owner had.

        Where all owners' take too much room, those that were kept first are removed.

        Returns:
            The number of this keeping, for `number` and `forget`.
        """
        self.forget(owner)
        with self._lock:
            number = next(self._numbers)
            self._kept[owner] = _Kept(number, time.monotonic(), tuple(taken))
            owners = list(self._kept)
        for other in owners[:-1]:
            if _size(self.taken) <= self.most_bytes // 2:
                break
            self.forget(other)
        return number

    def kept(self, owner: str) -> tuple[Path, ...]:
        """What the owner has, () where it was removed."""
        with self._lock:
            found = self._kept.get(owner)
        return () if found is None else found.paths

    def number(self, owner: str) -> int | None:
        """Which keeping of the owner's is there, None where it was removed."""
        with self._lock:
            found = self._kept.get(owner)
        return None if found is None else found.number

    def reorder(self, owner: str, taken: Sequence[Path]) -> None:
        """The same files of an owner, in another order."""
        with self._lock:
            found = self._kept.get(owner)
            if found is not None and sorted(found.paths) == sorted(taken):
                self._kept[owner] = replace(found, paths=tuple(taken))

    def forget(self, owner: str, number: int | None = None) -> None:
        """Remove what the owner has; with a number, only what was kept under it."""
        with self._lock:
            found = self._kept.get(owner)
            if found is None or number not in (None, found.number):
                return
            del self._kept[owner]
        self.remove(found.paths)

    def room(self, length: int) -> bool:
        """Whether so many bytes more may be received; files that nobody has called for make room for them."""
        for received_s in (self.received_s, min(self.received_s, NO_ROOM_S)):
            self.sweep(received_s)
            if _size(self.received) + _size(self.taken) + length <= self.most_bytes:
                return True
        return False

    def sweep(self, received_s: float | None = None) -> None:
        """Remove what was received or kept for too long; received_s: for a shorter time than usual."""
        received_s = self.received_s if received_s is None else received_s
        now = time.monotonic()
        with self._lock:
            old = [name for name, one in self._kept.items() if now - one.since > self.kept_s]
        for owner in old:
            self.forget(owner)
        for path in self.received.rglob("*"):
            # Directly in the folder lie files that are being sent; one that is complete has a folder.
            try:
                # (Gradio leaves an empty file behind there for every one that it hands over.)
                sending = path.parent == self.received and path.is_file() and path.stat().st_size
                limit = SENDING_S if sending else received_s
                # The time of the last change: a complete file is moved into its place.
                if time.time() - path.stat().st_ctime <= limit:
                    continue
                path.rmdir() if path.is_dir() else path.unlink()
            except OSError:
                continue  # gone already, or a folder with something in it

    def close(self) -> None:
        """Sweep no more; whose folder it is removes it."""
        self._closed.set()
        self._sweeper.join()

    def _sweep_now_and_then(self) -> None:
        while not self._closed.wait(min(10.0, max(0.1, self.received_s))):
            self.sweep()


def _size(folder: Path) -> int:
    """Bytes of all files below; a file may go while they are counted."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
