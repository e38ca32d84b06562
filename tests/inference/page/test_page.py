"""The page's server and its HTTP API: the same numbers as everywhere, ten at once, and nothing left over."""

from __future__ import annotations

import http.client
import json
import re
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from inference.mixed_images import write_mixed
from inference.page.leftovers import collect_leftovers
from integration.calls import call_script
from PIL import Image

import artimuse
import artimuse.inference.page
from artimuse.inference.page.judge import MOST_IMAGES
from artimuse.inference.page.server import Page, open_page
from artimuse.models.folder import save_model
from conftest import build_tiny

pytest.importorskip("gradio", reason="needs the extra `demo`")
from artimuse.inference.page.guard import HEADERS
from artimuse.inference.page.receiving import MOST_FILES, MOST_MB

gradio_client = pytest.importorskip("gradio_client", reason="needs the extra `demo`")
pytestmark = pytest.mark.filterwarnings("ignore")
"""Gradio's own warnings, and those of what it stands on, are not this project's."""

connections: list[tuple[str, Any]] = []
"""Of every address that this process connected to while `watch` is on."""
watch = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if watch and event == "socket.connect" and isinstance(arguments[1], tuple):
        connections.append((event, arguments[1][0]))


sys.addaudithook(_audit)  # stays for the process, and is silent without `watch`


@pytest.fixture(scope="module", autouse=True)
def _nothing_left_over() -> Iterator[None]:
    yield
    collect_leftovers()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    path = tmp_path_factory.mktemp("models") / "model"
    save_model(build_tiny(texts), path)
    return path


@pytest.fixture(scope="module")
def model(folder: Path) -> artimuse.Model:
    return artimuse.load(folder, device="cpu", batch_images=1)


@pytest.fixture(scope="module")
def page(model: artimuse.Model, folder: Path) -> Iterator[Page]:
    with open_page(model, folder, port=None) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(page: Page) -> Any:
    return gradio_client.Client(page.url, verbose=False)


@pytest.fixture
def ask(client: Any) -> Callable[..., Any]:
    """ask("/score", path): a call by program."""

    def call(name: str, *arguments: Any) -> Any:
        return client.predict(*map(sent, arguments), api_name=name)

    return call


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_mixed(tmp_path / "photos")


def sent(argument: Any) -> Any:
    if isinstance(argument, list):
        return [sent(one) for one in argument]
    return gradio_client.handle_file(argument) if isinstance(argument, Path) else argument


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


NAMES = ("alpha.png", "cmyk.jpg", "deep.png", "grey.jpg", "turned.jpg", "odd name, ü.png")


def test_scores_are_the_same_everywhere(
    ask: Callable[..., Any], model: artimuse.Model, folder: Path, photos: Path, tmp_path: Path
) -> None:
    """Page and API take the same way (`Judge`); scripts/score.py and Python go there themselves."""
    for name in NAMES:
        path, output = photos / name, tmp_path / f"{name}.jsonl"
        called = call_script(
            "score", "--model", folder, path, "--output", output, "--device", "cpu"
        )
        assert called.status == 0, called.err
        row = json.loads(output.read_text(encoding="utf-8"))
        found, score = ask("/score", path), model.score(path)
        assert found["score"] == score.value == row["score"]
        assert found["spread"] == score.spread == row["spread"]
        assert found["scores"] == score.scores == row["scores"]
        assert found["spreads"] == score.spreads == row["spreads"]


def test_the_page_shows_the_score_of_the_interface(
    page: Page, model: artimuse.Model, photos: Path
) -> None:
    found = [
        one for one in page.judge.look(photos / "turned.jpg") if isinstance(one, artimuse.Score)
    ]
    assert found == [model.score(photos / "turned.jpg")]


def test_a_series_is_ranked_as_by_the_interface(
    ask: Callable[..., Any], model: artimuse.Model, photos: Path
) -> None:
    paths = [photos / name for name in NAMES]
    found, expected = ask("/rank", paths), model.rank(paths)
    assert found["images"][:5] == list(NAMES[:5])
    assert found["order"] == list(expected.order)
    assert found["ahead"] == list(expected.ahead)
    assert found["scores"] == [score.value for score in expected.scores]
    assert found["scored"] == expected.scored == "single"
    alone = [ask("/score", paths[number])["score"] for number in found["order"][:2]]
    assert found["scores"][:2] == alone


def test_texts_are_those_of_the_interface(
    ask: Callable[..., Any], model: artimuse.Model, page: Page, photos: Path
) -> None:
    path = photos / "cmyk.jpg"
    page.judge.max_new_tokens = 5
    try:
        question = "Is the light soft?"
        assert ask("/ask", path, question) == model.ask(path, question, max_new_tokens=5)
        described = model.describe(path, max_new_tokens=5)
        assert ask("/describe", path) == described
        *_, last = page.judge.look(path)
        assert {name: one.text for name, one in last.by_name.items()} == described  # type: ignore[union-attr]
    finally:
        page.judge.max_new_tokens = 128


def test_ten_at_once_are_all_answered(
    client: Any, model: artimuse.Model, page: Page, photos: Path
) -> None:
    """Half of them send the same photograph, which Gradio then keeps once for all."""
    paths = [photos / "grey.jpg"] * 5 + [photos / name for name in NAMES[:5]]
    jobs = [client.submit(sent(path), api_name="/score") for path in paths]
    found = [job.result(timeout=120) for job in jobs]
    assert [one["image"] for one in found] == [path.name for path in paths]
    assert [one["score"] for one in found] == [model.score(path).value for path in paths]
    assert page.judge.turns.waiting == 0


def test_more_than_may_wait_are_told(client: Any, page: Page, photos: Path) -> None:
    turns, begun, go = page.judge.turns, threading.Event(), threading.Event()
    before, turns.most_waiting = turns.most_waiting, 0

    def hold() -> bool:
        begun.set()
        return go.wait(60)

    try:
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(turns.run, hold)
            assert begun.wait(60)
            with pytest.raises(Exception, match="the model is busy, and 0 wait for it already"):
                client.predict(sent(photos / "grey.jpg"), api_name="/score")
            go.set()
            assert held.result()
    finally:
        go.set()
        turns.most_waiting = before
    assert client.predict(sent(photos / "grey.jpg"), api_name="/score")["score"] > 0


def test_nothing_that_was_sent_is_left(ask: Callable[..., Any], page: Page, photos: Path) -> None:
    ask("/score", photos / "grey.jpg")
    ask("/rank", [photos / name for name in NAMES])
    ask("/ask", photos / "grey.jpg", "Why?")
    with pytest.raises(Exception, match="expected 1 to"):
        ask("/ask", photos / "grey.jpg", " ")
    assert files_of(page.uploads.taken) == []
    assert "grey.jpg" in files_of(page.uploads.received)
    page.uploads.received_s, before = 0.0, page.uploads.received_s
    try:  # as the sweeper does ten minutes later
        page.uploads.sweep()
        page.uploads.sweep()
    finally:
        page.uploads.received_s = before
    assert files_of(page.uploads.received) == []
    assert list(page.uploads.received.iterdir()) == []


def test_what_cannot_be_read_gets_a_message_and_the_page_goes_on(
    ask: Callable[..., Any], page: Page, photos: Path, tmp_path: Path
) -> None:
    text, large, huge = (tmp_path / name for name in ("text.jpg", "large.png", "huge.bmp"))
    text.write_text("no image", encoding="utf-8")
    Image.new("1", (10000, 10000)).save(large)
    with huge.open("wb") as file:
        file.truncate(50 * 2**20)
    for path, message in (
        (text, r"^text\.jpg: not an image: expected one of JPEG, PNG"),
        (large, r"^large\.png: too large: expected at most 89478485 pixels, found 10000 x 10000"),
        (huge, f"exceeds the maximum file size of {MOST_MB * 2**20} bytes"),
    ):
        with pytest.raises(Exception, match=message):
            ask("/score", path)
        assert ask("/score", photos / "grey.jpg")["image"] == "grey.jpg"
    with pytest.raises(Exception, match=r"text\.jpg: not an image"):
        ask("/rank", [photos / "grey.jpg", text])
    with pytest.raises(Exception, match=f"expected 2 to {MOST_IMAGES} images, found 1"):
        ask("/rank", [photos / "grey.jpg"])
    assert files_of(page.uploads.taken) == []
    assert not any(
        path.stat().st_size > MOST_MB * 2**20 for path in page.uploads.received.rglob("*")
    )


def call(page: Page, name: str, *data: Any) -> httpx.Response:
    return httpx.post(f"{page.url}gradio_api/call/{name}", json={"data": list(data)})


def test_an_address_is_not_fetched(page: Page) -> None:
    file = {"path": "http://127.0.0.1:9/a.jpg", "meta": {"_type": "gradio.FileData"}}
    for data in ([file], [[file]], [{"inner": [file]}]):
        answer = call(page, "score", *data)
        assert answer.status_code == 403
        assert "found an address: nothing is fetched from it" in answer.text
    raw = httpx.post(
        f"{page.url}gradio_api/call/score",
        content=json.dumps({"data": [file]}).replace("http", "\\u0068ttp"),
    )
    assert raw.status_code == 403
    for method in ("GET", "HEAD", "POST"):
        for path in (
            "file=https://127.0.0.1:9/a.jpg", "file=http%3A%2F%2F127.0.0.1:9/a.jpg", "file/http://127.0.0.1:9/",
            "proxy=http://127.0.0.1:9/", "proxy=a.jpg", "proxy%3Da.jpg",
        ):  # fmt: skip
            answer = httpx.request(method, f"{page.url}gradio_api/{path}")
            assert answer.status_code == 403, (method, path)
            assert method == "HEAD" or "found an address: nothing is fetched" in answer.text


@pytest.mark.parametrize(
    "path", ["component_server", "process_recording", "stream/a", "vibe-edit", "run/a/b", "none"]
)
def test_what_gradio_serves_and_no_page_needs_is_not_there(page: Page, path: str) -> None:
    for one in (path, f"{path}/"):
        answer = httpx.post(f"{page.url}gradio_api/{one}", files={"files": ("a.jpg", b"pixels")})
        assert (answer.status_code, answer.text) == (
            404, "expected a call that this page has, found another",
        )  # fmt: skip
    form = httpx.post(f"{page.url}gradio_api/call/score", files={"files": ("a.jpg", b"pixels")})
    assert form.status_code == 415
    assert form.text.endswith("files go to /gradio_api/upload")


def test_an_upload_of_something_else_than_files_leaves_nothing(page: Page) -> None:
    url = f"{page.url}gradio_api/upload"
    for parts in (
        {"files": ("a.jpg", b"1"), "more": (None, b"2" * 70_000)},
        {"other": ("a.jpg", b"1")},
        [("files", (f"{number}.jpg", b"1")) for number in range(MOST_FILES + 1)],
    ):
        before = files_of(page.uploads.received)
        answer = httpx.post(url, files=parts)  # type: ignore[arg-type]
        assert answer.status_code == 400
        assert answer.text.startswith("expected ")
        assert files_of(page.uploads.received) == before


def test_a_page_of_this_machine_has_no_other_name(page: Page) -> None:
    port = httpx.URL(page.url).port
    for host in ("localhost", "127.0.0.1:1", f"[::1]:{port}", f"LOCALHOST:{port}"):
        assert httpx.get(page.url, headers={"host": host}).status_code == 200
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "[::1"):
        answer = httpx.get(page.url, headers={"host": host})
        assert answer.status_code == 403
        assert "expected a Host of localhost" in answer.text


def test_files_of_this_machine_are_not_read(page: Page, photos: Path) -> None:
    file = {"path": str(photos / "grey.jpg"), "meta": {"_type": "gradio.FileData"}}
    event = call(page, "score", file).json()["event_id"]
    with httpx.stream("GET", f"{page.url}gradio_api/call/score/{event}") as stream:
        assert "event: error" in "".join(stream.iter_text())
    for path in (photos / "grey.jpg", page.folder / "taken", Path(__file__)):
        assert httpx.get(f"{page.url}gradio_api/file={path}").status_code in (403, 404)


def test_too_much_at_once_is_refused_before_it_is_read(page: Page) -> None:
    url = f"{page.url}gradio_api/upload"
    kind = {"content-type": "multipart/form-data; boundary=x"}
    asked = http.client.HTTPConnection(httpx.URL(page.url).netloc.decode(), timeout=30)
    asked.putrequest("POST", "/gradio_api/upload")
    for name, value in {**kind, "content-length": str(MOST_IMAGES * MOST_MB * 2**20 + 1)}.items():
        asked.putheader(name, value)
    asked.endheaders()  # and not one byte of it
    assert asked.getresponse().status == 413
    asked.close()
    unknown = httpx.post(url, headers=kind, content=iter([b"--x"]))
    assert unknown.status_code == 413
    assert "with their length" in unknown.text
    assert (
        httpx.post(f"{page.url}gradio_api/call/score", content=b" " * (2**20 + 1)).status_code
        == 413
    )
    before, page.uploads.most_bytes = page.uploads.most_bytes, 10
    try:
        assert "no room" in httpx.post(url, files={"files": ("a.jpg", b"12345678901")}).text
    finally:
        page.uploads.most_bytes = before


def listening() -> set[str]:
    found = psutil.Process().net_connections(kind="inet")
    return {one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN}


def test_it_listens_where_it_is_told_and_nowhere_else(
    page: Page, model: artimuse.Model, folder: Path
) -> None:
    assert page.url.startswith("http://127.0.0.1:")
    assert listening() == {"127.0.0.1"}
    with open_page(model, folder, host="127.0.0.2", port=None) as other:
        assert listening() == {"127.0.0.1", "127.0.0.2"}
        place = other.folder
        assert place.is_dir()
    assert listening() == {"127.0.0.1"}
    assert not place.exists()


def test_it_connects_to_nothing_and_asks_the_browser_for_nothing_elsewhere(
    model: artimuse.Model, folder: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_SHARE", "True")
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    connections.clear()
    monkeypatch.setattr(sys.modules[__name__], "watch", True)
    with open_page(model, folder, port=None) as page:
        here = gradio_client.Client(page.url, verbose=False, analytics_enabled=False)
        here.predict(sent(photos / "grey.jpg"), api_name="/score")
        answer = httpx.get(page.url)
    assert {address for _, address in connections} == {"127.0.0.1"}
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    loaded = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]*)"', answer.text)
    assert loaded
    assert not [one for one in loaded if "//" in one]


def test_a_port_that_is_taken_is_an_error(page: Page, model: artimuse.Model, folder: Path) -> None:
    taken = int(page.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(OSError, match=f"{taken}"), open_page(model, folder, port=taken):
        pass


def test_the_example_of_the_documentation_runs(
    page: Page, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = str(artimuse.inference.page.__doc__)
    code = textwrap.dedent("\n".join(line for line in text.splitlines() if line.startswith("    ")))
    assert len(code.splitlines()) == 5
    monkeypatch.chdir(photos)
    for name in ("a.jpg", "b.jpg"):
        Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(name)
    exec(code.replace("http://127.0.0.1:7860", page.url), {})
