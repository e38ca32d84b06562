"""A hub of our own on this machine, for tests of pushing a model folder and of loading it by its id."""

from __future__ import annotations

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPO = "me/photo-judge"
COMMIT = "1" * 40
TOKEN = "Bearer hf_made"


def oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


class FakeHub:
    """Speaks as much of the hub's protocol as one repository of small files needs: made, filled, read.

    Attributes:
        requests: method and path of each. tokens: what each was signed with. private: only its owner reads it.
        refuses: nothing may be written.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.tokens: list[str | None] = []
        self.created: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.private, self.refuses = True, False
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.note()
                path = self.path.partition("?")[0]
                if hub.private and self.headers["Authorization"] != TOKEN:
                    self.answer({"error": "Repository not found"}, 401, "RepoNotFound")
                elif f"/{REPO}/resolve/" in path:
                    self.file(path.partition(f"/resolve/{COMMIT}/")[2])
                elif path.startswith(f"/api/models/{REPO}/tree/"):
                    self.answer(hub.tree())
                else:
                    self.answer({"id": REPO, "private": hub.private, "siblings": [], "sha": COMMIT})

            do_HEAD = do_GET

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.note()
                assert self.headers["Authorization"] == TOKEN
                if hub.refuses:
                    self.answer({"error": "this token may not write"}, status=403)
                    return
                self.answer(hub.post(self.path, body))

            def note(self) -> None:
                hub.requests.append(f"{self.command} {self.path}")
                hub.tokens.append(self.headers["Authorization"])

            def file(self, name: str) -> None:
                self.send(hub.files[name], {"ETag": f'"{oid(hub.files[name])}"'})

            def answer(self, content: Any, status: int = 200, code: str = "") -> None:
                headers = {"Content-Type": "application/json", "X-Error-Code": code}
                self.send(json.dumps(content).encode(), headers, status)

            def send(self, content: bytes, headers: dict[str, str], status: int = 200) -> None:
                self.send_response(status)
                sizes = {"Content-Length": str(len(content)), "X-Repo-Commit": COMMIT}
                for name, value in (headers | sizes).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def tree(self) -> list[dict[str, Any]]:
        return [
            {"type": "file", "path": name, "size": len(content), "oid": oid(content)}
            for name, content in self.files.items()
        ]

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
            "commitOid": COMMIT,
            "success": True,
        }
