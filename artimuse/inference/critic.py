"""Image and questions -> text, greedily. The image is encoded once for all its questions.

    Critic(model).answer(Path("a.jpg"), ["Please evaluate ... of Theme & Communication."])

The prefix's keys and values are computed once and repeated for every branch; the branches then decode as
the rows of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from transformers import DynamicCache

from artimuse.data.images import ImageSource, read_image
from artimuse.data.tree import Conversation, shared_prefix
from artimuse.inference.device import pick_device
from artimuse.models.aesthetic import AestheticModel, axes


@dataclass(frozen=True, slots=True)
class Answer:
    """What was written, and whether the limit of new tokens cut it off."""

    text: str
    cut: bool


class Critic:
    """Writes answers. The model is put into evaluation mode and moved to the device."""

    def __init__(self, model: AestheticModel, *, device: torch.device | str | None = None) -> None:
        self.device = pick_device(device)
        self.model = model.to(self.device).eval()
        self.family = model.family

    def answer(
        self, image: ImageSource, questions: Sequence[str], *, max_new_tokens: int = 128
    ) -> list[str]:
        """One answer per question; an answer that reaches `max_new_tokens` ends there.

        Raises:
            ImageError: for an image that cannot be read.
        """
        written = self.write(image, questions, max_new_tokens=max_new_tokens)
        return [answer.text for answer in written]

    def write(
        self, image: ImageSource, questions: Sequence[str], *, max_new_tokens: int = 128
    ) -> list[Answer]:
        """As `answer`, and says of each answer whether it was cut off."""
        if not questions:
            return []
        prompts, picture = self._asked(image, questions)
        with torch.inference_mode():
            rows = self.generate(prompts, [picture], max_new_tokens)
        return self._answers(rows, max_new_tokens)

    @torch.inference_mode()
    def stream(
        self,
        image: ImageSource,
        questions: Sequence[str],
        *,
        max_new_tokens: int = 128,
        every: int = 4,
    ) -> Iterator[list[Answer]]:
        """The answers as far as they are written, every few tokens; the last yield is what `write` gives."""
        prompts, picture = self._asked(image, questions)
        written: list[Tensor] = []
        for token in self._tokens(prompts, [picture], max_new_tokens):
            written.append(token)
            if len(written) % every == 0:
                yield self._answers(self._rows(written), max_new_tokens)
        if len(written) % every or not written:
            rows = self._rows(written) if written else [[] for _ in prompts]
            yield self._answers(rows, max_new_tokens)

    def generate(
        self, prompts: Sequence[list[int]], images: Sequence[Image.Image], max_new_tokens: int
    ) -> list[list[int]]:
        """Greedy token ids per tokenized prompt about the same images, without the end of the turn."""
        written = list(self._tokens(prompts, images, max_new_tokens))
        return self._rows(written) if written else [[] for _ in prompts]

    def _asked(
        self, image: ImageSource, questions: Sequence[str]
    ) -> tuple[list[list[int]], Image.Image]:
        """The tokenized questions about an image, and the image."""
        if not self.family.language:
            raise ValueError(
                f"a {self.family.name} model has no language: it scores and ranks, and answers nothing"
            )
        picture = read_image(image)
        tokens = [self.family.image_tokens(picture.size)]
        return [self.family.prompt_ids(question, tokens) for question in questions], picture

    def _answers(self, rows: Sequence[list[int]], limit: int) -> list[Answer]:
        # A row ends before the token that ends the turn: one that is full never came to it.
        return [Answer(self.family.answer_text(row), len(row) >= limit) for row in rows]

    def _rows(self, written: Sequence[Tensor]) -> list[list[int]]:
        """(rows) token ids of every step -> those of each row, up to the end of its turn."""
        end = self.family.end_of_turn_id
        rows = torch.stack(list(written), dim=1).tolist()
        return [row[: row.index(end)] if end in row else row for row in rows]

    def _tokens(
        self, prompts: Sequence[list[int]], images: Sequence[Image.Image], max_new_tokens: int
    ) -> Iterator[Tensor]:
        """(rows) greedy token ids, a step at a time."""
        # At least one token of every prompt stays outside the prefix: it predicts the first answer token.
        shared = min(
            shared_prefix([Conversation(prompt, None) for prompt in prompts]),
            min(len(prompt) for prompt in prompts) - 1,
        )
        prefix = prompts[0][:shared]
        places = self.family.prefix_positions(prefix, [image.size for image in images])
        pixels = self.family.collate_images([self.family.pixels(image) for image in images])
        cache = self._encode_prefix(prefix, pixels, torch.from_numpy(places), rows=len(prompts))
        tails = [prompt[shared:] for prompt in prompts]
        widest = max(len(tail) for tail in tails)
        ids = torch.zeros(len(tails), widest, dtype=torch.int64)
        real = torch.zeros(len(tails), widest, dtype=torch.int64)
        for row, tail in enumerate(tails):  # padded on the left, between prefix and question
            ids[row, widest - len(tail) :] = torch.tensor(tail)
            real[row, widest - len(tail) :] = 1
        mask = torch.cat([torch.ones(len(tails), shared, dtype=torch.int64), real], dim=1)
        positions = int(places.max()) + 1 + (real.cumsum(1) - 1).clamp(min=0)
        positions = positions.expand(len(places), -1, -1)
        return self._greedy(cache, ids, mask, positions, max_new_tokens)

    def _encode_prefix(
        self, prefix: list[int], pixels: dict[str, Tensor], positions: Tensor, *, rows: int
    ) -> DynamicCache:
        """Keys and values of a prefix; positions: (A, len(prefix))."""
        on_device = {name: tensor.to(self.device) for name, tensor in pixels.items()}
        cache = DynamicCache()
        self.model.transformers_model.model(
            input_ids=torch.tensor([prefix], device=self.device),
            position_ids=axes(positions[:, None].to(self.device)),
            past_key_values=cache,
            use_cache=True,
            **self.family.model_inputs(on_device),
        )
        cache.batch_repeat_interleave(rows)
        return cache

    def _greedy(
        self, cache: DynamicCache, ids: Tensor, mask: Tensor, positions: Tensor, limit: int
    ) -> Iterator[Tensor]:
        """ids, mask: (rows, tokens) after the prefix, and with it; positions: (A, rows, tokens)."""
        end = self.family.end_of_turn_id
        ids, mask, positions = (t.to(self.device) for t in (ids, mask, positions))
        model = self.model.transformers_model
        done = torch.zeros(len(ids), dtype=torch.bool, device=self.device)
        for _ in range(limit):
            hidden = model.model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=axes(positions),
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state
            token = model.lm_head(hidden[:, -1]).argmax(-1)
            token = torch.where(done, end, token)
            done |= token == end
            yield token
            if bool(done.all()):
                break
            ids, positions = token[:, None], positions[:, :, -1:] + 1
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
