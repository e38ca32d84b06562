"""Qwen2.5-VL and Qwen3-VL: an image keeps its aspect ratio, and takes as many tokens as its size asks for.

Source of the format: arXiv 2502.13923 and 2511.21631, and the chat templates that the checkpoints ship. An
image is `<|vision_start|>` + n x `<|image_pad|>` + `<|vision_end|>`; its tokens have positions on three axes
(time, row, column), text after it goes on from the largest of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from artimuse.config import ImagesConfig
from artimuse.models.families.chat import ChatFamily
from artimuse.models.families.qwen_pixels import Patches, QwenPixels
from artimuse.prompts import PromptProtocol

VISION_START, IMAGE_PAD, VISION_END = "<|vision_start|>", "<|image_pad|>", "<|vision_end|>"
END_OF_TURN = "<|im_end|>"
DEFAULT_SYSTEM = "You are a helpful assistant."

# Renders what the checkpoints' templates render of texts and images, for tokenizers that are made here;
# only Qwen2.5-VL's puts a system message in front where none is given.
_TEMPLATE = (
    "{% for message in messages %}DEFAULT{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}"
    "{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_DEFAULT = (
    "{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\\n" + DEFAULT_SYSTEM + "<|im_end|>\\n' }}{% endif %}"
)
CHAT_TEMPLATES = {
    "qwen2_5_vl": _TEMPLATE.replace("DEFAULT", _DEFAULT),
    "qwen3_vl": _TEMPLATE.replace("DEFAULT", ""),
}


class QwenVLFamily(ChatFamily):
    """Qwen2.5-VL or Qwen3-VL, as `name` says: what `ChatFamily` says, and

    Args:
        name: transformers' `model_type`.
    """

    lora_target = (
        r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
    )
    vision_lora_target = (
        r".*visual\.blocks\.\d+\."
        r"(attn\.(qkv|proj)|mlp\.((gate|up|down)_proj|linear_fc[12]))"
    )
    projector = ("visual.merger", "visual.deepstack_merger_list")  # the second is Qwen3-VL's
    vision = "visual"
    end_of_turn = END_OF_TURN
    placeholder, template_close = IMAGE_PAD, VISION_END
    fits = ("keep", "squash")

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_processor: Any,
        *,
        name: str,
        protocol: PromptProtocol,
        images: ImagesConfig | None = None,
    ) -> None:
        self.name = name  # type: ignore[misc]  # one class, two architectures
        super().__init__(tokenizer, image_processor, protocol=protocol, images=images)
        # Written into the processor, so that the one that is saved makes the same sizes.
        size = dict(image_processor.size)
        for key, value in (
            ("shortest_edge", self.images.min_pixels),
            ("longest_edge", self.images.max_pixels),
        ):
            if value is not None:
                size[key] = value
        if size["shortest_edge"] > size["longest_edge"]:
            raise ValueError(
                f"model.images: expected min_pixels <= max_pixels, found {size['shortest_edge']} and "
                f"{size['longest_edge']}"
            )
        image_processor.size = size
        self.fit = self.images.fit or "keep"
        self._pixels = QwenPixels(image_processor)
        factor = self._pixels.patch * self._pixels.merge
        self._squashed = square(factor, self._pixels.max_pixels)

    @classmethod
    def from_config(
        cls,
        tokenizer: PreTrainedTokenizerBase,
        image_processor: Any,
        config: Any,
        *,
        protocol: PromptProtocol,
        images: ImagesConfig | None = None,
    ) -> Self:
        """The family of a transformers configuration."""
        name = config.model_type
        return cls(tokenizer, image_processor, name=name, protocol=protocol, images=images)

    def processor_settings(self, config: Any) -> dict[str, Any]:
        """What transformers' own processor is built with."""
        del config
        kinds = {"qwen2_5_vl": "Qwen2_5_VLProcessor", "qwen3_vl": "Qwen3VLProcessor"}
        return {"processor_class": kinds[self.name]}

    def image_tokens(self, size: tuple[int, int]) -> int:
        """Image tokens of an image of (width, height)."""
        return self._pixels.image_tokens(self._shown(size))

    def prefix_positions(
        self, prefix_ids: Sequence[int], sizes: Sequence[tuple[int, int]]
    ) -> np.ndarray:
        """(3, len(prefix)): time, row and column; for text all three count alike.

        Args:
            sizes: (width, height) of the images, in the order of their blocks.
        """
        token = np.asarray(prefix_ids)
        positions = np.zeros((3, len(token)), dtype=np.int64)
        grids = iter(sizes)
        at, position = 0, 0
        while at < len(token):
            if token[at] != self.placeholder_id:
                positions[:, at] = position
                at, position = at + 1, position + 1
                continue
            columns, rows = self._pixels.grid(self._shown(next(grids)))
            place = slice(at, at + rows * columns)
            positions[0, place] = position
            positions[1, place] = position + np.repeat(np.arange(rows), columns)
            positions[2, place] = position + np.tile(np.arange(columns), rows)
            at, position = at + rows * columns, position + max(rows, columns)
        return positions

    def pixels(self, image: Image.Image) -> Patches:
        """Patches of the resized image, uint8."""
        size = self._shown(image.size)
        if size != image.size:
            image = image.resize(size, Image.Resampling.BICUBIC)
        return self._pixels.patches(image)

    def collate_images(self, pixels: Sequence[Patches]) -> dict[str, Tensor]:
        """{"patches": (N, 3, patch, patch) uint8 of all images, "grid": (images, 3) int64}."""
        side = self._pixels.patch
        empty = torch.zeros(0, 3, side, side, dtype=torch.uint8)
        grids = [entry.grid for entry in pixels]
        return {
            "patches": torch.cat([entry.values for entry in pixels]) if pixels else empty,
            "grid": torch.tensor(grids, dtype=torch.int64).reshape(-1, 3),
        }

    def model_inputs(self, images: dict[str, Tensor]) -> dict[str, Tensor]:
        """{"pixel_values": (N, 3 x frames x patch x patch) float32, "image_grid_thw": (images, 3)}."""
        return {
            "pixel_values": self._pixels.normalize(images["patches"]),
            "image_grid_thw": images["grid"],
        }

    def preprocessing(self) -> dict[str, Any]:
        """What a model folder records of it."""
        return {
            "backend": "pil",
            "fit": self.fit,
            "resample": "bicubic",
            "exif_orientation": "applied",
            "mean": self._pixels.mean,
            "std": self._pixels.std,
            "min_pixels": self._pixels.min_pixels,
            "max_pixels": self._pixels.max_pixels,
            "patch": self._pixels.patch,
            "merge": self._pixels.merge,
        }

    def _shown(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size that an image is brought to before the processor's own rounding."""
        return self._squashed if self.fit == "squash" else size


def square(factor: int, max_pixels: int) -> tuple[int, int]:
    """(width, height) of the largest square within max_pixels whose side is a multiple of `factor`."""
    side = max(factor, math.isqrt(max_pixels) // factor * factor)
    return side, side
