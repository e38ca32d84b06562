"""What a server does wrong is said, once, and by an error that tells an image's fault from the server's."""

from __future__ import annotations

import json
import math
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from inference.serving import FakeServer, changed, client, export_words, first_of

from artimuse.inference.serving.client import KEY, RefusedError, ServedModel, ServerError
from artimuse.inference.serving.loading import load_record
from artimuse.inference.serving.rows import served_rows
from artimuse.inference.stream import Broken


@pytest.fixture(scope="module")
def exported(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return export_words(tmp_path_factory.mktemp("served"), texts, "levels", "internvl")


@pytest.fixture
def server(exported: Path) -> Iterator[FakeServer]:
    with FakeServer(exported) as fake:
        yield fake


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (404, lambda _: {"error": {"message": "no model `m`"}}, "HTTP 404: .*no model `m`.*--model has to be"),
        (401, lambda _: {"error": "who?"}, f"HTTP 401: .*set {KEY}"),
        (400, lambda _: {"error": "too many logprobs"}, "HTTP 400: .*max-logprobs"),
        (500, lambda _: b"<html>oh", "HTTP 500: <html>oh"),
        (200, lambda _: b"<html>hello", "expected JSON, found <html>hello"),
        (200, lambda _: [], "expected the log-probabilities of a token"),
        (200, changed(lambda a: a["choices"][0].update(logprobs=None)), "does not give `logprobs`"),
        (200, changed(lambda a: first_of(a).update(top_logprobs=[])), "at most 0, found none"),
        (200, changed(lambda a: first_of(a)["top_logprobs"][0].update(logprob=0.5)), r"found \[0\.5\]"),
        (200, changed(lambda a: first_of(a)["top_logprobs"][0].update(logprob=math.nan)), r"found \[nan\]"),
        (200, changed(lambda a: first_of(a).update(top_logprobs=[{"token": "x", "logprob": -1}])),
         "among the 1 likeliest tokens, found 'x'"),
        (200, changed(lambda a: first_of(a)["top_logprobs"].append(first_of(a)["top_logprobs"][0])),
         "two tokens are both written"),
        (200, changed(lambda a: first_of(a).update(top_logprobs=["x"])), "with their log-probabilities"),
        (200, changed(lambda a: first_of(a)["top_logprobs"][0].pop("token")), "with their log-probabilities"),
        (200, changed(lambda a: [one.update(logprob=-9999.0) for one in first_of(a)["top_logprobs"]]),
         "expected words with a probability"),
        (200, changed(lambda a: a["usage"].update(prompt_tokens=7)), "found 7 in its usage.prompt_tokens"),
        (302, lambda _: b"there", "HTTP 302: there; it sends requests elsewhere, which are not followed"),
    ],
)  # fmt: skip
def test_what_a_server_does_wrong_is_one_error(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path], status: int, answer: Any, said: str
) -> None:  # fmt: skip
    server.status, server.answer, server.restrict = status, answer, True
    with pytest.raises(ServerError, match=re.compile(said, re.DOTALL)) as error:
        client(server, exported).score(draw_image("a"))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(server.address)


def test_a_key_is_sent_where_there_is_one(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    server.restrict = True
    client(server, exported).score(draw_image("a"))
    monkeypatch.setenv(KEY, "made")
    client(server, exported).score(draw_image("a"))
    assert server.authorization == [None, "Bearer made"]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_key_goes_to_no_other_address(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch, code: int,
) -> None:  # fmt: skip
    monkeypatch.setenv(KEY, "made")
    with FakeServer(exported) as other:
        server.status, server.headers = code, {"Location": f"{other.address}/v1/chat/completions"}
        with pytest.raises(ServerError, match="which are not followed: give that address"):
            client(server, exported).score(draw_image("a"))
        assert other.requests == []


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None}, {"prompt_tokens": 0}, 7])
def test_a_prompt_of_unknown_length_is_not_checked(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path], usage: Any
) -> None:
    server.restrict = True
    server.answer = changed(lambda answer: answer.update(usage=usage))
    assert client(server, exported).score(draw_image("a"))


@pytest.mark.parametrize("code", [400, 413, 422])
def test_an_image_that_is_refused_after_another_is_broken_and_the_others_go_on(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path], code: int
) -> None:
    server.restrict, statuses = True, [200, code, 200]
    images = [draw_image(name) for name in "abc"]

    def answer(content: Any) -> Any:
        server.status = statuses[len(server.requests) - 1]
        return content if server.status == 200 else {"error": "too large"}

    server.answer = answer
    found = list(served_rows(client(server, exported), images, at_once=1))
    assert [isinstance(one, Broken) for one in found] == [False, True, False]
    assert isinstance(found[1], Broken)
    assert found[1].reason.startswith(f"{images[1]}: the server refuses it: {server.address}")
    assert "too large" in found[1].reason


def test_what_is_refused_of_the_first_image_or_is_no_image_s_fault_ends_the_call(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path]
) -> None:
    server.restrict = True
    asked = client(server, exported)
    server.status = 400
    with pytest.raises(ServerError, match="HTTP 400"):
        asked.score(draw_image("a"))
    server.status = 200
    asked.score(draw_image("a"))
    server.status = 500
    with pytest.raises(ServerError, match="HTTP 500"):
        asked.score(draw_image("a"))
    server.status = 400
    with pytest.raises(RefusedError, match="HTTP 400"):
        asked.score(draw_image("a"))


def test_a_server_that_does_not_answer_in_time_is_said_to(
    exported: Path, draw_image: Callable[[str], Path]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        record = load_record(exported / "serving.json")
        asked = ServedModel(record, address, "m", timeout_s=0.05)
        with pytest.raises(ServerError, match=r"no answer within 0.05 s: .*fewer --batch-images"):
            asked.score(draw_image("a"))


def test_the_first_token_of_a_vocabulary_is_a_token(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path], tmp_path: Path
) -> None:
    """llama.cpp gives ids beside texts; the id 0 tells two tokens apart as any other does."""
    record = load_record(exported / "serving.json")
    texts = record["answer"]["shared_texts"] = record["answer"]["texts"]
    first, *others = record["answer"]["token_ids"]
    record["answer"]["token_ids"] = [0, *others]
    (tmp_path / "serving.json").write_text(json.dumps(record))

    def numbered(answer: Any) -> None:
        for entry in first_of(answer)["top_logprobs"]:
            number = int(entry["token"].removeprefix("token_id:"))
            entry["id"] = 0 if number == first else number
            known = number in [first, *others]
            entry["token"] = texts[[first, *others].index(number)] if known else "another"

    server.restrict, server.answer = True, changed(numbered)
    assert client(server, tmp_path).score(draw_image("a"))


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (("prompts",), "prompts"), (("images",), "images"), (("answer", "texts"), "answer.texts"),
        (("request", "top_logprobs"), "request.top_logprobs"),
        (("prompts", "overall", "token_ids"), "prompts.overall.token_ids"),
    ],
)  # fmt: skip
def test_a_record_that_lacks_a_key_says_which(
    exported: Path, tmp_path: Path, path: tuple[str, ...], told: str
) -> None:
    record = load_record(exported / "serving.json")
    holder = record
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    changed_file = tmp_path / "serving.json"
    changed_file.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=f"expected the key {told}, found none") as error:
        load_record(changed_file)
    assert str(changed_file) in str(error.value)


def test_addresses_and_records(exported: Path, tmp_path: Path) -> None:
    record = load_record(exported / "serving.json")
    whole = "http://h:8/v1/chat/completions"
    for url in ("http://h:8", "http://h:8/", "http://h:8/v1", whole):
        assert ServedModel(record, url, "m").url == whole
    for url in ("h:8", "file:///etc/passwd", "ftp://h/"):
        with pytest.raises(ValueError, match="expected an address such as"):
            ServedModel(record, url, "m")
    with pytest.raises(ValueError, match="without a key in it") as error:
        ServedModel(record, "http://me:secret@h:8", "m")
    assert "secret" not in str(error.value)
    with pytest.raises(ServerError, match=r"127\.0\.0\.1:9/.*cannot be reached"):
        ServedModel(record, "http://127.0.0.1:9", "m")._post(b"{}")
    for text in ("", "{}", "[]"):
        (tmp_path / "serving.json").write_text(text)
        with pytest.raises(ValueError, match=r"expected the serving\.json of an exported folder"):
            load_record(tmp_path / "serving.json")
    (tmp_path / "serving.json").write_text('{"format_version": 9}')
    with pytest.raises(ValueError, match="format version 9"):
        load_record(tmp_path / "serving.json")
