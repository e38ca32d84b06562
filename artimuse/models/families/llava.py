"""LLaVA-1.5 (AesExpert's base; transformers' `llava`): CLIP features of one square tile per image.

Source of the format: arXiv 2310.03744, and the chat template that the `-hf` checkpoints ship. An image is
n x `<image>`, n = (tile / patch) squared: 576 at 336 pixels. LLaVA-1.5 pads an image to a square with CLIP's
mean colour; the `-hf` processors crop its centre unless their `do_pad` says otherwise.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Any, Self

from transformers import PreTrainedTokenizerBase

from artimuse.config import ImagesConfig
from artimuse.models.families.tiles import BICUBIC, TileFamily
from artimuse.prompts import PromptProtocol

IMAGE = "<image>"
END_OF_TURN = "</s>"

# Renders what the template of the -hf checkpoints renders, and the templates `v1` and `llava_v1` of the
# original, whose system message is parted from `USER:` by a space.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for content in message['content'] if content['type'] == 'image' %}{{ '<image>\\n' }}{% endfor %}"
    "{% for content in message['content'] if content['type'] == 'text' %}"
    "{{ content['text'] + ' ' }}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def _each_byte(error: UnicodeError) -> tuple[str, int]:
    """A replacement character for every byte that is no UTF-8, as sentencepiece writes it."""
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd" * (error.end - error.start), error.end


codecs.register_error("each-byte", _each_byte)


class LlavaFamily(TileFamily):
    """LLaVA-1.5: a tile is cropped, padded or squashed, by default as the image processor says."""

    name = "llava"
    lora_target = (
        r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
    )
    vision_lora_target = (
        r".*vision_tower\.(vision_model\.)?encoder\.layers\.\d+\."
        r"(self_attn\.([qkv]|out)_proj|mlp\.fc[12])"
    )
    projector = "multi_modal_projector"
    vision = "vision_tower"
    end_of_turn = END_OF_TURN
    placeholder = IMAGE
    fits = ("crop", "pad", "squash")

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_processor: Any,
        *,
        tokens_per_image: int,
        side: int,
        protocol: PromptProtocol,
        images: ImagesConfig | None = None,
    ) -> None:
        super().__init__(
            tokenizer,
            image_processor,
            tokens_per_image=tokens_per_image,
            side=side,
            fit=_processor_fit(image_processor, side),
            protocol=protocol,
            images=images,
        )

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
        vision = config.vision_config
        class_token = config.vision_feature_select_strategy == "full"
        return cls(
            tokenizer,
            image_processor,
            tokens_per_image=(vision.image_size // vision.patch_size) ** 2 + class_token,
            side=vision.image_size,
            protocol=protocol,
            images=images,
        )

    def answer_text(self, ids: Sequence[int]) -> str:
        """The text of generated token ids, as sentencepiece decodes them.

        The `tokenizers` library replaces a whole run of byte pieces where one of them is no UTF-8;
        sentencepiece keeps the characters around it.
        """
        text = bytearray()
        for piece in self.tokenizer.convert_ids_to_tokens(list(ids), skip_special_tokens=True):
            byte = _BYTE.fullmatch(piece)
            text += bytes.fromhex(byte[1]) if byte else piece.replace("▁", " ").encode()
        return text.decode("utf-8", "each-byte").strip()

    def processor_settings(self, config: Any) -> dict[str, Any]:
        """What transformers' own processor is built with; CLIP has a class token before the patches."""
        return {
            "processor_class": "LlavaProcessor",
            "patch_size": config.vision_config.patch_size,
            "vision_feature_select_strategy": config.vision_feature_select_strategy,
            "num_additional_image_tokens": 1,
            "image_token": IMAGE,
        }

    def unread(self, config: Any) -> str | None:
        """CLIP's layers behind the one whose features are taken (the last but one), and its last norm."""
        layers = config.vision_feature_layer
        depth = config.vision_config.num_hidden_layers
        # Of depth + 1 hidden states the first is the embedding.
        read = max(n % (depth + 1) for n in (layers if isinstance(layers, list) else [layers]))
        behind = "|".join(str(n) for n in range(read, depth)) or "none"
        return rf".*vision_tower\.(vision_model\.)?(post_layernorm|encoder\.layers\.({behind}))\..*"


def _processor_fit(image_processor: Any, side: int) -> str:
    """How a CLIP or LLaVA image processor brings an image to a tile of `side` pixels."""
    size = dict(image_processor.size)
    crop = dict(image_processor.crop_size or {}) if image_processor.do_center_crop else None
    short = size.get("shortest_edge") == side and crop == {"height": side, "width": side}
    square = size.get("height") == size.get("width") == side
    if image_processor.resample != BICUBIC or not (short or square):
        raise ValueError(
            f"llava: expected an image processor that makes tiles of {side} pixels by bicubic "
            f"resampling, found {image_processor.to_json_string()}"
        )
    if getattr(image_processor, "do_pad", False):
        return "pad"
    return "crop" if short else "squash"
