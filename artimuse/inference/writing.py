"""Trees that grow: greedy answers to all text questions of a batch, token by token, all images at once.

    growing = Growing(model, batch, tips, limit=128)
    for _ in growing: ...                 # one more token per answer that is not finished
    answers(growing.written, family, limit=128), growing.outputs

The batch is read once, with its score questions, and its keys and values are kept. Then every row gets one
more token per branch that is not finished, seen by that branch alone: the layout is the tree's throughout, so
the prefix of an image is held once for all its questions, and not once for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from artimuse.batch import PADDING, Batch, Outputs
from artimuse.data.collate import Item
from artimuse.inference.growing_cache import GrowingCache
from artimuse.models.aesthetic import AestheticModel, axes
from artimuse.models.families.chat import ChatFamily


@dataclass(frozen=True, slots=True)
class Answer:
    """What was written, and whether the limit of new tokens cut it off."""

    text: str
    cut: bool


@dataclass(frozen=True, slots=True)
class Tip:
    """Where an answer grows: the number of its branch, and the index into the batch's S supervised positions
    that predicts its first token."""

    branch: int
    supervised: int


def tips_of(items: Sequence[Item], family: ChatFamily) -> tuple[Tip, ...]:
    """The tips of a batch of items, a tree a row: one per text question without an answer, in their order."""
    tips: list[Tip] = []
    supervised = 0
    for item in items:
        for number, question in enumerate(item.questions, start=1):
            if question.kind == "text" and question.answer is None:
                tips.append(Tip(number, supervised))
                supervised += 1
            elif question.answer is not None and question.kind != "score":
                supervised += len(family.answer_ids(question.answer))
    return tuple(tips)


def answers(rows: Sequence[Sequence[int]], family: ChatFamily, *, limit: int) -> list[Answer]:
    """Token ids per tip, as far as they are written -> texts."""
    # A row ends before the token that ends the turn: one that is full never came to it.
    return [Answer(family.answer_text(list(row)), len(row) >= limit) for row in rows]


class Growing:
    """The trees of a batch while their answers are written; goes on by one token per answer.

    Args:
        batch: on the model's device.
        limit: of tokens per answer.

    Attributes:
        outputs: of the batch as it was read.
        written: token ids per tip so far, without the end of the turn.

    Shape legend, beside the batch's: N tips, L of them not finished, C columns of the cache, W tokens that a
    row gets in a step.
    """

    @torch.inference_mode()
    def __init__(
        self, model: AestheticModel, batch: Batch, tips: Sequence[Tip], *, limit: int
    ) -> None:
        self.model, self.cache, self.limit = model, GrowingCache(), limit
        self.outputs: Outputs = model(batch, cache=self.cache, last_layer="read")
        self.written: list[list[int]] = [[] for _ in tips]
        self.dtype = model.transformers_model.get_input_embeddings().weight.dtype
        device = batch.input_ids.device
        supervised = torch.tensor([tip.supervised for tip in tips], device=device)
        self.first = self.outputs.text_logits.index_select(0, supervised).argmax(-1).tolist()
        places = batch.supervised.index_select(0, supervised)
        # (A,N): an answer goes on from the position that predicts its first token.
        self.start = batch.positions.flatten(1).index_select(1, places) + 1
        self.row_of = (places // batch.input_ids.shape[1]).tolist()
        self.branch = torch.tensor([tip.branch for tip in tips], device=device)
        # (R,C): the branch that each cached token belongs to; padding is seen by none.
        self.columns = batch.branch.masked_fill(batch.tree == PADDING, PADDING)
        self.rows = list(range(len(batch.input_ids)))

    # The decorator holds inside a step alone: between two of them the caller's own mode does.
    @torch.inference_mode()
    def __iter__(self) -> Iterator[None]:
        """Yield after each token that was added to `written`."""
        end = self.model.family.end_of_turn_id
        live, tokens, slots = list(range(len(self.written))), self.first, None
        for step in range(self.limit):
            going = [(tip, token) for tip, token in zip(live, tokens, strict=True) if token != end]
            if not going:
                return
            for tip, token in going:
                self.written[tip].append(token)
            yield
            if step == self.limit - 1:
                return
            if slots is None or len(going) < len(live):
                live = [tip for tip, _ in going]
                slots = self._lay_out(live)
            tokens = self._step(slots, [token for _, token in going], step)

    def _lay_out(self, live: list[int]) -> _Slots:
        """Where the next tokens of the live tips go; rows without one leave the cache."""
        rows = sorted({self.row_of[tip] for tip in live})
        device = self.columns.device
        if rows != self.rows:
            kept = torch.tensor([self.rows.index(row) for row in rows], device=device)
            self.cache.batch_select_indices(kept)
            self.columns, self.rows = self.columns.index_select(0, kept), rows
        of_row = [[tip for tip in live if self.row_of[tip] == row] for row in rows]
        width = max(len(tips) for tips in of_row)
        place = {
            tip: row * width + n for row, tips in enumerate(of_row) for n, tip in enumerate(tips)
        }
        index = torch.tensor([place[tip] for tip in live], device=device)
        tips = torch.tensor(live, device=device)
        branch = self.columns.new_full((len(rows) * width,), PADDING)
        start = self.start.new_zeros(len(self.start), len(rows) * width)
        start[:, index] = self.start.index_select(1, tips)
        branch[index] = self.branch.index_select(0, tips)
        shape = len(rows), width
        return _Slots(index, branch.view(shape), start.view(-1, *shape))

    def _step(self, slots: _Slots, tokens: list[int], step: int) -> list[int]:
        """Feed the token that each live tip ends with; returns the one after it."""
        ids = torch.zeros_like(slots.branch)
        ids.view(-1)[slots.index] = torch.tensor(tokens, device=ids.device)
        self.columns = torch.cat([self.columns, slots.branch], dim=1)
        columns, own = self.columns[:, None, :], slots.branch[:, :, None]
        # What fills a row up sees the prefix, so that no softmax row is empty.
        visible = (columns == 0) | ((columns == own) & (own != PADDING))
        transformers_model = self.model.transformers_model
        # Added to the products as it is: a mask of booleans would be turned into this one in every layer.
        mask = torch.zeros(visible.shape, dtype=self.dtype, device=ids.device)
        mask.masked_fill_(~visible, torch.finfo(self.dtype).min)
        hidden = transformers_model.model(
            input_ids=ids,
            attention_mask=mask[:, None],
            position_ids=axes(slots.start + step),
            past_key_values=self.cache,
            use_cache=True,
            grouped=True,
        ).last_hidden_state.flatten(0, 1)
        logits = transformers_model.lm_head(hidden.index_select(0, slots.index))
        return logits.argmax(-1).tolist()


@dataclass(frozen=True, slots=True)
class _Slots:
    """The tokens of a step: (L) the place of each live tip among R*W, (R,W) branches with `PADDING` where a row
    has fewer tips than another, (A,R,W) the positions of the first step."""

    index: Tensor
    branch: Tensor
    start: Tensor
