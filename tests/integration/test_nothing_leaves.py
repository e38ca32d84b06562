"""Nothing leaves the machine but what --push-to-hub sends, and that is asked for before training."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from artimuse.inference import hub
from integration.calls import Called, SmallRun

REPO = "me/photo-judge"
opened: list[tuple[str, Any]] = []
"""Of every socket to another machine, and every name that was looked up, while `watch` is on."""
watch = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    # The name of this machine is no way out of it; event files are called by it.
    if not watch or not event.startswith("socket.") or event == "socket.gethostname":
        return
    if event == "socket.__new__" and arguments[1] not in (socket.AF_INET, socket.AF_INET6):
        return  # between processes of this machine
    opened.append((event, arguments))


sys.addaudithook(_audit)  # stays for the process, and is silent without `watch`


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    # Without this, nothing would be tried at all.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere/token")
    opened.clear()
    monkeypatch.setattr(sys.modules[__name__], "watch", True)
    return opened


def test_a_run_opens_no_socket(
    small_run: SmallRun,
    tmp_path: Path,
    script: Callable[..., Called],
    sockets: list[tuple[str, Any]],
) -> None:
    called = script(
        "train", *small_run.arguments, f"run.folder={tmp_path}", "train.steps=1",
        "run.trackers=[tensorboard]", "evaluation.baselines=[]", "evaluation.critique=false",
    )  # fmt: skip
    assert called.status == 0, called.err
    assert list((tmp_path / "small" / "tensorboard").iterdir())
    assert sockets == []
    socket.socket(socket.AF_INET).close()
    assert sockets, "the watch sees none"


def test_without_a_token_nothing_begins(
    small_run: SmallRun,
    tmp_path: Path,
    script: Callable[..., Called],
    sockets: list[tuple[str, Any]],
) -> None:
    called = script("train", *small_run.arguments, f"run.folder={tmp_path}", "--push-to-hub", REPO)
    assert called.status == 2
    assert called.err.count("\n") == 1
    assert "no token is there" in called.err
    assert list(tmp_path.iterdir()) == []
    exported = script(
        "export", "--model", small_run.folder / "model", tmp_path / "new", "--push-to-hub", REPO
    )
    assert exported.status == 2
    assert "no token is there" in exported.err
    assert list(tmp_path.iterdir()) == []
    assert sockets == []


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, str]]:
    """What would be pushed."""
    found: list[tuple[Path, str]] = []
    monkeypatch.setattr(hub, "require_token", lambda repo: None)
    monkeypatch.setattr(hub, "prepare_repo", lambda repo: f"https://hub/{repo} (private)")
    monkeypatch.setattr(hub, "push_folder", lambda *sent: found.append(sent) or "https://commit")
    return found


def test_a_finished_run_is_pushed_where_it_is_asked_for(
    small_run: SmallRun, script: Callable[..., Called], pushed: list[tuple[Path, str]]
) -> None:
    called = script("train", *small_run.arguments, "--resume", "--push-to-hub", REPO)
    assert called.status == 0, called.err
    assert f"https://hub/{REPO} (private)" in called.out
    assert pushed == [(small_run.folder / "model", REPO)]


def test_a_push_that_fails_is_no_success(
    small_run: SmallRun,
    script: Callable[..., Called],
    pushed: list[tuple[Path, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> str:
        raise OSError("nothing was pushed")

    monkeypatch.setattr(hub, "push_folder", refuse)
    called = script("train", *small_run.arguments, "--resume", "--push-to-hub", REPO)
    assert called.status == 1
    assert "error: nothing was pushed" in called.err


def test_an_exported_folder_has_a_card_and_is_pushed(
    small_run: SmallRun,
    tmp_path: Path,
    script: Callable[..., Called],
    pushed: list[tuple[Path, str]],
) -> None:
    new = tmp_path / "new"
    called = script("export", "--model", small_run.folder / "model", new, "--push-to-hub", REPO)
    assert called.status == 0, called.err
    assert pushed == [(new, REPO)]
    card = (new / "README.md").read_text(encoding="utf-8")
    assert "## Exported" in card
    assert "## Metrics" in card
