"""InternVL (InternVL3 in transformers' own `internvl` layout): one fixed square tile per image.

Source of the format: arXiv 2504.10479 and the chat template that the `-hf` checkpoints ship. An image is
`<img>` + n x `<IMG_CONTEXT>` + `</img>`, n = (tile / patch x downsample ratio) squared: 256 at 448 pixels.
"""

from __future__ import annotations

from typing import Any, Self

from transformers import PreTrainedTokenizerBase

from artimuse.config import ImagesConfig
from artimuse.models.families.tiles import BICUBIC, TileFamily
from artimuse.prompts import PromptProtocol

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


class InternVLFamily(TileFamily):
    """InternVL: a tile is squashed, or padded to keep the aspect ratio."""

    name = "internvl"
    lora_target = (
        r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
    )
    vision_lora_target = (
        r".*vision_tower\.encoder\.layer\.\d+\."
        r"(attention\.([qkv]_proj|projection_layer)|mlp\.fc[12])"
    )
    projector = "multi_modal_projector"
    vision = "vision_tower"
    end_of_turn = END_OF_TURN
    placeholder, block_start, block_end = IMAGE_CONTEXT, IMAGE_START, IMAGE_END
    fits = ("squash", "pad")

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_processor: Any,
        *,
        tokens_per_image: int,
        protocol: PromptProtocol,
        images: ImagesConfig | None = None,
    ) -> None:
        size = image_processor.size
        side = size["width"]
        if not side or side != size["height"] or image_processor.resample != BICUBIC:
            raise ValueError(
                f"{self.name}: expected an image processor that squashes to a square by bicubic "
                f"resampling, found {image_processor.to_json_string()}"
            )
        super().__init__(
            tokenizer,
            image_processor,
            tokens_per_image=tokens_per_image,
            side=int(side),
            fit="squash",
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
        tokens = config.image_seq_length
        return cls(
            tokenizer, image_processor, tokens_per_image=tokens, protocol=protocol, images=images
        )

    def processor_settings(self, config: Any) -> dict[str, Any]:
        """What transformers' own processor is built with."""
        del config
        return {"processor_class": "InternVLProcessor", "image_seq_length": self.tokens_per_image}
