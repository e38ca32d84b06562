"""The joint objective: text, score, rank and align losses as one scalar.

    objective = Objective(config.objective)
    losses = objective(model(batch), batch, counts, scale=processes * accumulation)
    accelerator.backward(losses.total)

One optimizer step is cut into micro-batches and process shares of unequal content. Each part is
therefore the *local sum* over the *global count* of the step, so that the shares add up to the loss
of the uncut step. accelerate divides a loss by the accumulation, and DDP and DeepSpeed average
gradients over the processes: `scale` takes both back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from artimuse.batch import Batch, Counts, Outputs
from artimuse.config.objective import ObjectiveConfig
from artimuse.objectives.align import align_loss
from artimuse.objectives.rank import rank_count, rank_loss
from artimuse.objectives.score import SCORE_LOSSES, SPREAD_WEIGHT, spread_loss
from artimuse.objectives.text import text_loss


@dataclass(frozen=True, slots=True)
class Losses:
    """What one micro-batch adds to its step's loss; all scalars, float32.

    total: what to call backward on: weighted, and times `scale`.
    text, score, rank, align: local sum / global count, detached, neither weighted nor scaled: summed over
        the micro-batches and processes of a step they are the step's losses (0 for a part that is
        off).
    """

    total: Tensor
    text: Tensor
    score: Tensor
    rank: Tensor
    align: Tensor


class Objective:
    """total = scale * (text * w + score * w + rank * w + align * w), each a local sum / global count."""

    def __init__(self, config: ObjectiveConfig) -> None:
        self.config = config
        self._score_loss = SCORE_LOSSES[config.score_loss]
        self._rank_loss = rank_loss(config)

    def __call__(self, outputs: Outputs, batch: Batch, counts: Counts, *, scale: float) -> Losses:
        """The losses of one micro-batch of one process.

        A part with weight 0 is not computed. A part that the step has nothing of (0/0) is 0.
        Whatever the batch holds, `total` is connected to every output: under DDP and ZeRO a process
        whose share has no image or no pair must still take part in the same collectives.

        Args:
            outputs: What the model gave for the batch.
            batch: The micro-batch.
            counts: Of the whole optimizer step, over all processes and micro-batches.
            scale: Processes x accumulation, what the loss and gradients will be divided by.

        Raises:
            ValueError: The score loss does not fit the model's read-out.
        """
        c = self.config
        assert len(batch.pairs) <= counts.pairs, "the counts are not of this batch's step"
        with_text = c.text > 0 and counts.tokens > 0 and len(batch.targets) > 0
        with_score = c.score > 0 and counts.readouts > 0
        ranked = rank_count(c, counts)
        with_rank = c.rank > 0 and ranked > 0

        zero = connected_zero(
            outputs.scores, outputs.linked, outputs.spreads, outputs.bins, outputs.linked_values,
            outputs.pair_scores, outputs.agreement,
        )  # fmt: skip
        # The logits are tied in only where the text loss does not do it: their gradient is large.
        text = (
            zero if with_text else zero + connected_zero(outputs.text_logits, outputs.text_losses)
        )
        score = rank = spread = align = zero
        if with_text:
            text = text + text_loss(outputs, batch)[0] / counts.tokens
        if with_score:
            score = score + self._score_loss(outputs, batch)[0] / counts.readouts
            spread = spread_loss(outputs, batch)[0] / counts.readouts
        if with_rank:
            rank = rank + self._rank_loss(outputs, batch, tau=c.tau)[0] / ranked
        if c.align > 0 and counts.compared > 0:
            align = align + align_loss(outputs)[0] / counts.compared
        # A part that is off weighs 0, and 0 times its zero keeps it connected.
        parts = c.text * text + c.score * score + c.rank * rank + c.align * align
        total = scale * (parts + SPREAD_WEIGHT * spread)
        return Losses(total, text.detach(), score.detach(), rank.detach(), align.detach())


def connected_zero(*tensors: Tensor | None) -> Tensor:
    """A float32 zero that every given tensor has a (zero) gradient from.

    The sum of an empty slice, and not 0 * sum: 0 * inf is nan, in the value and in the gradient.
    """
    given = [tensor for tensor in tensors if tensor is not None]
    assert given, "expected a tensor to connect to"
    return torch.stack([tensor[:0].sum().float() for tensor in given]).sum()
