"""Opens the page: on this machine alone unless told otherwise, and with nothing from anywhere else.

    with open_page(model, folder, port=7860) as page:
        print(page.url)
        page.wait()

What is sent lies in a folder of its own, which is removed at the end.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from artimuse.inference.api import Model
from artimuse.inference.page.examples import draw_examples
from artimuse.inference.page.judge import Judge
from artimuse.inference.page.meaning import read_meaning
from artimuse.inference.page.turns import MOST_WAITING, Turns
from artimuse.inference.page.uploads import RECEIVED_S, Uploads

HOST, PORT = "127.0.0.1", 7860
_SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_NO_PORT = "Cannot find empty port"
"""How Gradio says that it could not listen; any other OSError is another matter."""


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
    meaning = read_meaning(model.info, folder)
    with ExitStack() as ends:
        place = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="artimuse-page-")))
        uploads = Uploads(place, received_s=received_s)
        ends.callback(uploads.close)
        ends.enter_context(_environment("GRADIO_TEMP_DIR", str(uploads.received)))
        # Some of Gradio's modules read that when they are imported.
        from starlette.middleware import Middleware

        from artimuse.inference.page.blocks import THEME, build_blocks
        from artimuse.inference.page.guard import Guard, local_hosts
        from artimuse.inference.page.receiving import MOST_MB
        from artimuse.inference.page.style import STYLE

        guard = Middleware(Guard, uploads=uploads, hosts=local_hosts(host))
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
                app_kwargs={"middleware": [guard]},
                # Without its look at the page, which gives up after 3 seconds and wants a share link.
                _frontend=False,
            )  # fmt: skip
        except OSError as error:
            if _NO_PORT not in str(error):
                raise
            raise OSError(
                f"{host}:{port or 'any port'}: cannot be opened: it is taken, or no address of this machine; "
                "choose another --port or --host"
            ) from error
        yield Page(url, place, judge, uploads)


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
