"""scripts/demo.py: wrong calls are told at once, and a page that is ended leaves nothing."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from integration.calls import ROOT, call_script

from artimuse.models.folder import save_model
from conftest import build_tiny


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    called = call_script("demo", "--model", tmp_path / "none")
    assert called.status == 2
    assert called.err.startswith("error: ")
    assert str(tmp_path / "none") in called.err


def test_without_gradio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "gradio" else found(name, *rest),
    )
    called = call_script("demo", "--model", "M")
    assert called.status == 2
    assert called.err == 'error: the page needs Gradio: pip install "artimuse[demo]"\n'


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_opens_says_where_and_leaves_nothing(
    texts: list[str], tmp_path: Path, end: signal.Signals
) -> None:
    pytest.importorskip("gradio", reason="needs the extra `demo`")
    save_model(build_tiny(texts), tmp_path / "model")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments: list[Any] = [
        sys.executable,
        ROOT / "scripts" / "demo.py",
        "--model",
        tmp_path / "model",
    ]
    process = subprocess.Popen(
        [*map(str, arguments), "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"TMPDIR": str(temporary), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        # Libraries may say something of their own before it.
        line = next((one for one in process.stdout if one.startswith("page=")), "it has ended")
        assert line.startswith(f"page=http://127.0.0.1:{port}/ model=")
        assert list(temporary.glob("artimuse-page-*"))
        time.sleep(0.2)  # until it waits
        process.send_signal(end)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.stdout.close()
        process.wait()
    assert not list(temporary.glob("artimuse-page-*"))
