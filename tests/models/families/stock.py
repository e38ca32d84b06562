"""What transformers itself makes of a conversation: its processor's own template and image tokens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from PIL import Image
from transformers import (
    InternVLProcessor,
    LlavaProcessor,
    Qwen2_5_VLProcessor,
    Qwen3VLProcessor,
)

from artimuse.models.families import ChatFamily


def rendered(family: ChatFamily, question: str, images: list[Image.Image]) -> list[int]:
    """The tokenizer's template, placeholders replaced by the stock processor's own method, tokenized."""
    content: list[Any] = [{"type": "image"}] * len(images) + [{"type": "text", "text": question}]
    messages: list[Any] = [{"role": "user", "content": content}]
    if family.protocol.system is not None:
        system = [{"type": "text", "text": family.protocol.system}]
        messages.insert(0, {"role": "system", "content": system})
    text = family.tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True
    )
    assert isinstance(text, str)
    head, *tails = text.split(family.placeholder)
    assert len(tails) == len(images)
    blocks = [block(family, image) for image in images]
    whole = head + "".join(b + tail for b, tail in zip(blocks, tails, strict=True))
    return family.tokenizer(whole)["input_ids"]  # type: ignore[return-value]


def block(family: ChatFamily, image: Image.Image) -> str:
    """The text that the stock processor puts in a placeholder's place.

    Processors that own a video processor cannot be built without torchvision, so their method is called on
    what it reads of them.
    """
    processor: Any = family.image_processor
    made = processor(images=[image], return_tensors="pt")
    if family.name == "llava":
        stock: Any = LlavaProcessor(
            processor, family.tokenizer, patch_size=14, num_additional_image_tokens=1,
            vision_feature_select_strategy="default",
        )  # fmt: skip
        return stock.replace_image_token(made, 0)
    if family.name == "internvl":
        stock = SimpleNamespace(
            start_image_token="<img>", image_token="<IMG_CONTEXT>", end_image_token="</img>",
            image_seq_length=family.image_tokens(image.size),
        )  # fmt: skip
        return InternVLProcessor.replace_image_token(stock, {"num_patches": [1]}, 0)
    stock = SimpleNamespace(image_processor=processor, image_token=family.placeholder)
    kind: Any = Qwen3VLProcessor if family.name == "qwen3_vl" else Qwen2_5_VLProcessor
    return kind.replace_image_token(stock, made, 0)
