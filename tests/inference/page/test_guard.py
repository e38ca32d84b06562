"""The guard without a server: what comes in is counted, and two readers of a request read the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from artimuse.inference.page.uploads import Uploads

pytest.importorskip("gradio", reason="needs the extra `demo`")
from artimuse.inference.page.guard import Guard, local_hosts

FORM = (b"Content-Type", b"multipart/form-data; boundary=x")
PART = b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
Headers = Sequence[tuple[bytes, bytes]]


@pytest.fixture
def uploads(tmp_path: Path) -> Iterator[Uploads]:
    made = Uploads(tmp_path / "page")
    yield made
    made.close()


class Reader:
    """An application that reads what comes, as Gradio's does; `during` is called before it ends."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self.during: Callable[[], Any] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            event = await receive()
            self.read.append(event.get("body", b""))
            more = event.get("more_body", False)
        if self.during is not None:
            await self.during()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"read"})


async def request(
    guard: Guard, headers: Headers, events: Sequence[Any], path: str = "/gradio_api/upload"
) -> tuple[int, str]:
    """Status and text; after the last event, nothing comes any more."""
    waiting, answers = list(events), []

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(event: Any) -> None:
        answers.append(event)

    scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}
    await guard(scope, receive, send)
    return answers[0]["status"], answers[1]["body"].decode()


def body(content: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


def length(count: int) -> tuple[bytes, bytes]:
    return (b"Content-Length", str(count).encode())


@pytest.mark.parametrize(
    "headers",
    [
        [FORM, length(9), (b"content-type", b"application/json")],
        [FORM, length(9), length(9)],
        [(b"Host", b"localhost"), (b"host", b"evil.example"), FORM, length(9)],
    ],
)
def test_a_header_that_is_there_twice_is_refused(uploads: Uploads, headers: Headers) -> None:
    for path in ("/gradio_api/upload", "/gradio_api/call/score"):
        status, text = asyncio.run(request(Guard(Reader(), uploads), headers, [body(b"")], path))
        assert status == 400
        assert text.startswith("expected one header ")


def test_a_length_beside_chunks_is_none(uploads: Uploads) -> None:
    headers = [FORM, length(9), (b"Transfer-Encoding", b"chunked")]
    status, text = asyncio.run(request(Guard(Reader(), uploads), headers, []))
    assert status == 413
    assert "with their length" in text


@pytest.mark.parametrize(
    ("announced", "events", "said"),
    [
        (200, [body(PART + b"1" * 200)], "as many bytes as were announced"),
        (200, [body(PART, more=True), {"type": "http.disconnect"}], "the upload broke off"),
        (200, [body(PART, more=True)], "nothing came for 0.01 s"),
        (200, [body(PART.replace(b"filename", b"other"))], "expected files alone"),
    ],
)
def test_what_is_wrong_with_an_upload_is_raised_as_gradio_s_parser_would(
    uploads: Uploads, announced: int, events: Sequence[Any], said: str
) -> None:
    """Gradio answers it with 400, and removes what it has written."""
    from starlette.formparsers import MultiPartException

    guard = Guard(Reader(), uploads, stalled_s=0.01)
    with pytest.raises(MultiPartException) as error:
        asyncio.run(request(guard, [FORM, length(announced)], events))
    assert said in error.value.message
    assert guard.receiving.to_come == 0


def test_uploads_under_way_count(uploads: Uploads) -> None:
    uploads.most_bytes = 1000
    reader = Reader()
    guard = Guard(reader, uploads, most=2)
    seen: list[Any] = []

    async def another() -> None:
        reader.during = None
        seen.append(guard.receiving.to_come)
        seen.append(await request(guard, [FORM, length(901)], [body(PART)]))
        guard.receiving.most = 1
        seen.append(await request(guard, [FORM, length(1)], [body(PART)]))

    reader.during = another
    first = request(guard, [FORM, length(len(PART) + 100)], [body(PART)])
    assert asyncio.run(first) == (200, "read")
    (to_come, full, many) = seen
    assert to_come == 100
    assert full[0] == 413
    assert "there is no room" in full[1]
    assert many[0] == 503
    assert "1 uploads are under way" in many[1]
    assert guard.receiving.to_come == 0
    assert reader.read == [PART]


def test_only_a_page_of_this_machine_asks_for_its_name() -> None:
    assert local_hosts("127.0.0.1") == {"localhost", "127.0.0.1", "::1"}
    assert local_hosts("127.0.0.2") == {"localhost", "127.0.0.1", "::1", "127.0.0.2"}
    assert local_hosts("::1") == local_hosts("localhost") == local_hosts("127.0.0.1")
    assert local_hosts("0.0.0.0") is local_hosts("gpu.example") is local_hosts("10.0.0.1") is None
