"""A served model's score is transformers'; what a server leaves out is bounded, what it does wrong is said."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inference.serving import FakeServer, client, export_words
from PIL import Image

from artimuse.config import ImagesConfig, ModelConfig
from artimuse.data.images import read_image
from artimuse.inference.scorer import Scorer
from artimuse.inference.serving.client import (
    ServerError,
    UnsureError,
)
from artimuse.inference.serving.expectation import expectation
from artimuse.inference.serving.images import data_uri
from artimuse.inference.serving.loading import load_record
from artimuse.models.build import build_model
from artimuse.models.folder import load_model
from conftest import FAMILIES, TINY

VALUES = (0.0, 25.0, 50.0, 75.0, 100.0)


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
    tiny = {k: log_p - 700 for k, log_p in words.items()}
    assert expectation(tiny, values=VALUES, returned=1.0, smallest=0.0).value == pytest.approx(50)
    for nothing in (-9999.0, -math.inf, math.nan):
        with pytest.raises(ValueError, match=r"expected words with a probability, found ln p of"):
            expectation({0: nothing, 4: nothing}, values=VALUES, returned=1.0, smallest=0.0)


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
