"""A server that speaks as much of OpenAI's interface as scores need, with transformers' log-probabilities.

    with FakeServer(exported) as server:
        ServedModel(record, server.address, "m").score("a.jpg")

It renders the messages with the exported folder's own chat template, tokenizes as a server does, reads the
image from its data URI, and computes with AutoModelForImageTextToText: nothing of this project is in between,
but for the pixels of the vision tower.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoTokenizer

from artimuse.config import ModelConfig, ReadoutConfig
from artimuse.inference.export import export_model
from artimuse.inference.serving.client import ServedModel
from artimuse.inference.serving.loading import load_record
from artimuse.models.build import build_model
from artimuse.models.folder import load_model, save_model
from artimuse.prompts import LEVELS, SCORE_TOKENS
from conftest import TINY


class FakeServer:
    """For tests to set: ids, restrict, most, answer (a function of the whole answer), status, headers."""

    def __init__(self, folder: Path) -> None:
        self.model = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="sdpa"
        ).eval()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.family = load_model(folder).family
        self.ids, self.restrict, self.most = True, False, 10_000
        self.answer: Any = lambda answer: answer
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[dict[str, Any]] = []
        self.prompts: list[list[int]] = []
        self.images: list[Image.Image] = []
        self.authorization: list[str | None] = []
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with fake._lock:
                    fake.authorization.append(self.headers["Authorization"])
                    content = fake.complete(self.path, request)
                text = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(fake.status)
                for name, value in fake.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def complete(self, path: str, request: dict[str, Any]) -> Any:
        assert path == "/v1/chat/completions"
        self.requests.append(request)
        log_p = self.next_token(request)
        if self.restrict:  # as vLLM's processed_logprobs
            kept = torch.full_like(log_p, -torch.inf)
            allowed = request["allowed_token_ids"]
            kept[allowed] = log_p[allowed]
            log_p = kept.log_softmax(-1)
        top = log_p.topk(min(request["top_logprobs"], self.most, len(log_p)))
        pairs = list(zip(top.indices.tolist(), top.values.tolist(), strict=True))
        listed = [self.token(number, value) for number, value in pairs]
        first = {**listed[0], "top_logprobs": listed}
        message = {"role": "assistant", "content": first["token"]}
        choice = {"message": message, "logprobs": {"content": [first]}}
        return self.answer({"choices": [choice], "usage": {"prompt_tokens": len(self.prompts[-1])}})

    def token(self, number: int, log_p: float) -> dict[str, Any]:
        text = f"token_id:{number}" if self.ids else self.tokenizer.decode([number])
        return {"token": text, "logprob": max(log_p, -9999.0), "bytes": None}

    def next_token(self, request: dict[str, Any]) -> torch.Tensor:
        """(V) log-probabilities of the first token of the answer."""
        images: list[Image.Image] = []
        messages = json.loads(json.dumps(request["messages"]))
        for message in messages:
            for number, content in enumerate(message["content"]):
                if content["type"] == "image_url":
                    head, _, data = content["image_url"]["url"].partition(",")
                    assert head == "data:image/png;base64"
                    images.append(Image.open(io.BytesIO(base64.b64decode(data))))
                    message["content"][number] = {"type": "image"}
        (image,) = images
        self.images.append(image)
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, chat_template=request.get("chat_template"),
        )  # fmt: skip
        family = self.family
        block = family.placeholder * family.image_tokens(image.size)
        whole = text.replace(
            family.placeholder, f"{family.block_start or ''}{block}{family.block_end or ''}"
        )
        ids = self.tokenizer(whole, add_special_tokens=request.get("add_special_tokens", False))[
            "input_ids"
        ]
        self.prompts.append(ids)
        pixels = family.model_inputs(family.collate_images([family.pixels(image)]))
        row = torch.tensor([ids])
        more: dict[str, Any] = {}
        if "image_grid_thw" in pixels:
            more["mm_token_type_ids"] = (row == family.placeholder_id).int()
        with torch.inference_mode():
            logits = self.model(
                input_ids=row, attention_mask=torch.ones_like(row), **pixels, **more
            ).logits
        return logits[0, -1].float().log_softmax(-1)


def export_words(folder: Path, texts: list[str], kind: str, family: str, **changes: Any) -> Path:
    """A model of words, exported with its rows in the head, and rows that differ."""
    words = LEVELS if kind == "levels" else SCORE_TOKENS
    scratch = TINY.model_copy(update={"family": family, "vision_layers": 2, "vocabulary": 600})
    config = ModelConfig(scratch=scratch, readout=ReadoutConfig(kind=kind), **changes)  # type: ignore[arg-type]
    model = build_model(config, texts=[*texts, *words], seed=0).eval()
    with torch.no_grad():
        model.readout.rows.weight.add_(0.3 * torch.randn_like(model.readout.rows.weight))
    save_model(model, folder / "model")
    export_model(folder / "model", folder / "exported", score_rows=True)
    return folder / "exported"


def client(server: FakeServer, folder: Path, **options: Any) -> ServedModel:
    return ServedModel(load_record(folder / "serving.json"), server.address, "m", **options)


def first_of(answer: Any) -> Any:
    return answer["choices"][0]["logprobs"]["content"][0]


def changed(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(content: Any) -> Any:
        change(content)
        return content

    return answer
