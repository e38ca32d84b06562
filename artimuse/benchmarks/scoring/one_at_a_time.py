"""How the papers' own scripts score: one image at a time, every question a pass of its own.

    alone = OneAtATime(model, device)
    alone.score(Path("a.jpg")), alone.critique(Path("a.jpg"), "Overall Gestalt", new_tokens=64)

The image is decoded, preprocessed and encoded anew for every question, the logits of a score question are those
of the whole vocabulary at every position (a stock forward pass), and critiques come from transformers' own
`generate`, one after the other. Weights, pixels, prompts and greedy choices are those of the other variants;
matrix products on a CPU are torch's own, as theirs are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationConfig

from artimuse.data.images import read_image
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.readouts import WordsReadout, distribution_reading, words_of
from artimuse.prompts import protocol
from artimuse.records import OVERALL


class OneAtATime:
    """Asks a model through transformers alone; it is put into evaluation mode and moved to the device."""

    def __init__(self, model: AestheticModel, device: torch.device) -> None:
        self.model, self.device = model.to(device).eval(), device
        self.family = model.family
        self.wording = protocol(model.info.prompt)
        self._hidden: Tensor | None = None
        head: nn.Module = model.transformers_model.lm_head
        head.register_forward_pre_hook(self._remember)

    @torch.inference_mode()
    def score(self, image: Path) -> float:
        """The score of an image, 0-100, in the overall aspect."""
        inputs = self._inputs(image, self.wording.score(OVERALL), self.wording.score_separator)
        logits = self.model.transformers_model(**inputs).logits
        if isinstance(self.model.readout, WordsReadout):
            assert self.model.info.readout is not None
            ids = self.family.word_ids(words_of(self.model.info.readout))
            return distribution_reading(logits[:, -1].float()[:, ids]).scores.item()
        assert self._hidden is not None
        aspect = torch.zeros(1, dtype=torch.int64, device=self.device)
        return self.model.read_out(self._hidden[:, -1], aspect).scores.item()

    @torch.inference_mode()
    def critique(self, image: Path, attribute: str, new_tokens: int) -> str:
        """The critique of an image in one attribute.

        Raises:
            ValueError: for a text of another length: the two variants would not do the same work.
        """
        inputs = self._inputs(image, self.wording.attribute(attribute), None)
        end = self.family.end_of_turn_id
        config = GenerationConfig(
            max_new_tokens=new_tokens, do_sample=False, eos_token_id=end, pad_token_id=end
        )
        row = self.model.transformers_model.generate(**inputs, generation_config=config)[0].tolist()
        written = row[inputs["input_ids"].shape[1] :]
        if len(written) != new_tokens or end in written:
            raise ValueError(f"expected a text of {new_tokens} tokens, found {len(written)}")
        return self.family.answer_text(written)

    def _inputs(self, image: Path, question: str, separator: str | None) -> dict[str, Any]:
        picture = read_image(image)
        counts = [self.family.image_tokens(picture.size)]
        ids = torch.tensor([self.family.prompt_ids(question, counts, separator=separator)])
        pixels = self.family.collate_images([self.family.pixels(picture)])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if self.family.name.startswith("qwen"):
            inputs["mm_token_type_ids"] = (ids == self.family.placeholder_id).int()
        moved = {name: tensor.to(self.device) for name, tensor in inputs.items()}
        on_device = {name: tensor.to(self.device) for name, tensor in pixels.items()}
        return moved | self.family.model_inputs(on_device)

    def _remember(self, head: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """What the vocabulary's head reads, for read-outs of hidden states."""
        del head
        self._hidden = inputs[0]


@torch.no_grad()
def never_end(model: AestheticModel) -> None:
    """Let no answer end before its limit: the logit of the end of the turn is 0, and the largest of a
    vocabulary with random weights is not."""
    model.transformers_model.lm_head.weight[model.family.end_of_turn_id] = 0
