"""A read-out of words through a stage that trains text alone.

The rows of `tokens` and `levels` are a copy of the language model's head, made when the read-out is new. A
stage without score supervision trains the head and not the copy: the stage after it has to start from what
the head has become, as ArtiMuse's score stage does (arXiv 2507.14533).
"""

from __future__ import annotations

import torch

from artimuse.models.aesthetic import AestheticModel
from artimuse.models.readouts import WordsReadout, words_of


def words_are_the_heads(model: AestheticModel) -> bool:
    """Whether the model has a read-out of words that is still what its language model's head says."""
    if not isinstance(model.readout, WordsReadout):
        return False
    head = model.transformers_model.get_output_embeddings()
    rows = head.weight[_word_ids(model)].detach()
    return torch.equal(model.readout.rows.weight.detach(), rows.to(torch.float32))


def take_words_from_head(model: AestheticModel) -> None:
    """Copy the head's rows anew."""
    assert isinstance(model.readout, WordsReadout)
    model.readout.start_from(model.transformers_model.get_output_embeddings(), _word_ids(model))


def _word_ids(model: AestheticModel) -> list[int]:
    assert model.info.readout is not None
    return model.family.word_ids(words_of(model.info.readout))
