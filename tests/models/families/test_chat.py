"""Every family against the stock classes: the chat template's own rendering, the processor's image tokens."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stock import rendered

from artimuse.config import ImagesConfig, ScratchConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.families import ChatFamily
from artimuse.models.scratch import scratch_family
from artimuse.prompts import SCORE_TOKENS, protocol
from conftest import FAMILIES

QUESTIONS = [
    "Rate the overall quality.",
    "  two spaces before, two after  ",
    "\nstarts with a new line",
    "\n\n  starts with several\n",
    "ends with a new line\n",
    "several\n\nlines\twith tabs \n and\r\nmore",
    "Wie schön ist das Bild? 这张照片美吗? 🌅 e\u0301",
    "1234 + 5678 = ?",
    "a < b && {braces} {{double}} {% percent %} $x$",
    "'s 're QUESTION-MARKER again",
    " ",
    "",
]
SYSTEMS = [None, "You are a critic.", "\nEin  System\n"]
# A vocabulary that joins line breaks, spaces and words, as a real one does: a template that is tokenized in
# pieces would show.
JOINS = ["x\n\ny", "x\n \n y", ".\n\n", "\n\n\n", "\n  a", "  b  ", ": \n", " USER: ", *QUESTIONS]


def picture(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng([width, height])
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


PICTURES = [picture(130, 70), picture(60, 100)]


def made(name: str, **changes: object) -> Any:
    scratch = ScratchConfig(family=name, vocabulary=700)  # type: ignore[arg-type]
    wording = replace(protocol("plain"), **changes)  # type: ignore[arg-type]
    return scratch_family(scratch, JOINS * 3, protocol=wording)[0]


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("system", SYSTEMS, ids=["none", "plain", "new lines"])
@pytest.mark.parametrize("name", FAMILIES)
def test_prompts_are_the_template_s_own(name: str, system: str | None, images: int) -> None:
    family, shown = made(name, system=system), PICTURES[:images]
    tokens = [family.image_tokens(image.size) for image in shown]
    for question in QUESTIONS:
        ids = family.prompt_ids(question, tokens)
        assert ids == rendered(family, question, shown), repr(question)


def test_the_image_tokens_are_as_many_as_the_model_makes(family_model: AestheticModel) -> None:
    family = family_model.family
    for image in PICTURES:
        pixels = family.collate_images([family.pixels(image)])
        features = family_model.transformers_model.model.get_image_features(
            **family.model_inputs(pixels)
        ).pooler_output
        tokens = family.image_tokens(image.size)
        assert len(features[0]) == tokens
        assert family.prompt_ids("what?", [tokens]).count(family.placeholder_id) == tokens


def test_an_image_block_ends_where_the_last_image_does(family_model: AestheticModel) -> None:
    family = family_model.family
    for images in (1, 2):
        ids = family.prompt_ids("what?", [4] * images)
        block = family.image_block_end(ids)
        assert family.placeholder_id in ids[block - 2 : block]
        assert family.placeholder_id not in ids[block:]
    assert family.image_block_end(family.tokenizer("no image")["input_ids"]) == 0


@pytest.mark.parametrize("name", FAMILIES)
def test_a_separator_takes_the_place_of_the_template_s(name: str) -> None:
    family = made(name)
    spaced = family.prompt_ids("what?", [2], separator="\n\n")
    own = family.tokenizer.decode(family.prompt_ids("what?", [2])[:-1])
    text = family.tokenizer.decode(spaced[:-1])
    close = family.block_end or family.template_close or family.placeholder
    assert text.split(close)[-1].startswith("\n\nwhat?")
    assert own.split(close)[0] == text.split(close)[0]
    joined = family.tokenizer.decode(family.prompt_ids("what?", [2], separator=""))
    assert joined.split(close)[-1].startswith("what?")


def test_an_answer_ends_the_turn(family_model: AestheticModel) -> None:
    family = family_model.family
    for answer in ("The light is soft.", "A)", "ünï\ncode"):
        ids = family.answer_ids(answer)
        assert ids[-1] == family.end_of_turn_id
        assert family.tokenizer.decode(ids[:-1]) == answer


def test_a_question_with_an_image_token_is_refused(family_model: AestheticModel) -> None:
    family = family_model.family
    with pytest.raises(ValueError, match="found the image token"):
        family.prompt_ids(f"what of {family.placeholder}?", [4])


def test_a_template_that_asks_before_the_image_is_refused() -> None:
    family = made("internvl")
    family.tokenizer = copy.deepcopy(family.tokenizer)
    family.tokenizer.chat_template = "{{ messages[0]['content'][-1]['text'] }}<IMG_CONTEXT>"
    with pytest.raises(ValueError, match="does not put 1 image"):
        family.prompt_ids("what?", [4])


def test_a_family_travels_to_loader_processes(family_model: AestheticModel) -> None:
    family = family_model.family
    before = family.prompt_ids("what?", [4])
    arrived = pickle.loads(pickle.dumps(family))
    assert arrived.prompt_ids("what?", [4]) == before
    assert arrived.answer_ids("x") == family.answer_ids("x")


@pytest.mark.parametrize("name", FAMILIES)
def test_words_are_one_token_each(name: str) -> None:
    scratch = ScratchConfig(family=name, vocabulary=500)  # type: ignore[arg-type]
    family, _ = scratch_family(scratch, JOINS, protocol=protocol("plain"), words=SCORE_TOKENS)
    assert isinstance(family, ChatFamily)
    ids = family.word_ids(SCORE_TOKENS)
    assert len(set(ids)) == 101
    assert [family.answer_ids(word)[:-1] for word in SCORE_TOKENS] == [[n] for n in ids]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bad", "excellentissimo"], "'bad': expected one token of the vocabulary, found"),
        (["x", "x"], "'x' and 'x' are the same token"),
    ],
)
def test_words_that_are_no_single_token_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made("internvl").word_ids(words)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_fit_that_a_family_has_not_is_refused(name: str) -> None:
    fit = "crop" if name != "llava" else "keep"
    scratch = ScratchConfig(family=name)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"model\.images\.fit: '(crop|keep)': .* takes"):
        scratch_family(
            scratch,
            JOINS,
            protocol=protocol("plain"),
            images=ImagesConfig(fit=fit),  # type: ignore[arg-type]
        )


def test_llava_s_own_inference_tokenizes_around_the_image() -> None:
    """As LLaVA's `tokenizer_image_token`: each part on its own, the first token of the tokenizer once."""
    family = made("llava", system=protocol("llava_v1").system, tokenize_apart=True)
    ids = family.prompt_ids("\nwhat?", [3])
    head, tail = family.render("\nwhat?", 1).split("<image>")
    expected = family.tokenizer(head)["input_ids"] + [family.placeholder_id] * 3
    expected += family.tokenizer(tail)["input_ids"][1:]
    assert ids == expected
    whole = replace(family.protocol, tokenize_apart=False)
    together = type(family)(
        family.tokenizer, family.image_processor, tokens_per_image=3, side=112, protocol=whole
    )
    assert together.prompt_ids("\nwhat?", [3]) != ids
