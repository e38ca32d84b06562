"""Rank losses: which of two images of a series is better.

    loss_sum, count = RANK_LOSSES["bradley_terry"](outputs, batch, tau=100 / 9)

A rank loss sees differences of scores alone: a constant added to all scores changes nothing.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from artimuse.batch import Batch, Outputs
from artimuse.config.schema import RankLossName


class RankLoss(Protocol):
    """Outputs, Batch and tau (points of 0-100) -> the sum over the pairs, and their number."""

    def __call__(self, outputs: Outputs, batch: Batch, *, tau: float) -> tuple[Tensor, Tensor]: ...


def bradley_terry(outputs: Outputs, batch: Batch, *, tau: float) -> tuple[Tensor, Tensor]:
    """Cross-entropy in nats between the annotated and the predicted P(first better).

        P'_p = sigmoid((S_first - S_second) / tau)
        sum_p -[ P_p log P'_p + (1 - P_p) log(1 - P'_p) ],   number of pairs

    S on 0-100, tau in the same points, P (P) any probability. A tie (P = .5) pulls the two scores
    together. A soft label keeps its entropy: the least loss of a tie is log 2, not 0.

    Source: Bradley and Terry (1952); P' with tau = 100/9 is FGAesQ's P'(x,y) = sigmoid(S_x - S_y)
    on 1..10 (arXiv 2603.03907, RankReg).
    """
    scores = pair_scores(outputs, batch)
    logits = (scores[:, 0] - scores[:, 1]) / tau
    loss = F.binary_cross_entropy_with_logits(logits, batch.pair_probability, reduction="sum")
    return loss, torch.tensor(len(batch.pairs), device=logits.device)


def pair_scores(outputs: Outputs, batch: Batch) -> Tensor:
    """(P,2) float32 on 0-100: the two scores of every pair.

    A model that scores an image against its partner gives them; for all others they are the two
    read-outs' latent scores.
    """
    if outputs.pair_scores is not None:
        assert outputs.pair_scores.shape == batch.pairs.shape, outputs.pair_scores.shape
        return outputs.pair_scores.float()
    # A read-out is in several pairs: the backward of `scores[pairs]` then differs from run to run.
    return outputs.scores.float().index_select(0, batch.pairs.flatten()).view(-1, 2)


RANK_LOSSES: dict[RankLossName, RankLoss] = {"bradley_terry": bradley_terry}
