"""Uploads on their way in: as many at a time, as many bytes and files as may come, and nothing but files.

    receiving = Receiving(uploads)
    receive = receiving.admit(headers, receive, ends)      # Refusal, or what Gradio reads the upload from

Gradio holds the limit of one file. It writes files as they come, but keeps whatever part of an upload has no
file name in memory, however long it is; and a part more than it wants costs it an open file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.formparsers import MultiPartException

from artimuse.inference.page.judge import MOST_IMAGES
from artimuse.inference.page.uploads import Uploads

MOST_MB = 32
"""Of one file."""
MOST_FILES = 2 * MOST_IMAGES
"""Of one upload: more than a series may have, so that the page says how many that is."""
MOST_UPLOADS = 16
"""At a time; with all their files open, they stay below the 1024 that a process may usually have."""
STALLED_S = 60.0
"""Without a byte, after which an upload is ended: it holds one of the places."""


class Refusal(Exception):
    """What is not let through; status: of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Receiving:
    """Args: uploads: whether there is room. most: uploads at a time. stalled_s: longest wait for bytes."""

    def __init__(
        self, uploads: Uploads, *, most: int = MOST_UPLOADS, stalled_s: float = STALLED_S
    ) -> None:
        self.uploads, self.most, self.stalled_s = uploads, most, stalled_s
        self._to_come: dict[_Upload, int] = {}

    @property
    def to_come(self) -> int:
        """Bytes of all uploads that were let in and are not here yet."""
        return sum(self._to_come.values())

    def admit(self, headers: Mapping[bytes, bytes], receive: Any, ends: ExitStack) -> Any:
        """An ASGI `receive` that ends an upload which brings more than it may.

        Args:
            headers: by their names in small letters, each there once.
            ends: entered by whoever serves the upload, left when it is over.

        Raises:
            Refusal: before a byte is read.
        """
        length = headers.get(b"content-length", b"")
        # Where both are there, the server goes by the chunks, and the length says nothing.
        if (
            b"transfer-encoding" in headers
            or not length.isdigit()
            or int(length) > MOST_IMAGES * MOST_MB * 2**20
        ):
            raise Refusal(
                413, f"expected at most {MOST_IMAGES} files of {MOST_MB} MB, with their length"
            )
        if len(self._to_come) >= self.most:
            raise Refusal(
                503,
                f"{self.most} uploads are under way, as many as may be: try again in a minute",
            )
        if not self.uploads.room(int(length) + self.to_come):
            raise Refusal(
                413, "there is no room for more files at the moment: try again in a minute"
            )
        upload = _Upload(self, headers.get(b"content-type", b""), receive)
        self._to_come[upload] = int(length)
        ends.callback(self._to_come.pop, upload)
        return upload.receive

    def came(self, upload: _Upload, count: int) -> None:
        """Count bytes of an upload, which are on the disk from now on."""
        self._to_come[upload] -= count
        if self._to_come[upload] < 0:
            raise MultiPartException("expected as many bytes as were announced, found more")


class _Upload:
    """One upload. Its errors are those that Gradio's parser answers with 400, and cleans up after."""

    def __init__(self, receiving: Receiving, kind: bytes, receive: Any) -> None:
        self._receiving, self._receive = receiving, receive
        boundary = parse_options_header(kind)[1].get(b"boundary")
        # Gradio refuses an upload without one before it reads it.
        self._parts = None if boundary is None else MultipartParser(boundary, _Parts().callbacks())
        self._more = True

    async def receive(self) -> Any:
        """The next ASGI event."""
        if not self._more:
            return await self._receive()
        limit = self._receiving.stalled_s
        try:
            event = await asyncio.wait_for(self._receive(), limit)
        except TimeoutError:
            raise MultiPartException(f"nothing came for {limit:g} s: send it again") from None
        if event["type"] != "http.request":  # not for Gradio, which would leave the files there
            raise MultiPartException("the upload broke off")
        body = event.get("body", b"")
        self._receiving.came(self, len(body))
        if self._parts is not None:
            self._parts.write(body)
        self._more = event.get("more_body", False)
        return event


class _Parts:
    """What the parts of an upload are, read by the parser that Gradio reads them with."""

    def __init__(self) -> None:
        self._count = 0
        self._name, self._value, self._disposition = b"", b"", b""

    def callbacks(self) -> Any:
        """For python_multipart, which bounds the headers of a part itself."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._header,
            "on_header_end": self._end,
            "on_headers_finished": self._check,
        }

    def _begin(self) -> None:
        self._disposition = b""

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name, self._value = b"", b""

    def _check(self) -> None:
        told = parse_options_header(self._disposition)[1]
        if b"filename" not in told or told.get(b"name") != b"files":
            raise MultiPartException(
                "expected files alone, each a part `files` with a file name, found another part"
            )
        self._count += 1
        if self._count > MOST_FILES:
            raise MultiPartException(f"expected at most {MOST_FILES} files, found more")
