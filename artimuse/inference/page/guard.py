"""What stands around Gradio's application: nothing is fetched for anybody, and no more comes in than may.

    Middleware(Guard, uploads=uploads, hosts=local_hosts("127.0.0.1"))

Gradio serves more than this page uses: it fetches addresses that stand in place of files, in calls and in
paths, and takes forms in places where nobody looks after them. So a POST goes to what a page or a client of it
needs and nowhere else, and no path leads to another machine.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any
from urllib.parse import unquote, urlsplit

from artimuse.inference.page.receiving import Receiving, Refusal
from artimuse.inference.page.uploads import Uploads

MOST_CALL = 2**20
"""Bytes of a call, in which files stand by name."""
HEADERS = {
    # Gradio's own scripts and styles stand in the page and build functions; nothing is fetched elsewhere.
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; object-src 'none'; frame-ancestors 'self'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
UPLOAD = "/gradio_api/upload"
_CALLS = re.compile(
    r"/gradio_api/(queue/join|cancel|reset|(call(/v2)?|run|api)/[^/]+)"  # by the page, and by clients
)
_ONCE = (b"content-type", b"content-length", b"transfer-encoding", b"host")
"""Of these headers, a second one is a way to tell two readers two things."""
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def local_hosts(host: str) -> frozenset[str] | None:
    """The names under which a page is asked for that listens on `host`; None for any.

    A page that this machine alone reaches has none but local names. Under any other, a browser here has been
    sent to it by somebody else's page, whose name was made to lead here (DNS rebinding).
    """
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return None
    return _LOCAL | {host} if local else None


class Guard:
    """Around the whole application (ASGI): headers that keep the page to itself, limits to what is sent at
    once, and no address in place of a file, which Gradio would fetch.

    Args:
        uploads: whether there is room.
        hosts: names that the page may be asked for under; None for any.
    """

    def __init__(
        self, app: Any, uploads: Uploads, hosts: frozenset[str] | None = None, **limits: Any
    ) -> None:
        self.app, self.hosts = app, hosts
        self.receiving = Receiving(uploads, **limits)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def answer(event: dict[str, Any]) -> None:
            if event["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                event = event | {"headers": [*event["headers"], *own]}
            await send(event)

        if scope["type"] != "http":
            await self.app(scope, receive, answer)
            return
        with ExitStack() as ends:
            try:
                receive = await self._checked(scope, receive, ends)
            except Refusal as refusal:
                kind = (b"content-type", b"text/plain; charset=utf-8")
                start = {"type": "http.response.start", "status": refusal.status, "headers": [kind]}
                await answer(start)
                await answer({"type": "http.response.body", "body": str(refusal).encode()})
                return
            await self.app(scope, receive, answer)

    async def _checked(self, scope: Any, receive: Any, ends: ExitStack) -> Any:
        """What the application receives from.

        Raises:
            Refusal: for what is not let through.
        """
        headers = _headers(scope["headers"])
        self._check_host(headers.get(b"host", b""))
        if _leads_elsewhere(scope["path"]):
            raise Refusal(403, "expected a file of this page, found an address: nothing is fetched")
        if scope["method"] != "POST":
            return receive
        path = scope["path"].rstrip("/")
        if path == UPLOAD:
            return self.receiving.admit(headers, receive, ends)
        if not _CALLS.fullmatch(path):
            raise Refusal(404, "expected a call that this page has, found another")
        if headers.get(b"content-type", b"").lstrip().lower().startswith(b"multipart/"):
            raise Refusal(415, f"expected a call as JSON, found a form: files go to {UPLOAD}")
        body = await _whole(receive)
        _check_call(body)
        return _again(body, receive)

    def _check_host(self, host: bytes) -> None:
        if self.hosts is None:
            return
        try:
            name = urlsplit("//" + host.decode("latin-1")).hostname
        except ValueError:  # half a pair of brackets
            name = None
        if name not in self.hosts:
            raise Refusal(
                403,
                "this page is for its own machine: expected a Host of localhost or 127.0.0.1, found another; a "
                "server that stands before it has to send one of these",
            )


def _headers(found: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in found:
        if (known := name.lower()) in headers and known in _ONCE:
            raise Refusal(400, f"expected one header {known.decode()}, found several")
        headers[known] = value
    return headers


def _leads_elsewhere(path: str) -> bool:
    """Whether Gradio would fetch what a path names: `file=https://...`, or anything by `proxy=`."""
    decoded = unquote(path)
    return any("/proxy=" in one or "://" in one for one in (path, decoded))


def _check_call(body: bytes) -> None:
    """Refuse what Gradio would fetch."""
    try:
        call = json.loads(body)
    except ValueError:
        return  # Gradio says what is wrong with it
    if _names_an_address(call):
        raise Refusal(
            403, "expected a file that is sent, found an address: nothing is fetched from it"
        )


def _names_an_address(call: Any) -> bool:
    """Whether a file (`{"path": ...}`) anywhere in a call is one that would be fetched."""
    if isinstance(call, dict):
        path = call.get("path")
        return (isinstance(path, str) and "://" in path) or any(
            map(_names_an_address, call.values())
        )
    return isinstance(call, list) and any(map(_names_an_address, call))


async def _whole(receive: Any) -> bytes:
    """The body of a call."""
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
        if len(body) > MOST_CALL:
            raise Refusal(413, f"expected a call of at most {MOST_CALL:,} bytes")
    return body


def _again(body: bytes, receive: Any) -> Any:
    """A body that was read, to be read once more; then what else comes."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def once_more() -> Any:
        return waiting.pop() if waiting else await receive()

    return once_more
