"""InternVL (InternVL3 in transformers' own `internvl` layout): one fixed square tile per image.

Source of the format: arXiv 2504.10479 and the chat template that the `-hf` checkpoints ship. An image is
`<img>` + n x `<IMG_CONTEXT>` + `</img>`, n = (tile / patch x downsample ratio) squared: 256 at 448 pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerBase

IMAGE_START, IMAGE_CONTEXT, IMAGE_END = "<img>", "<IMG_CONTEXT>", "</img>"
END_OF_TURN = "<|im_end|>"

# What the -hf checkpoints ship, for tokenizers that are made here.
CHAT_TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n'}}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}"
    "{{ '<IMG_CONTEXT>\\n' }}{% elif content['type'] == 'text' %}{{ content['text'] }}"
    "{% endif %}{% endfor %}{% endif %}{{'<|im_end|>\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{'<|im_start|>assistant\\n' }}{% endif %}"
)
_QUESTION = "QUESTION-MARKER"


def squash(image: Image.Image, size: tuple[int, int]) -> Tensor:
    """(3, height, width) uint8: an RGB image resized to (width, height) by bicubic resampling."""
    tile = image.resize(size, Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(tile).transpose(2, 0, 1).copy())


class InternVLFamily:
    """Tokenizes conversations and preprocesses images for an InternVL model.

    Args:
        tokenizer: with a chat template and the three image tokens.
        image_processor: a PIL-backend GotOcr2 processor; its size, mean and std are what is used.
        tokens_per_image: image tokens of a tile.
        system: system message, None for none.
    """

    name = "internvl"
    lora_target = (
        r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
    )
    vision_lora_target = (
        r".*vision_tower\.encoder\.layer\.\d+\."
        r"(attention\.(q_proj|k_proj|v_proj|projection_layer)|mlp\.fc[12])"
    )
    projector = "multi_modal_projector"
    vision = "vision_tower"

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_processor: Any,
        *,
        tokens_per_image: int,
        system: str | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.image_processor = image_processor
        self.tokens_per_image = tokens_per_image
        self.system = system
        size = image_processor.size
        if not size["width"] or image_processor.resample != Image.Resampling.BICUBIC:
            raise ValueError(
                f"{self.name}: expected an image processor that squashes to width x height by bicubic "
                f"resampling, found {image_processor.to_json_string()}"
            )
        self.size = (int(size["width"]), int(size["height"]))
        self._image_ids = {t: self._token(t) for t in (IMAGE_START, IMAGE_CONTEXT, IMAGE_END)}
        self.end_of_turn_id = self._token(END_OF_TURN)
        # One cache an instance: the same questions and answers come back in every pass.
        self._ids = lru_cache(maxsize=65536)(self._encode)
        self._templates: dict[int, tuple[list[list[int]], str, str]] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Caches do not travel to loader processes.
        return self.__dict__ | {"_ids": None, "_templates": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._ids = lru_cache(maxsize=65536)(self._encode)

    def image_tokens(self, size: tuple[int, int]) -> int:
        """Image tokens of an image of (width, height): one tile, whatever its size."""
        del size
        return self.tokens_per_image

    def prompt_ids(self, question: str, image_tokens: Sequence[int]) -> list[int]:
        """The conversation up to where the answer begins, as the chat template renders it."""
        head, before, after = self._template(len(image_tokens))
        ids: list[int] = []
        for text, tokens in zip(head, image_tokens, strict=True):
            ids += [*text, self._image_ids[IMAGE_START]]
            ids += [self._image_ids[IMAGE_CONTEXT]] * tokens
            ids.append(self._image_ids[IMAGE_END])
        return ids + list(self._ids(before + question + after))

    def answer_ids(self, answer: str) -> list[int]:
        """The answer and the token that ends the turn. It is tokenized apart from the prompt, as a
        generated answer is."""
        return [*self._ids(answer), self.end_of_turn_id]

    def image_block_end(self, prompt_ids: Sequence[int]) -> int:
        """Index past the last `</img>`; 0 without an image."""
        end = self._image_ids[IMAGE_END]
        return next((n for n in range(len(prompt_ids), 0, -1) if prompt_ids[n - 1] == end), 0)

    def prefix_positions(self, prefix_ids: Sequence[int]) -> np.ndarray:
        """(1, len(prefix)): plain counting, images included."""
        return np.arange(len(prefix_ids), dtype=np.int64)[None]

    def pixels(self, image: Image.Image) -> Tensor:
        """(3, height, width) uint8: a bicubic squash to the tile; the aspect ratio is not kept."""
        return squash(image, self.size)

    def collate_images(self, pixels: Sequence[Tensor]) -> dict[str, Tensor]:
        """{"pixels": (N, 3, height, width) uint8}."""
        width, height = self.size
        empty = torch.zeros(0, 3, height, width, dtype=torch.uint8)
        return {"pixels": torch.stack(list(pixels)) if pixels else empty}

    def model_inputs(self, images: dict[str, Tensor]) -> dict[str, Tensor]:
        """Normalise on the device: {"pixel_values": (N, 3, height, width) float32}."""
        pixels = images["pixels"]
        mean = torch.tensor(self.image_processor.image_mean, device=pixels.device)[:, None, None]
        std = torch.tensor(self.image_processor.image_std, device=pixels.device)[:, None, None]
        return {"pixel_values": (pixels.float() * self.image_processor.rescale_factor - mean) / std}

    def preprocessing(self) -> dict[str, Any]:
        """What a model folder records of it."""
        return {
            "backend": "pil",
            "size": list(self.size),
            "resample": "bicubic",
            "fit": "squash",
            "exif_orientation": "applied",
            "mean": list(self.image_processor.image_mean),
            "std": list(self.image_processor.image_std),
            "tokens_per_image": self.tokens_per_image,
        }

    def _template(self, images: int) -> tuple[list[list[int]], str, str]:
        """The chat template, rendered once: token ids before each image, text around the question."""
        if images not in self._templates:
            content: list[dict[str, str]] = [{"type": "image"}] * images
            content = [*content, {"type": "text", "text": _QUESTION}]
            messages = [{"role": "user", "content": content}]
            if self.system is not None:
                messages.insert(0, {"role": "system", "content": self.system})  # type: ignore[arg-type]
            text = self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
            assert isinstance(text, str)
            *head, tail = text.split(IMAGE_CONTEXT)
            before, found, after = tail.partition(_QUESTION)
            if len(head) != images or not found:
                raise ValueError(
                    f"{self.name}: the tokenizer's chat template does not put {images} image(s) before "
                    f"the question; it renders {text!r}"
                )
            self._templates[images] = ([list(self._ids(part)) for part in head], before, after)
        return self._templates[images]

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])  # type: ignore[arg-type]

    def _token(self, token: str) -> int:
        number = self.tokenizer.convert_tokens_to_ids(token)
        if not isinstance(number, int) or number == self.tokenizer.unk_token_id:
            raise ValueError(f"{self.name}: the tokenizer has no token {token!r}")
        return number
