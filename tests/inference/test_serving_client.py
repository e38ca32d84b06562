"""A served model's score is transformers'; what a server leaves out is bounded, what it does wrong is said."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inference.serving import FakeServer
from PIL import Image

from artimuse.config import ImagesConfig, ModelConfig, ReadoutConfig
from artimuse.data.images import read_image
from artimuse.inference.export import export_model
from artimuse.inference.scorer import Scorer
from artimuse.inference.serving.client import (
    KEY,
    ServedModel,
    ServerError,
    UnsureError,
    load_record,
)
from artimuse.inference.serving.expectation import expectation
from artimuse.inference.serving.images import data_uri
from artimuse.models.build import build_model
from artimuse.models.folder import load_model, save_model
from artimuse.prompts import LEVELS, SCORE_TOKENS
from conftest import FAMILIES, TINY

VALUES = (0.0, 25.0, 50.0, 75.0, 100.0)


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


@pytest.fixture(scope="module", params=["levels", "tokens"])
def exported(
    request: pytest.FixtureRequest, texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    torch.manual_seed(0)
    return export_words(tmp_path_factory.mktemp("served"), texts, request.param, "internvl")


@pytest.fixture
def server(exported: Path) -> Iterator[FakeServer]:
    with FakeServer(exported) as fake:
        yield fake


def client(server: FakeServer, folder: Path, **options: Any) -> ServedModel:
    return ServedModel(load_record(folder / "serving.json"), server.address, "m", **options)


def agrees(served: Any, expected: float) -> None:
    assert served.value == pytest.approx(expected, abs=1e-3)
    assert served.low - 1e-3 <= expected <= served.high + 1e-3


@pytest.mark.parametrize(("ids", "restrict"), [(True, False), (True, True), (False, False)])
def test_the_score_is_that_of_transformers(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path], ids: bool, restrict: bool
) -> None:
    images = [draw_image(name) for name in "ab"]
    expected = Scorer(load_model(exported), device="cpu").score_images(images)
    server.ids, server.restrict = ids, restrict
    # Without restriction, the whole vocabulary: rows that no text stage trained are not among the likeliest.
    model = client(server, exported, top_logprobs=None if restrict else 10_000)
    for image, scores in zip(images, expected, strict=True):
        (found,) = model.score(image).values()
        agrees(found, scores["overall"])
        assert (found.missing, found.width) == (0, 0)
        assert found.mass == pytest.approx(1.0, abs=1e-4) if restrict else found.mass < 1
    record = load_record(exported / "serving.json")
    ids_of = record["prompts"]["overall"]["token_ids"]
    image = [ids_of["image"]] * record["images"]["tokens_per_image"]
    assert server.prompts[0] == [*ids_of["before"], *image, *ids_of["after"]]
    assert server.requests[0]["max_tokens"] == 1
    assert server.requests[0]["model"] == "m"


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "internvl"])
def test_of_every_family(
    family: str, texts: list[str], tmp_path: Path, draw_image: Callable[[str], Path]
) -> None:
    folder = export_words(tmp_path, texts, "levels", family, prompt="plain")
    image = draw_image("a")
    model = load_model(folder)
    (expected,) = Scorer(model, device="cpu").score_images([image])
    with FakeServer(folder) as server:
        server.restrict = True
        agrees(client(server, folder).score(image)["overall"], expected["overall"])
    assert_sized(server.images[0], image, model.family)


@pytest.mark.parametrize(
    ("family", "fit"),
    [("internvl", "pad"), ("llava", "crop"), ("llava", "pad"), ("qwen2_5_vl", "squash")],
)
def test_an_image_is_sent_as_the_model_sees_it(
    family: str, fit: Any, texts: list[str], draw_image: Callable[[str], Path]
) -> None:
    """Upright, at the model's own size and without loss: a server has nothing to resize."""
    scratch = TINY.model_copy(update={"family": family, "vision_layers": 2})
    config = ModelConfig(scratch=scratch, images=ImagesConfig(fit=fit))
    seen_by = build_model(config, texts=texts, seed=0).family
    path = draw_image("a")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path.with_suffix(".png"), exif=exif)
    for image in (path, path.with_suffix(".png")):
        uri = data_uri(read_image(image), seen_by.preprocessing())
        sent = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        assert_sized(sent, image, seen_by)


def assert_sized(sent: Image.Image, image: Path, family: Any) -> None:
    own, again = family.pixels(read_image(image)), family.pixels(sent)
    # Tensor.values is a method, of sparse ones.
    if not torch.is_tensor(own):
        own, again = own.values, again.values
    assert torch.equal(own, again)
    assert sent.width * sent.height * 3 == own.numel(), "the model would resize it"


def test_a_prompt_that_the_template_does_not_write_brings_a_template(
    texts: list[str], tmp_path: Path, draw_image: Callable[[str], Path]
) -> None:
    """UniPercept: several aspects, and no line between the image and the question."""
    aspects = ["aesthetics", "structure"]
    folder = export_words(
        tmp_path, texts, "levels", "internvl", prompt="unipercept", aspects=aspects
    )
    image = draw_image("a")
    (expected,) = Scorer(load_model(folder), device="cpu").score_images([image])
    with FakeServer(folder) as server:
        server.restrict = True
        found = client(server, folder).score(image)
        template = server.requests[0]["chat_template"]
    assert template == (folder / "score_template.jinja").read_text(encoding="utf-8")
    assert list(found) == aspects
    for aspect in aspects:
        agrees(found[aspect], expected[aspect])


def test_what_a_server_leaves_out_is_bounded(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path]
) -> None:
    image = draw_image("a")
    (expected,) = Scorer(load_model(exported), device="cpu").score_images([image])
    server.restrict, server.most = True, 3
    (found,) = client(server, exported, limit=100).score(image).values()
    assert found.missing == len(load_record(exported / "serving.json")["answer"]["words"]) - 3
    assert found.low < expected["overall"] < found.high
    with pytest.raises(
        UnsureError, match=r"a\.jpg: 'overall' score between .* the server left out"
    ):
        client(server, exported, limit=found.width - 1e-6).score(image)


@given(
    st.lists(st.floats(-12, 0), min_size=9, max_size=9), st.integers(1, 8),
    st.permutations(range(9)),
)  # fmt: skip
@settings(deadline=None, max_examples=300)
def test_the_bounds_hold_and_are_tight_for_one_missing_word(
    logits: list[float], most: int, order: list[int]
) -> None:
    """Five words and four other tokens, of which a server returns the likeliest."""
    log_p = torch.tensor(logits, dtype=torch.float64).log_softmax(0).tolist()
    place = dict(enumerate(order[:5]))  # word -> token
    top = sorted(range(9), key=lambda token: -log_p[token])[:most]
    words = {word: log_p[token] for word, token in place.items() if token in top}
    if not words:
        return
    returned = sum(math.exp(log_p[token]) for token in top)
    found = expectation(words, values=VALUES, returned=returned, smallest=math.exp(log_p[top[-1]]))
    p = [math.exp(log_p[place[word]]) for word in range(5)]
    true = sum(a * b for a, b in zip(p, VALUES, strict=True)) / sum(p)
    assert found.low - 1e-6 <= true <= found.high + 1e-6
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9
    if found.missing == 0:
        assert (found.low, found.high) == (found.value, found.value)
        assert found.value == pytest.approx(true)
    if found.missing == 1:
        # Reached where the missing word has all that it may have.
        (word,) = set(range(5)) - set(words)
        most_it_has = min(math.exp(log_p[top[-1]]), 1 - returned)
        mass = sum(math.exp(value) for value in words.values())
        reached = (found.value * mass + VALUES[word] * most_it_has) / (mass + most_it_has)
        ends = (found.low, found.high)
        assert min(abs(reached - end) for end in ends) < 1e-6


def test_the_arithmetic_by_hand() -> None:
    words = {0: math.log(0.4), 4: math.log(0.4)}
    found = expectation(words, values=VALUES, returned=0.9, smallest=0.06)
    assert found.value == pytest.approx(50)
    assert found.spread == pytest.approx(50)
    assert found.mass == pytest.approx(0.8)
    # 0.1 is left: 0.06 at most for one word, and the rest of it for the next.
    assert found.low == pytest.approx((0.4 * 100 + 0.06 * 25) / 0.86)
    assert found.high == pytest.approx((0.4 * 100 + 0.06 * 75) / 0.86)
    tiny = {k: log_p - 800 for k, log_p in words.items()}
    assert expectation(tiny, values=VALUES, returned=1.0, smallest=0.0).value == pytest.approx(50)


def test_a_chosen_token_from_outside_the_top_k_does_not_tighten_the_bounds(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path]
) -> None:
    """vLLM lists the token that was generated among the top k, however unlikely it is."""

    def generate_another(answer: Any) -> Any:
        first = answer["choices"][0]["logprobs"]["content"][0]
        ids = load_record(exported / "serving.json")["answer"]["token_ids"]
        listed = {entry["token"] for entry in first["top_logprobs"]}
        other = next(n for n in ids if f"token_id:{n}" not in listed)
        first["token"] = f"token_id:{other}"
        first["top_logprobs"] = [
            {"token": f"token_id:{other}", "logprob": -30.0},
            *first["top_logprobs"],
        ]
        return answer

    server.restrict, server.most = True, 3
    image = draw_image("a")
    (plain,) = client(server, exported, limit=100).score(image).values()
    server.answer = generate_another
    (found,) = client(server, exported, limit=100).score(image).values()
    assert found.missing == plain.missing - 1
    assert found.width > 0.5 * plain.width


def test_tokens_that_are_written_alike_need_ids(
    server: FakeServer, exported: Path, draw_image: Callable[[str], Path], tmp_path: Path
) -> None:
    record = load_record(exported / "serving.json")
    assert record["answer"]["shared_texts"] == []
    record["answer"]["shared_texts"] = record["answer"]["texts"]
    (tmp_path / "serving.json").write_text(json.dumps(record))
    server.restrict, server.ids = True, False
    with pytest.raises(ServerError, match="how more than one token of the vocabulary is written"):
        client(server, tmp_path).score(draw_image("a"))
    server.ids = True
    client(server, tmp_path).score(draw_image("a"))


def first_of(answer: Any) -> Any:
    return answer["choices"][0]["logprobs"]["content"][0]


def changed(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(content: Any) -> Any:
        change(content)
        return content

    return answer


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
