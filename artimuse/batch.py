"""The tensors between data, model and objective.

Shape legend
    R rows of a micro-batch           T tokens of the longest row      A position axes of the family
    S supervised tokens               Q read-outs                      P pairs (indices into Q)
    K bins of a read-out              V vocabulary                     H hidden width

A row holds one or more *trees*: [prefix: system + image | branch 1 | branch 2 | ...]. A token attends to
the tokens before it that belong to the same tree and to the prefix or its own branch; positions restart
after the prefix in every branch. T is 0 for a model without language: a row is then an image, `readouts` are
indices into R, and what the model sees of the images, and which pairs it compares, is in `images`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

PADDING = -1


@dataclass(slots=True)
class Batch:
    """One micro-batch of one process. Masks are made from `tree` and `branch` on the device."""

    input_ids: Tensor  # (R,T) int64
    tree: Tensor  # (R,T) int64: which image's tree within the row, -1 is padding
    branch: Tensor  # (R,T) int64: 0 is the prefix
    positions: Tensor  # (A,R,T) int64
    images: dict[str, Tensor]  # the family's image tensors, uint8 pixels
    supervised: Tensor  # (S) int64: index into R*T of the *predicting* position
    targets: Tensor  # (S) int64 token ids
    weights: Tensor  # (S) float32: 1, or 1/length of the answer for `text_per: answer`
    readouts: Tensor  # (Q) int64: index into R*T
    aspect: Tensor  # (Q) int64: index into the model's aspects
    dataset: Tensor  # (Q) int64: index into the recipe's data sets (for affine links)
    series: Tensor  # (Q) int64: series within the batch, -1 for none
    labeled: Tensor  # (Q) bool
    mean: Tensor  # (Q) float32 on 0-100 (0 where unlabeled)
    std: Tensor  # (Q) float32 on 0-100 (nan where unknown)
    histogram: Tensor  # (Q,G) float32: share of votes per grade, lowest first; zeros where unknown
    grades: Tensor  # (Q) int64: grades of that histogram (0 where unknown), at most G
    pairs: Tensor  # (P,2) int64: index into Q
    pair_probability: Tensor  # (P) float32: P(first better)
    pair_list: Tensor  # (P) int64: the list that a pair belongs to, a series or drawn group within the batch

    def to(self, device: torch.device | str) -> Self:
        """The same batch on another device (asynchronous from pinned memory)."""
        moved: dict[str, object] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, dict):
                moved[item.name] = {k: v.to(device, non_blocking=True) for k, v in value.items()}
            else:
                moved[item.name] = value.to(device, non_blocking=True)
        return replace(self, **moved)

    @property
    def tokens(self) -> int:
        """Tokens that the language model reads, padding left out; without language the image encoder's."""
        real = self.tree != PADDING if self.tree.shape[1] else self.images.get("present")
        return 0 if real is None else int(real.sum())

    def pin_memory(self) -> Self:
        """The same batch in page-locked memory (called by the data loader on CUDA)."""
        pinned: dict[str, object] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, dict):
                pinned[item.name] = {k: v.pin_memory() for k, v in value.items()}
            else:
                pinned[item.name] = value.pin_memory()
        return replace(self, **pinned)


@dataclass  # without slots: DeepSpeed's ZeRO-3 looks for tensors in vars() of what a module returns
class Outputs:
    """What every model returns for a Batch.

    Models that score an image against a partner emit S(x|y) per pair in `pair_scores`; all others leave
    it None, and a pair's scores are the two read-outs' own.
    """

    text_logits: Tensor  # (S,V); (0,1) where `text_losses` takes its place
    scores: Tensor  # (Q) float32, 0-100: the one latent score
    linked: Tensor  # (Q) float32, 0-100: the score on its data set's scale (= scores without links)
    spreads: Tensor | None = None  # (Q) float32, 0-100: standard deviation of the latent score
    linked_spreads: Tensor | None = None  # (Q) float32: the same on the data set's scale
    bins: Tensor | None = (
        None  # (Q,K) float32 log-probabilities of K values spread evenly over 0-100
    )
    linked_values: Tensor | None = (
        None  # (Q,K) float32: these values on the data set's scale; None: as is
    )
    pair_scores: Tensor | None = None  # (P,2) float32, 0-100
    agreement: Tensor | None = None  # (C) float32: cosine of a pair's difference and its text
    text_losses: Tensor | None = None  # (S) float32: -log P(target), without the logits


@dataclass(frozen=True, slots=True)
class Counts:
    """What one *optimizer step* holds, over all processes and micro-batches: the denominators.

    tokens: the sum of the text weights (tokens, or answers with `text_per: answer`).
    readouts: labeled read-outs. pairs: pairs. images: images (for throughput).
    ranked: images of the lists that the pairs form, a series or a drawn group each.
    compared: pairs that a text compares.
    """

    tokens: float
    readouts: int
    pairs: int
    images: int
    ranked: int = 0
    compared: int = 0


def attention_mask(tree: Tensor, branch: Tensor) -> Tensor:
    """(R,T) tree and branch -> (R,1,T,T) bool, True where a query (row) may see a key (column).

    Padding sees itself alone, so that no softmax row is empty (a row of -inf gives NaN gradients).
    """
    length = tree.shape[1]
    same_tree = tree[:, :, None] == tree[:, None, :]
    visible = (branch[:, None, :] == 0) | (branch[:, :, None] == branch[:, None, :])
    order = torch.arange(length, device=tree.device)
    causal = order[:, None] >= order[None, :]
    real = (tree != PADDING)[:, :, None]
    itself = order[:, None] == order[None, :]
    return torch.where(real, same_tree & visible & causal, itself)[:, None]
