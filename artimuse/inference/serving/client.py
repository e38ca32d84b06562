"""An image -> a request to an OpenAI-compatible server -> its score, with the standard library alone.

    served = ServedModel(load_record(Path("exported/serving.json")), "http://127.0.0.1:8000", "exported")
    served.score("photo.jpg")["overall"].value

One request an aspect: chat completions of one token with log-probabilities. A key, where the server wants one,
is read from ARTIMUSE_API_KEY.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from artimuse.data.images import ImageSource, name_of, read_image
from artimuse.inference.serving.expectation import ServedScore, expectation
from artimuse.inference.serving.images import data_uri, image_tokens, model_sized
from artimuse.inference.serving.record import IMAGE
from artimuse.records import DataError

LIMIT = 1.0
"""Points between the bounds of a score, above which it is an error."""
KEY = "ARTIMUSE_API_KEY"
_LONGEST_ANSWER = 8 * 1024 * 1024
_OF_THE_IMAGE = (400, 413, 422)
"""What a server answers to a request that it does not like, where it likes others of the same model."""
_TOKEN_ID = re.compile(r"token_id:(\d+)")


class ServerError(ValueError):
    """A server that is not there, refuses, or answers with something else; it will do so for every image."""


class RefusedError(DataError):
    """An image that the server refuses, having taken another before."""


class UnsureError(DataError):
    """A score of which too little came back: it may be anywhere between bounds that are too far apart."""


class ServedModel:
    """A model behind a server.

    Args:
        record: what `load_record` gives.
        url: of the server; `/v1/chat/completions` is put behind it where it is not there.
        model: the name under which the server has it.
        top_logprobs: how many it is asked for; None is what the record says.
        limit: points between the bounds of a score, above which it is an error.

    Raises:
        ValueError: for an address that is none.
    """

    def __init__(
        self,
        record: Mapping[str, Any],
        url: str,
        model: str,
        *,
        top_logprobs: int | None = None,
        limit: float = LIMIT,
        timeout_s: float = 120.0,
    ) -> None:
        self.record, self.model, self.limit, self.timeout_s = record, model, limit, timeout_s
        self.url = _endpoint(url)
        self.aspects = tuple(record["prompts"])
        self.request = dict(record["request"])
        if record["chat_template"] is not None:
            self.request["chat_template"] = record["chat_template"]
        if top_logprobs is not None:
            self.request["top_logprobs"] = top_logprobs
        self._has_scored = False

    def score(self, image: ImageSource) -> dict[str, ServedScore]:
        """Scores on 0-100 by aspect.

        Raises:
            ImageError: for an image that cannot be read.
            RefusedError: for one that the server refuses, when it has scored another before.
            UnsureError: where the tokens that the server left out could move the score by more than `limit`.
            ServerError: for a server that does not do its part.
        """
        seen = model_sized(read_image(image), self.record["images"])
        uri = data_uri(seen, self.record["images"])
        tokens = image_tokens(seen.size, self.record["images"])
        found: dict[str, ServedScore] = {}
        for aspect in self.aspects:
            try:
                answer = self._ask(aspect, uri)
            except _RefusedRequest as error:
                if self._has_scored and error.code in _OF_THE_IMAGE:
                    raise RefusedError(
                        f"{name_of(image)}: the server refuses it: {error}"
                    ) from error
                raise
            self._check_prompt(aspect, tokens, answer)
            one = found[aspect] = self._read(self._first(answer))
            if one.width > self.limit:
                raise UnsureError(
                    f"{name_of(image)}: {aspect!r} score between {one.low:.1f} and {one.high:.1f}, "
                    f"{one.width:.1f} points apart, where at most {self.limit:g} are allowed: the server left "
                    f"out {one.missing} of {len(self.record['answer']['words'])} tokens; have it return more "
                    "(see the notes in serving.json), or allow more"
                )
        self._has_scored = True
        return found

    def _ask(self, aspect: str, uri: str) -> Any:
        """What the server answers."""
        # The address stands in one place, and is no part of any text.
        messages = json.loads(json.dumps(self.record["prompts"][aspect]["messages"]))
        for message in messages:
            for content in message["content"]:
                if content.get("image_url", {}).get("url") == IMAGE:
                    content["image_url"]["url"] = uri
        body = json.dumps({"model": self.model, "messages": messages, **self.request}).encode()
        return self._post(body)

    def _check_prompt(self, aspect: str, image: int, answer: Any) -> None:
        """Whether the server's prompt is as long as the model's, where it says so; image: its tokens.

        A server that takes no template from a request, or resizes the image, has another, and another score.
        """
        usage = answer.get("usage") if isinstance(answer, dict) else None
        found = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        if not isinstance(found, int) or found <= 0:  # proxies that do not know say 0
            return
        text = self.record["prompts"][aspect]["token_ids"]
        expected = len(text["before"]) + image + len(text["after"])
        if found != expected:
            raise ServerError(
                f"{self.url}: expected a prompt of {expected} tokens for {aspect!r}, {image} of the image, "
                f"found {found} in its usage.prompt_tokens: the server writes another prompt or resizes the "
                "image, and the score would be another; start it as the notes in serving.json say"
            )

    def _first(self, answer: Any) -> tuple[Any, Any]:
        """The first token's log-probabilities, as the server has them."""
        try:
            logprobs = answer["choices"][0]["logprobs"]
            first = logprobs["content"][0]
            return first, first["top_logprobs"]
        except (KeyError, IndexError, TypeError):
            raise ServerError(
                f"{self.url}: expected the log-probabilities of a token in the answer, found none in "
                f"{_short(json.dumps(answer))}: the server, or a proxy before it, does not give `logprobs`"
            ) from None

    def _post(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        if os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {os.environ[KEY]}"
        request = Request(self.url, data=body, headers=headers, method="POST")
        try:
            with _OPENER.open(request, timeout=self.timeout_s) as answer:
                text = answer.read(_LONGEST_ANSWER)
        except HTTPError as error:
            said = _short(error.read(2000).decode("utf-8", "replace"))
            raise _RefusedRequest(
                f"{self.url}: HTTP {error.code}: {said}{_advice(error.code, said)}", error.code
            ) from error
        except (URLError, TimeoutError, OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            if isinstance(reason, TimeoutError):
                raise ServerError(
                    f"{self.url}: no answer within {self.timeout_s:g} s: the server is asked more than it can "
                    "answer, or hangs; ask with fewer --batch-images"
                ) from error
            raise ServerError(
                f"{self.url}: cannot be reached: {reason!r}; is the server running?"
            ) from error
        try:
            return json.loads(text)
        except ValueError as error:
            said = _short(text.decode("utf-8", "replace"))
            raise ServerError(f"{self.url}: expected JSON, found {said}") from error

    def _read(self, found: tuple[Any, Any]) -> ServedScore:
        """The score that the returned tokens give."""
        first, top = found
        try:
            texts = [entry["token"] for entry in top]
            entries = [(entry, float(entry["logprob"])) for entry in top]
            chosen = first["token"]
        except (KeyError, TypeError, ValueError) as error:
            raise ServerError(
                f"{self.url}: expected tokens with their log-probabilities, found {_short(json.dumps(top))}"
            ) from error
        bad = [log_p for _, log_p in entries if not log_p <= 1e-3]  # rounding; NaN is caught too
        if not entries or bad:
            raise ServerError(
                f"{self.url}: expected log-probabilities of at most 0, found {bad or 'none'}: the server "
                "returns something else"
            )
        words = self._words(entries)
        # The chosen token may be listed although it is not of the top k; the others bound what is not listed.
        others = [log_p for text, (_, log_p) in zip(texts, entries, strict=True) if text != chosen]
        try:
            return expectation(
                words,
                values=self.record["answer"]["values"],
                returned=sum(math.exp(log_p) for _, log_p in entries),
                smallest=math.exp(min(others)) if others else 1.0,
            )
        except ValueError as error:
            raise ServerError(
                f"{self.url}: {error}: another model or prompt, or a server that has to restrict tokens to "
                "them (see the notes in serving.json)"
            ) from error

    def _words(self, entries: Sequence[tuple[Any, float]]) -> dict[int, float]:
        """Index of a word -> ln p, of those that were returned."""
        answer = self.record["answer"]
        words: dict[int, float] = {}
        for entry, log_p in entries:
            index = _index(entry, answer)
            if index is None:
                continue
            if index in words:
                raise ServerError(
                    f"{self.url}: two tokens are both written {entry['token']!r}: the server has to tell them "
                    "apart (vLLM: --return-tokens-as-token-ids)"
                )
            if _numbered(entry) is None and entry["token"] in answer["shared_texts"]:
                raise ServerError(
                    f"{self.url}: {entry['token']!r} is how more than one token of the vocabulary is written: "
                    "the server has to return token ids (vLLM: --return-tokens-as-token-ids)"
                )
            words[index] = log_p
        if not words:
            listed = ", ".join(repr(entry["token"]) for entry, _ in entries[:5])
            raise ServerError(
                f"{self.url}: expected some of {answer['words'][0]!r} ... {answer['words'][-1]!r} among the "
                f"{len(entries)} likeliest tokens, found {listed}: another model or prompt, or a server that "
                "has to restrict tokens to them (see the notes in serving.json)"
            )
        return words


class _RefusedRequest(ServerError):
    """code: of HTTP."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class _NoRedirects(HTTPRedirectHandler):
    """The key would go along, to whatever host the answer names; so a redirect is an HTTPError like others."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = build_opener(_NoRedirects)


def _numbered(entry: Mapping[str, Any]) -> int | None:
    """The id of a token, where the server gives one."""
    if isinstance(entry.get("id"), int):  # llama.cpp
        return entry["id"]
    found = _TOKEN_ID.fullmatch(str(entry["token"]))  # vLLM
    return int(found[1]) if found else None


def _index(entry: Mapping[str, Any], answer: Mapping[str, Any]) -> int | None:
    """Which word a returned token is; None for another token."""
    number = _numbered(entry)
    if number is not None:
        return answer["token_ids"].index(number) if number in answer["token_ids"] else None
    for known in ("texts", "tokens"):
        if entry["token"] in answer[known]:
            return answer[known].index(entry["token"])
    return None


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"--server {url}: expected an address such as http://127.0.0.1:8000")
    if parts.username or parts.password:
        raise ValueError(f"--server: expected an address without a key in it; set {KEY}")
    base = url.rstrip("/")
    if base.endswith("/chat/completions"):
        return base
    return base + ("/chat/completions" if base.endswith("/v1") else "/v1/chat/completions")


def _advice(code: int, said: str) -> str:
    if code in (401, 403):
        return f"; set {KEY} to the server's key"
    if 300 <= code < 400:
        return (
            "; it sends requests elsewhere, which are not followed: give that address as --server"
        )
    if code == 404:
        return "; --model has to be the name under which the server has it"
    if "logprobs" in said:
        return (
            "; start the server so that it gives as many (vLLM: --max-logprobs), or ask for fewer"
        )
    return ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else line[:297] + "..."
