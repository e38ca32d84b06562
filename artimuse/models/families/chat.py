"""What all families share: a conversation about images, as the model's own chat template writes it.

A family says how an image is written (its block of tokens), how many tokens it takes, and what its pixels
are; token ids, answers, positions and caches are here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from artimuse.config import ImagesConfig
from artimuse.prompts import PromptProtocol

_QUESTION = "QUESTION-MARKER"


class ChatFamily(ABC):
    """Tokenizes conversations and preprocesses images for one architecture.

    Args:
        tokenizer: with a chat template and the family's image tokens.
        image_processor: of the PIL backend; its sizes, mean and std are what is used.
        protocol: its system message, and how the text around an image is tokenized.
        images: how an image is brought to the model's size; None is what the processor says.

    Raises:
        ValueError: for a tokenizer, template or image processor that is not this family's.
    """

    name: ClassVar[str]
    language: ClassVar[bool] = True
    lora_target: ClassVar[str]
    vision_lora_target: ClassVar[str]
    projector: ClassVar[str | tuple[str, ...]]
    vision: ClassVar[str]
    end_of_turn: ClassVar[str]
    # What a chat template writes for an image, the tokens that are put around it where the template does not
    # write them, and what the template closes the image's block with.
    placeholder: ClassVar[str]
    block_start: ClassVar[str | None] = None
    block_end: ClassVar[str | None] = None
    template_close: ClassVar[str] = ""
    fits: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_processor: Any,
        *,
        protocol: PromptProtocol,
        images: ImagesConfig | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.image_processor = image_processor
        self.protocol = protocol
        self.images = images or ImagesConfig()
        if self.images.fit is not None and self.images.fit not in self.fits:
            raise ValueError(
                f"model.images.fit: {self.images.fit!r}: {self.name} takes {', '.join(self.fits)}"
            )
        for key in ("difftoken", "tokens", "short_side"):
            if getattr(self.images, key) is not None:
                raise ValueError(
                    f"model.images.{key}: of FGAesQ, and without effect on {self.name}: leave it out"
                )
        self.placeholder_id = self.token_id(self.placeholder)
        self.end_of_turn_id = self.token_id(self.end_of_turn)
        last = self.block_end or self.template_close or self.placeholder
        self._block_end_id = self.token_id(last)
        self._start = [self.token_id(self.block_start)] if self.block_start else []
        self._end = [self.token_id(self.block_end)] if self.block_end else []
        self._make_caches()

    def unread(self, config: Any) -> str | None:
        """Regular expression over names of parameters that no output of the model depends on, or None."""
        del config
        return None

    @abstractmethod
    def processor_settings(self, config: Any) -> dict[str, Any]:
        """transformers' own processor: `processor_class`, and what it is built with beside its parts."""

    @abstractmethod
    def image_tokens(self, size: tuple[int, int]) -> int:
        """Image tokens of an image of (width, height)."""

    @abstractmethod
    def pixels(self, image: Image.Image) -> Any:
        """The preprocessed RGB image as uint8; normalisation happens on the device."""

    @abstractmethod
    def collate_images(self, pixels: Sequence[Any]) -> dict[str, Tensor]:
        """Image tensors of a batch, in the order of the image blocks."""

    @abstractmethod
    def model_inputs(self, images: dict[str, Tensor]) -> dict[str, Tensor]:
        """Normalise on the device: what the transformers model takes; empty without an image."""

    def save(self, folder: Path) -> None:
        """Tokenizer and image processor, under their stock class names."""
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)

    @abstractmethod
    def preprocessing(self) -> dict[str, Any]:
        """What a model folder records of the preprocessing."""

    def prompt_ids(
        self, question: str, image_tokens: Sequence[int], *, separator: str | None = None
    ) -> list[int]:
        """The conversation up to where the answer begins, as the chat template renders it.

        Args:
            image_tokens: tokens of each image that the question is about.
            separator: text between the last image and the question, in place of the template's own.

        Raises:
            ValueError: for a question that holds the image token.
        """
        head, before, after = self._template(len(image_tokens))
        if separator is not None:
            before = self.template_close + separator
        counts = iter(image_tokens)
        ids: list[int] = []
        tail = self._tail(before + question + after)
        if self.placeholder_id in tail:
            raise ValueError(
                f"question {question!r}: expected text, found the image token {self.placeholder!r} in it"
            )
        for token in head:
            if token == self.placeholder_id:
                ids += [*self._start, *[token] * next(counts), *self._end]
            else:
                ids.append(token)
        return [*ids, *tail]

    def answer_ids(self, answer: str) -> list[int]:
        """The answer and the token that ends the turn. It is tokenized apart from the prompt, as a
        generated answer is."""
        return [*self._text(answer), self.end_of_turn_id]

    def answer_text(self, ids: Sequence[int]) -> str:
        """The text of generated token ids, without special tokens and outer whitespace."""
        text = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        assert isinstance(text, str)
        return text.strip()

    def word_ids(self, words: Sequence[str]) -> list[int]:
        """The token of each word, as the first of an answer.

        Raises:
            ValueError: for a word that is not one token of the vocabulary, or two words of one token.
        """
        found = [self._text(word) for word in words]
        unknown = self.tokenizer.unk_token_id
        for word, ids in zip(words, found, strict=True):
            if len(ids) != 1 or ids[0] == unknown:
                pieces = self.tokenizer.convert_ids_to_tokens(list(ids))
                raise ValueError(
                    f"model.readout.words: {word!r}: expected one token of the vocabulary, found {pieces}: "
                    "choose other words, or another kind of read-out"
                )
        ids = [entry[0] for entry in found]
        for number, token in enumerate(ids):
            if token in ids[:number]:
                raise ValueError(
                    f"model.readout.words: {words[ids.index(token)]!r} and {words[number]!r} are the "
                    "same token: expected different ones"
                )
        return ids

    def image_block_end(self, prompt_ids: Sequence[int]) -> int:
        """Index past the last token of the last image; 0 without an image."""
        end = self._block_end_id
        return next((n for n in range(len(prompt_ids), 0, -1) if prompt_ids[n - 1] == end), 0)

    def prefix_positions(
        self, prefix_ids: Sequence[int], sizes: Sequence[tuple[int, int]]
    ) -> np.ndarray:
        """(A, len(prefix)) int64: plain counting on one axis, images of (width, height) included."""
        del sizes
        return np.arange(len(prefix_ids), dtype=np.int64)[None]

    def token_id(self, token: str) -> int:
        """The id of a token of the vocabulary, ValueError where it is none."""
        number = self.tokenizer.convert_tokens_to_ids(token)
        if not isinstance(number, int) or number == self.tokenizer.unk_token_id:
            raise ValueError(f"{self.name}: the tokenizer has no token {token!r}")
        return number

    def __getstate__(self) -> dict[str, Any]:
        # Caches do not travel to loader processes.
        return {k: v for k, v in self.__dict__.items() if k not in ("_text", "_tail")} | {
            "_templates": {}
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._make_caches()

    def _make_caches(self) -> None:
        # One cache an instance: the same questions and answers come back in every pass.
        self._text = lru_cache(maxsize=65536)(self._encode)
        self._tail = lru_cache(maxsize=65536)(self._encode_tail)
        self._templates: dict[int, tuple[list[int], str, str]] = {}

    def _template(self, images: int) -> tuple[list[int], str, str]:
        """The chat template, rendered once: ids up to the last placeholder, text around the question."""
        if images not in self._templates:
            text = self.render(_QUESTION, images)
            *parts, tail = text.split(self.placeholder)
            before, found, after = tail.partition(_QUESTION)
            if len(parts) != images or not found or not before.startswith(self.template_close):
                raise ValueError(
                    f"{self.name}: the tokenizer's chat template does not put {images} image(s) before "
                    f"the question; it renders {text!r}"
                )
            self._templates[images] = (self._encode_head(parts), before, after)
        return self._templates[images]

    def render(self, question: str, images: int) -> str:
        """The text of a conversation, a placeholder for each image."""
        content: list[dict[str, str]] = [{"type": "image"}] * images
        messages = [{"role": "user", "content": [*content, {"type": "text", "text": question}]}]
        if self.protocol.system is not None:
            system = [{"type": "text", "text": self.protocol.system}]
            messages.insert(0, {"role": "system", "content": system})
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        assert isinstance(text, str)
        return text

    def prompt_text(self, question: str, *, separator: str | None = None) -> str:
        """The text that `prompt_ids` are of, with one placeholder for its image."""
        text = self.render(question, 1)
        if separator is None:
            return text
        _, _, after = self._template(1)
        head, _, _ = text.partition(self.placeholder)
        return head + self.placeholder + self.template_close + separator + question + after

    def _encode_head(self, parts: Sequence[str]) -> list[int]:
        """Ids of the text up to the last image, a placeholder after each part."""
        if not parts:
            return []
        if self.protocol.tokenize_apart:
            ids: list[int] = []
            for number, part in enumerate(parts):
                ids += [*self._encode(part, start=number == 0), self.placeholder_id]
            return ids
        return list(self._encode("".join(part + self.placeholder for part in parts), start=True))

    def _encode_tail(self, text: str) -> tuple[int, ...]:
        """Ids of the text after the last image, as they are behind it.

        A special token is cut out before anything else is tokenized, so that what stands before it has no
        say; but whether text stands at the very start has, for SentencePiece tokenizers.
        """
        if self.protocol.tokenize_apart:
            return self._encode(text)
        return self._encode(self.placeholder + text)[1:]

    def _encode(self, text: str, *, start: bool = False) -> tuple[int, ...]:
        """Token ids; at the start of a conversation with the tokenizer's own first token, if it has one."""
        bos = self.tokenizer.bos_token
        special = start and not (isinstance(bos, str) and text.startswith(bos))
        return tuple(self.tokenizer(text, add_special_tokens=special)["input_ids"])  # type: ignore[arg-type]
