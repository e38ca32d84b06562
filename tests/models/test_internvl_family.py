"""The family against the stock classes: the chat template's own rendering, the PIL processor's own pixels."""

from __future__ import annotations

import copy
import pickle
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import GotOcr2ImageProcessorPil, InternVLProcessor

from artimuse.models.aesthetic import AestheticModel
from artimuse.models.families.internvl import (
    IMAGE_CONTEXT,
    IMAGE_END,
    IMAGE_START,
    InternVLFamily,
)
from artimuse.models.scratch import train_tokenizer

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


def with_system(model: AestheticModel, system: str | None) -> InternVLFamily:
    family = model.family
    # A vocabulary that joins line breaks, spaces and words, as a real one does: a template that is
    # tokenized in pieces would show.
    joins = ["x\n\ny", "x\n \n y", ".\n\n", "\n\n\n", "\n  a", "  b  ", *QUESTIONS]
    return InternVLFamily(
        train_tokenizer(joins * 3, 600),
        family.image_processor,
        tokens_per_image=family.tokens_per_image,
        system=system,
    )


def rendered(family: InternVLFamily, question: str, images: int) -> list[int]:
    """The tokenizer's template, its placeholders expanded by the stock processor's own method, tokenized."""
    content = [{"type": "image"}] * images + [{"type": "text", "text": question}]
    messages: list[Any] = [{"role": "user", "content": content}]
    if family.system is not None:
        messages.insert(0, {"role": "system", "content": family.system})
    text = family.tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert isinstance(text, str)
    # The processor itself cannot be built without torchvision (it owns a video processor).
    stock: Any = SimpleNamespace(
        start_image_token=IMAGE_START, image_token=IMAGE_CONTEXT, end_image_token=IMAGE_END,
        image_seq_length=family.tokens_per_image,
    )  # fmt: skip
    block = InternVLProcessor.replace_image_token(stock, {"num_patches": [1]}, 0)
    return family.tokenizer(text.replace(IMAGE_CONTEXT, block), add_special_tokens=False)[
        "input_ids"
    ]  # type: ignore[return-value]


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("system", SYSTEMS, ids=["none", "plain", "new lines"])
def test_prompts_are_the_template_s_own(
    tiny_model: AestheticModel, system: str | None, images: int
) -> None:
    family = with_system(tiny_model, system)
    for question in QUESTIONS:
        ids = family.prompt_ids(question, [family.tokens_per_image] * images)
        assert ids == rendered(family, question, images), repr(question)


def test_an_image_block_ends_where_the_last_image_does(tiny_model: AestheticModel) -> None:
    family = tiny_model.family
    end = family.tokenizer.convert_tokens_to_ids(IMAGE_END)
    for images in (1, 2):
        ids = family.prompt_ids("what?", [4] * images)
        block = family.image_block_end(ids)
        assert ids[block - 1] == end
        assert end not in ids[block:]
        assert ids[:block].count(end) == images
    assert family.image_block_end(family.tokenizer("no image")["input_ids"]) == 0


def test_an_answer_ends_the_turn(tiny_model: AestheticModel) -> None:
    family = tiny_model.family
    for answer in ("The light is soft.", " leading", "A)", "ünï\ncode"):
        ids = family.answer_ids(answer)
        assert ids[-1] == family.end_of_turn_id
        assert family.tokenizer.decode(ids[:-1]) == answer


def test_a_template_that_asks_before_the_image_is_refused(tiny_model: AestheticModel) -> None:
    family = with_system(tiny_model, None)
    family.tokenizer = copy.deepcopy(family.tokenizer)
    family.tokenizer.chat_template = "{{ messages[0]['content'][-1]['text'] }}<IMG_CONTEXT>"
    with pytest.raises(ValueError, match="does not put 1 image"):
        family.prompt_ids("what?", [4])


def test_a_tokenizer_without_image_tokens_is_refused(tiny_model: AestheticModel) -> None:
    class Bare:
        unk_token_id = 0

        def convert_tokens_to_ids(self, token: str) -> int:
            return 0 if token == IMAGE_END else 7

    with pytest.raises(ValueError, match="the tokenizer has no token '</img>'"):
        InternVLFamily(Bare(), tiny_model.family.image_processor, tokens_per_image=4)  # type: ignore[arg-type]


def test_a_family_travels_to_loader_processes(tiny_model: AestheticModel) -> None:
    family = tiny_model.family
    before = family.prompt_ids("what?", [4])
    arrived = pickle.loads(pickle.dumps(family))
    assert arrived.prompt_ids("what?", [4]) == before
    assert arrived.answer_ids("x") == family.answer_ids("x")


def picture(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng([width, height])
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    "size", [(56, 56), (57, 55), (300, 200), (13, 170), (1, 1), (2, 300), (1024, 33), (448, 448)]
)
def test_pixels_are_the_pil_processor_s_own(
    tiny_model: AestheticModel, size: tuple[int, int]
) -> None:
    family, image = tiny_model.family, picture(*size)
    ours = family.model_inputs(family.collate_images([family.pixels(image)]))["pixel_values"]
    assert isinstance(family.image_processor, GotOcr2ImageProcessorPil)
    stock = family.image_processor(image, return_tensors="pt")["pixel_values"]
    assert ours.shape == stock.shape
    torch.testing.assert_close(ours, stock, rtol=0, atol=1e-6)


def test_several_images_stay_in_their_order(tiny_model: AestheticModel) -> None:
    family, images = tiny_model.family, [picture(60, 70), picture(90, 40)]
    pixels = family.collate_images([family.pixels(image) for image in images])
    assert pixels["pixels"].dtype == torch.uint8
    stock = family.image_processor(images, return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(
        family.model_inputs(pixels)["pixel_values"], stock, rtol=0, atol=1e-6
    )


def test_no_image_is_an_empty_tensor(tiny_model: AestheticModel) -> None:
    assert tiny_model.family.collate_images([])["pixels"].shape == (0, 3, 56, 56)


def test_the_image_tokens_are_as_many_as_the_model_makes(tiny_model: AestheticModel) -> None:
    family = tiny_model.family
    pixels = family.collate_images([family.pixels(picture(70, 50))])
    features = tiny_model.transformers_model.model.get_image_features(**family.model_inputs(pixels))
    assert features.pooler_output.shape[:2] == (1, family.image_tokens((70, 50)))
    context = family.tokenizer.convert_tokens_to_ids(IMAGE_CONTEXT)
    ids = family.prompt_ids("what?", [family.image_tokens((70, 50))])
    assert ids.count(context) == features.pooler_output.shape[1]


@pytest.mark.parametrize(
    "options", [{"resample": 2}, {"size": {"shortest_edge": 56}}], ids=["bilinear", "shortest edge"]
)
def test_a_processor_that_does_something_else_is_refused(
    tiny_model: AestheticModel, options: dict[str, Any]
) -> None:
    processor = GotOcr2ImageProcessorPil(**options)
    with pytest.raises(ValueError, match="expected an image processor that squashes"):
        InternVLFamily(tiny_model.family.tokenizer, processor, tokens_per_image=4)


def test_preprocessing_is_recorded(tiny_model: AestheticModel) -> None:
    record = tiny_model.family.preprocessing()
    assert record["backend"] == "pil"
    assert record["size"] == [56, 56]
    assert record["tokens_per_image"] == 4
