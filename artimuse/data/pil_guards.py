"""What a thread that reads an image asks of PIL, without a word to the threads that do not.

with STRICT, SILENT:
    image.load()
"""

from __future__ import annotations

import threading
import warnings

from PIL import ImageFile

_THREAD = threading.local()


class _Strict:
    """No filled-up truncation, whatever another library has set, while any thread is in here.

    PIL's setting is the process's, so the first thread in takes it and the last one out puts it back:
    each for itself, one would put it back while another decodes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = False

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = ImageFile.LOAD_TRUNCATED_IMAGES
            ImageFile.LOAD_TRUNCATED_IMAGES = False
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = self._before


class _ReadingThread(type):
    """Every category is a subclass of such a class in a thread that is reading, and in no other."""

    def __subclasscheck__(cls, subclass: type) -> bool:
        del subclass
        return getattr(_THREAD, "reading", 0) > 0


class _WhileReading(Warning, metaclass=_ReadingThread):
    """The category of the one filter of warnings that a read needs."""


class _Silent:
    """PIL's warnings are not given in a thread that is in here: they are about metadata (corrupt EXIF,
    odd TIFF tags), which says nothing of the pixels, or about sizes, which have a limit of our own.

    `warnings.catch_warnings` swaps the filters of all threads and puts back those of another moment:
    two threads in it leave each other's behind for good. So one filter is put in front, and stays: it
    matches nothing but what a reading thread warns of.
    """

    def __enter__(self) -> None:
        _THREAD.reading = getattr(_THREAD, "reading", 0) + 1
        # Every change of the filters makes Python forget which warnings it has shown already.
        if not warnings.filters or warnings.filters[0][2] is not _WhileReading:
            warnings.simplefilter("ignore", _WhileReading)

    def __exit__(self, *_: object) -> None:
        _THREAD.reading -= 1


STRICT, SILENT = _Strict(), _Silent()
