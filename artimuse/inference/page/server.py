"""Opens the page: on this machine alone unless told otherwise, and with nothing from anywhere else.

    with open_page(model, folder, port=7860) as page:
        print(page.url)
        page.wait()

What is sent lies in a folder of its own, which is removed at the end.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artimuse.inference.api import Model
from artimuse.inference.page.examples import draw_examples
from artimuse.inference.page.judge import MOST_IMAGES, Judge
from artimuse.inference.page.meaning import read_meaning
from artimuse.inference.page.turns import MOST_WAITING, Turns
from artimuse.inference.page.uploads import RECEIVED_S, Uploads

HOST, PORT = "127.0.0.1", 7860
MOST_MB = 32
"""Of one file."""
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
_SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


@dataclass(frozen=True, slots=True)
class Page:
    """An open page. folder: what is sent lies below it."""

    url: str
    folder: Path
    judge: Judge
    uploads: Uploads

    def wait(self) -> None:
        """Until the process is interrupted."""
        threading.Event().wait()


@contextmanager
def open_page(
    model: Model,
    folder: Path,
    *,
    host: str = HOST,
    port: int | None = PORT,
    most_waiting: int = MOST_WAITING,
    received_s: float = RECEIVED_S,
) -> Iterator[Page]:
    """Open the page of a model, and close it at the end.

    Args:
        folder: the model's; what its numbers mean is read from it.
        host: 127.0.0.1 is reached from this machine alone.
        port: None is any free one from 7860 on.

    Raises:
        OSError: for a port that is taken.
    """
    os.environ.update(_SILENT)  # before gradio is imported
    from starlette.middleware import Middleware

    from artimuse.inference.page.blocks import THEME, build_blocks
    from artimuse.inference.page.style import STYLE

    meaning = read_meaning(model.info, folder)
    with ExitStack() as ends:
        place = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="artimuse-page-")))
        uploads = Uploads(place, received_s=received_s)
        ends.callback(uploads.close)
        ends.enter_context(_environment("GRADIO_TEMP_DIR", str(uploads.received)))
        judge = Judge(model, Turns(most_waiting))
        ends.callback(judge.turns.close)
        examples = draw_examples(place / "examples")
        blocks = build_blocks(judge, uploads, meaning, examples, name=folder.resolve())
        ends.callback(blocks.close, verbose=False)
        try:
            _, url, _ = blocks.launch(
                server_name=host, server_port=port, share=False, inbrowser=False, quiet=True,
                prevent_thread_lock=True, max_file_size=f"{MOST_MB}mb", ssr_mode=False, pwa=False,
                mcp_server=False, num_workers=0, run_history=False, enable_monitoring=False,
                footer_links=["api"], theme=THEME, css=STYLE, allowed_paths=[], root_path="",
                state_session_capacity=100, max_threads=most_waiting + 20, inline=False, auth=None,
                app_kwargs={"middleware": [Middleware(Guard, uploads=uploads)]},
                # Without its look at the page, which gives up after 3 seconds and wants a share link.
                _frontend=False,
            )  # fmt: skip
        except OSError as error:
            raise OSError(
                f"{host}:{port or 'any port'}: cannot be opened: it is taken, or no address of this machine; "
                "choose another --port or --host"
            ) from error
        yield Page(url, place, judge, uploads)


class Guard:
    """Around the whole application (ASGI): headers that keep the page to itself, limits to what is sent at
    once, and no address in place of a file, which Gradio would fetch.

    Args:
        uploads: whether there is room.
    """

    def __init__(self, app: Any, uploads: Uploads) -> None:
        self.app, self.uploads = app, uploads

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def answer(event: dict[str, Any]) -> None:
            if event["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                event = event | {"headers": [*event["headers"], *own]}
            await send(event)

        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, answer)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if headers.get(b"content-type", b"").lstrip().lower().startswith(b"multipart/"):
            refused = self._refused_upload(headers.get(b"content-length", b""))
        else:
            body = await _whole(receive)
            refused = _refused_call(body)
            receive = _again(body, receive)
        if refused is None:
            await self.app(scope, receive, answer)
            return
        kind = (b"content-type", b"text/plain; charset=utf-8")
        await answer({"type": "http.response.start", "status": 413, "headers": [kind]})
        await send({"type": "http.response.body", "body": refused.encode()})

    def _refused_upload(self, length: bytes) -> str | None:
        """Why files are refused before they are read; the limit of one file is Gradio's to hold."""
        if not length.isdigit() or int(length) > MOST_IMAGES * MOST_MB * 2**20:
            return f"expected at most {MOST_IMAGES} files of {MOST_MB} MB, with their length"
        if not self.uploads.room(int(length)):
            return "there is no room for more files at the moment: try again in a minute"
        return None


def _refused_call(body: bytes | None) -> str | None:
    """Why a call is refused before Gradio reads it."""
    if body is None:
        return f"expected a call of at most {MOST_CALL:,} bytes"
    try:
        call = json.loads(body)
    except ValueError:
        return None  # Gradio says what is wrong with it
    if _names_an_address(call):
        return "expected a file that is sent, found an address: nothing is fetched from it"
    return None


def _names_an_address(call: Any) -> bool:
    """Whether a file (`{"path": ...}`) anywhere in a call is one that would be fetched."""
    if isinstance(call, dict):
        path = call.get("path")
        return (isinstance(path, str) and "://" in path) or any(
            map(_names_an_address, call.values())
        )
    return isinstance(call, list) and any(map(_names_an_address, call))


async def _whole(receive: Any) -> bytes | None:
    """The body of a call; None for one that is too long."""
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
        if len(body) > MOST_CALL:
            return None
    return body


def _again(body: bytes | None, receive: Any) -> Any:
    """A body that was read, to be read once more; then what else comes."""
    waiting = [{"type": "http.request", "body": body or b"", "more_body": False}]

    async def once_more() -> Any:
        return waiting.pop() if waiting else await receive()

    return once_more


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
