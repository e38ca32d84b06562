"""The critic writes what transformers' own greedy `generate` writes, with the image encoded once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from artimuse.config import LoraConfig, ModelConfig
from artimuse.data.images import ImageError, read_image
from artimuse.inference import writing
from artimuse.inference.critic import Critic
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.folder import save_model

QUESTIONS = [
    "Rate the light.",
    "Please evaluate the aesthetic quality of this image from the aspect of Theme & Communication.",
    "?",
    "What of the tree, the house,\nand the light that stands between them? Is it soft or warm or dark?",
    "Rate the light of the tree.",
]


def generated(model: AestheticModel, image: Path, question: str, limit: int, end: int) -> list[int]:
    family = model.family
    picture = read_image(image)
    prompt = family.prompt_ids(question, [family.image_tokens(picture.size)])
    pixels = family.model_inputs(family.collate_images([family.pixels(picture)]))
    ids = torch.tensor([prompt])
    if family.name.startswith("qwen"):  # its own positions, which `generate` counts for itself
        pixels["mm_token_type_ids"] = (ids == family.placeholder_id).int()
    with torch.inference_mode():
        out = model.transformers_model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), **pixels,
            max_new_tokens=limit, do_sample=False, eos_token_id=end, pad_token_id=end,
        )  # fmt: skip
    row = out[0].tolist()
    row = row[len(prompt) :] if row[: len(prompt)] == prompt else row
    return row[: row.index(end)] if end in row else row


def text(model: AestheticModel, ids: list[int]) -> str:
    return model.family.answer_text(ids)


@pytest.fixture
def image(draw_image: Callable[[str], Path]) -> Path:
    return draw_image("picture")


@pytest.mark.parametrize("number", [1, 2, 5])
def test_answers_are_those_of_generate(
    tiny_model: AestheticModel, image: Path, number: int
) -> None:
    questions = QUESTIONS[:number]
    end = tiny_model.family.end_of_turn_id
    expected = [text(tiny_model, generated(tiny_model, image, q, 12, end)) for q in questions]
    assert all(expected)
    assert len(set(expected)) == number
    assert Critic(tiny_model, device="cpu").answer(image, questions, max_new_tokens=12) == expected


def test_answers_of_every_family_are_those_of_generate(
    family_model: AestheticModel, image: Path
) -> None:
    end = family_model.family.end_of_turn_id
    expected = [text(family_model, generated(family_model, image, q, 8, end)) for q in QUESTIONS]
    assert len(set(expected)) > 1
    assert Critic(family_model, device="cpu").answer(image, QUESTIONS, max_new_tokens=8) == expected


def test_answers_of_unequal_length_end_where_generate_ends_them(
    tiny_model: AestheticModel, image: Path
) -> None:
    """With the fourth token of one answer as the end of a turn, the answers end at different places."""
    never = tiny_model.family.end_of_turn_id
    free = [generated(tiny_model, image, q, 12, never) for q in QUESTIONS]
    end = next(row[3] for row in free if row[3] not in row[:3])
    tiny_model.family.end_of_turn_id = end
    rows = [generated(tiny_model, image, q, 12, end) for q in QUESTIONS]
    assert len({len(row) for row in rows}) > 1, [len(row) for row in rows]
    prompts = Critic(tiny_model, device="cpu")
    # The prompts end with the real end-of-turn token of the template, whatever ends an answer.
    answers = prompts.answer(image, QUESTIONS, max_new_tokens=12)
    assert answers == [text(tiny_model, row) for row in rows]


def test_a_question_is_answered_alike_in_any_company(
    tiny_model: AestheticModel, image: Path
) -> None:
    critic = Critic(tiny_model, device="cpu")
    together = critic.answer(image, QUESTIONS, max_new_tokens=8)
    assert critic.answer(image, QUESTIONS[::-1], max_new_tokens=8) == together[::-1]
    assert [critic.answer(image, [q], max_new_tokens=8)[0] for q in QUESTIONS] == together
    assert critic.answer(image, QUESTIONS[:1] * 3, max_new_tokens=8) == together[:1] * 3


def test_a_longer_limit_only_adds(tiny_model: AestheticModel, image: Path) -> None:
    critic = Critic(tiny_model, device="cpu")
    short = critic.answer(image, QUESTIONS, max_new_tokens=3)
    long = critic.answer(image, QUESTIONS, max_new_tokens=9)
    assert short != long
    assert all(a.startswith(b.rstrip("\ufffd")) for a, b in zip(long, short, strict=True))


def test_an_adapter_writes_too(tiny_model: AestheticModel, image: Path, tmp_path: Path) -> None:
    save_model(tiny_model, tmp_path / "base")
    base = str(tmp_path / "base")
    config = ModelConfig(base=base, tuning="lora", projector="full", lora=LoraConfig(rank=4))
    model = build_model(config, seed=0)
    with torch.no_grad():
        for parameter in model.trainable().values():
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.eval()
    end = model.family.end_of_turn_id
    expected = [text(model, generated(model, image, q, 6, end)) for q in QUESTIONS]
    assert Critic(model, device="cpu").answer(image, QUESTIONS, max_new_tokens=6) == expected
    assert expected != Critic(tiny_model, device="cpu").answer(image, QUESTIONS, max_new_tokens=6)


def test_nothing_asked_is_nothing_answered(tiny_model: AestheticModel, tmp_path: Path) -> None:
    critic = Critic(tiny_model, device="cpu")
    assert critic.answer(tmp_path / "none.jpg", []) == []
    assert list(critic.stream(tmp_path / "none.jpg", [])) == [[]]


def test_a_missing_image_is_an_error(tiny_model: AestheticModel, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.jpg"):
        Critic(tiny_model, device="cpu").answer(tmp_path / "none.jpg", QUESTIONS)


@pytest.mark.parametrize(("limit", "every"), [(12, 4), (12, 5), (3, 4), (1, 1)])
def test_a_stream_grows_into_what_is_written(
    tiny_model: AestheticModel, image: Path, limit: int, every: int
) -> None:
    critic = Critic(tiny_model, device="cpu")
    stream = list(critic.stream(image, QUESTIONS, max_new_tokens=limit, every=every))
    assert stream[-1] == critic.write(image, QUESTIONS, max_new_tokens=limit)
    assert len(stream) == -(-limit // every)
    for before, after in pairwise(stream):
        assert before != after
        assert all(a.text.startswith(b.text) for a, b in zip(after, before, strict=True))


def test_a_stream_that_is_left_leaves_nothing_behind(
    tiny_model: AestheticModel, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    critic = Critic(tiny_model, device="cpu")
    inside: list[bool] = []
    step = writing.Growing._step

    def watched(self: writing.Growing, *given: Any) -> list[int]:
        inside.append(torch.is_inference_mode_enabled())
        return step(self, *given)

    monkeypatch.setattr(writing.Growing, "_step", watched)
    stream = critic.stream(image, QUESTIONS, max_new_tokens=12, every=1)
    next(stream)
    next(stream)
    assert inside == [True]  # no gradient is kept for anything
    assert not torch.is_inference_mode_enabled()  # between two yields the caller's own mode holds
    assert torch.ones(1, requires_grad=True).mul(2).requires_grad
