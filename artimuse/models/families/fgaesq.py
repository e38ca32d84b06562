"""FGAesQ (arXiv 2603.03907): images, alone or in pairs, as tokens of two scales. There is no language.

What it shares with the chat families is how it is configured, normalised and recorded; `data/views.py` asks it
for *views*, tokens of an image seen alone or beside a partner, where the others are asked for conversations.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from PIL import Image
from torch import Tensor

from artimuse.config import ImagesConfig
from artimuse.models.difftoken import DiffToken, Tokens, collate_tokens, pair_key
from artimuse.models.families.tiles import Normalization
from artimuse.prompts import PromptProtocol

TOKENS, SHORT_SIDE = 512, 384


class FGAesQFamily:
    """Preprocesses images for CLIP's encoder over tokens of two scales.

    Args:
        image_processor: CLIP's, of the PIL backend; its mean and std are what is used.
        patch: side of a token in pixels.
        images: the protocol of DiffToken, and the budget of tokens.

    Raises:
        ValueError: for settings of `images` that are of other families.
    """

    name = "fgaesq"
    language = False
    vision, projector = "vision_model", "visual_projection"

    def __init__(
        self, image_processor: Any, *, patch: Any, images: ImagesConfig | None = None
    ) -> None:
        self.image_processor = image_processor
        self.images = images or ImagesConfig()
        for key in ("fit", "min_pixels", "max_pixels"):
            if getattr(self.images, key) is not None:
                raise ValueError(
                    f"model.images.{key}: {self.name} takes difftoken, tokens and short_side; leave it out"
                )
        self.normalization = Normalization(image_processor)
        self.tokenizer: Any = None
        """Of the text tower, where training compares in words."""
        self.difftoken = DiffToken(
            protocol="released" if self.images.difftoken == "released" else "corrected",
            budget=self.images.tokens or TOKENS,
            short_side=self.images.short_side or SHORT_SIDE,
            patch=patch,
        )

    @classmethod
    def from_config(
        cls,
        tokenizer: Any,
        image_processor: Any,
        config: Any,
        *,
        protocol: PromptProtocol,
        images: ImagesConfig | None = None,
    ) -> Self:
        """The family of a transformers configuration; a tokenizer and prompts have no part in it."""
        del tokenizer, protocol
        vision = getattr(config, "vision_config", config)
        return cls(image_processor, patch=vision.patch_size, images=images)

    @property
    def compares(self) -> bool:
        """Whether an image of a pair is seen as its partner asks for."""
        return self.images.difftoken != "none"

    @property
    def attend_padding(self) -> bool:
        """A fault that the published weights were trained with."""
        return self.difftoken.protocol == "released"

    def unread(self, config: Any) -> str | None:
        """Every parameter of CLIP's image encoder is read."""
        del config
        return None

    def view(self, image: Image.Image) -> Tokens:
        """An image without a partner; what is drawn, is drawn by its pixels, whatever it is called."""
        if not self.compares:
            return self.difftoken.plain(image)
        return self.difftoken.single(image, pixel_key(image))

    def pair_views(
        self, first: Image.Image, second: Image.Image, names: tuple[str, str]
    ) -> tuple[Tokens, Tokens]:
        """Two images as each asks for the other to be seen; the same for the pair turned round.

        What is drawn is drawn by the pixels, whatever the images are called and wherever they lie; under
        `released` by the names, as in the released code.

        Args:
            names: of the images; those of FGAesthetics end in `000009-01.jpg`.
        """
        if self.attend_padding:
            order, key = names, released_key(*names)
        else:
            order = pixel_key(first), pixel_key(second)
            key = pair_key(*order)
        if order[0] > order[1]:
            other, one = self.difftoken.pair(second, first, key)
            return one, other
        return self.difftoken.pair(first, second, key)

    def image_tokens(self, size: tuple[int, int]) -> int:
        """The most tokens of an image, whatever its size."""
        del size
        return self.difftoken.budget

    def collate_images(self, pixels: Sequence[Tokens]) -> dict[str, Tensor]:
        """Views of a batch: patches (V,N,3,p,p), centers (V,N,2), scale (V,N), present (V,N)."""
        return collate_tokens(
            list(pixels), length=self.difftoken.pad_to, patch=self.difftoken.patch
        )

    def cut_texts(self, texts: Sequence[str]) -> int:
        """How many of these texts have more tokens than the text tower reads."""
        lengths = (len(ids) for ids in self.tokenizer(list(texts))["input_ids"])
        return sum(length > self.tokenizer.model_max_length for length in lengths)

    def collate_texts(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Texts for the text tower, cut at the most tokens that it reads (`cut_texts` says how many are):
        text_ids, text_mask (C,L)."""
        made = self.tokenizer(
            list(texts), padding=True, truncation=True, return_tensors="pt",
            max_length=self.tokenizer.model_max_length,
        )  # fmt: skip
        return {"text_ids": made["input_ids"], "text_mask": made["attention_mask"]}

    def model_inputs(self, images: dict[str, Tensor]) -> dict[str, Tensor]:
        """{"patches": (V,N,3,p,p) float32}, normalised on the device."""
        return {"patches": self.normalization(images["patches"])}

    def preprocessing(self) -> dict[str, Any]:
        """What a model folder records of it."""
        return {
            "backend": "pil",
            "exif_orientation": "applied",
            "mean": self.normalization.mean,
            "std": self.normalization.std,
            "difftoken": self.difftoken.settings() if self.compares else "none",
        }

    def save(self, folder: Path) -> None:
        """The image processor, under its stock class name."""
        self.image_processor.save_pretrained(folder)


def pixel_key(image: Image.Image) -> str:
    """A name of an image that is its pixels' own."""
    size = f"{image.width} {image.height} ".encode()
    return hashlib.blake2b(size + image.tobytes(), digest_size=16).hexdigest()


def released_key(first: str, second: str) -> str:
    """A pair's name in the released code, which seeds what it draws: `9_1_2` of images 01 and 02 of 000009.

    The numbers are in the file's name; a `#2` behind it, of an image that is there twice, is no part of it. Of
    images that are not named as FGAesthetics' are, the bare file names are the key.
    """
    bare = sorted(re.sub(r"#\d+$", "", name).rpartition("/")[2] for name in (first, second))
    ends = [re.fullmatch(r"(\d+)-(\d+)\.\w+", name) for name in bare]
    if ends[0] is None or ends[1] is None or ends[0][1] != ends[1][1]:
        return pair_key(*bare)
    return f"{int(ends[0][1])}_{int(ends[0][2])}_{int(ends[1][2])}"
