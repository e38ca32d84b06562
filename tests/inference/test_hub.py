"""--push-to-hub against a hub of our own on this machine: which files it sees, and what is said before."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from artimuse.config import ConfigError
from artimuse.inference.hub import prepare_repo, push_folder, require_token

REPO = "me/photo-judge"


class FakeHub:
    """Speaks as much of the hub's protocol as making a repository and one commit of small files need."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.created: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.private, self.refuses = True, False
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.requests.append(f"GET {self.path}")
                self.answer({"id": REPO, "private": hub.private, "siblings": [], "sha": "0" * 40})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hub.requests.append(f"POST {self.path}")
                assert self.headers["Authorization"] == "Bearer hf_made"
                if hub.refuses:
                    self.answer({"error": "this token may not write"}, status=403)
                    return
                self.answer(hub.post(self.path, body))

            def answer(self, content: dict[str, Any], status: int = 200) -> None:
                text = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def post(self, path: str, body: bytes) -> dict[str, Any]:
        if path == "/api/repos/create":
            self.created.append(json.loads(body))
            return {"url": f"{self.address}/{REPO}", "name": REPO}
        if path.startswith("/api/validate-yaml"):
            return {"errors": [], "warnings": []}
        if "/preupload/" in path:
            asked = json.loads(body)["files"]
            return {"files": [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in asked
            ]}  # fmt: skip
        assert "/commit/" in path, path
        for line in body.splitlines():
            operation = json.loads(line)
            if operation["key"] == "file":
                value = operation["value"]
                self.files[value["path"]] = base64.b64decode(value["content"])
        return {
            "commitUrl": f"{self.address}/{REPO}/commit/1",
            "commitOid": "1" * 40,
            "success": True,
        }


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_made")
    fake = FakeHub()
    thread = threading.Thread(target=fake.server.serve_forever)
    thread.start()
    yield fake
    fake.server.shutdown()
    thread.join()
    fake.server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder beside things that are nobody's business."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "run.json").write_text("{}")
    place = tmp_path / "model"
    (place / "base").mkdir(parents=True)
    (place / "README.md").write_text("---\nlicense: unknown\n---\n# made\n")
    (place / "artimuse.json").write_text('{"family": "internvl"}')
    (place / "base" / "config.json").write_text("{}\n")
    (place / "readout.safetensors").write_bytes(bytes(range(256)))
    return place


def test_the_hub_sees_the_folders_files_and_no_others(hub: FakeHub, folder: Path) -> None:
    said = prepare_repo(REPO, endpoint=hub.address)
    assert "(private)" in said
    (made,) = hub.created
    # Either word, by the version of huggingface_hub.
    assert made.get("private") is True or made.get("visibility") == "private"
    assert push_folder(folder, REPO, endpoint=hub.address).endswith("/commit/1")
    own = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip
    assert hub.files == own
    assert sum(re.search("/commit/", request) is not None for request in hub.requests) == 1


def test_where_this_machine_has_its_data_stays_on_it(hub: FakeHub, folder: Path) -> None:
    place = str(folder.parent / "data")
    for path in (folder, folder / "base"):
        (path / "training.json").write_text(json.dumps({"directory": place}))
    said = push_folder(folder, REPO, endpoint=hub.address)
    assert said.endswith("/commit/1 (without training.json, which names places on this machine)")
    assert "artimuse.json" in hub.files
    assert all(Path(name).name != "training.json" for name in hub.files)
    assert all(place.encode() not in content for content in hub.files.values())


def test_a_public_repository_that_was_there_is_said(hub: FakeHub) -> None:
    hub.private = False
    assert "PUBLIC" in prepare_repo(REPO, endpoint=hub.address)


def test_what_the_hub_refuses_is_said_before_training(hub: FakeHub) -> None:
    hub.refuses = True
    with pytest.raises(
        ConfigError, match=r"--push-to-hub me/photo-judge: the hub does not take it"
    ):
        prepare_repo(REPO, endpoint=hub.address)


def test_a_push_that_fails_says_where_the_model_is(hub: FakeHub, folder: Path) -> None:
    hub.refuses = True
    with pytest.raises(OSError, match=re.escape(f"the model is complete in {folder}")):
        push_folder(folder, REPO, endpoint=hub.address)


def test_a_link_is_not_followed_out_of_the_folder(hub: FakeHub, folder: Path) -> None:
    (folder / "private.txt").symlink_to(folder.parent / "run.json")
    with pytest.raises(ValueError, match=r"private\.txt: a link"):
        push_folder(folder, REPO, endpoint=hub.address)
    assert hub.requests == []


def test_without_a_token_there_is_one_error(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"no token is there; log in with `hf auth login`"):
        require_token(REPO)


def test_offline_mode_and_a_name_that_is_none_are_refused(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="expected OWNER/NAME"):
        require_token("a/b/c")
    with pytest.raises(ConfigError, match="expected OWNER/NAME"):
        require_token("bare-name")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set"):
        require_token(REPO)
