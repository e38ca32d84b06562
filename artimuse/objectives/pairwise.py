"""Rank losses of single pairs: Bradley-Terry, fidelity, margin.

All see the difference of two scores in units of tau, d = (S_first - S_second) / tau, and an annotated
probability P(first better). A pair given the other way round (second, first, 1 - P) is the same pair.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from artimuse.batch import Batch, Outputs

# Keeps the root's gradient finite where a probability is 0.
FIDELITY_EPSILON = 1e-8


def bradley_terry(outputs: Outputs, batch: Batch, *, tau: float) -> tuple[Tensor, Tensor]:
    """Cross-entropy in nats between the annotated and the predicted P(first better).

        P'_p = sigmoid((S_first - S_second) / tau)
        sum_p -[ P_p log P'_p + (1 - P_p) log(1 - P'_p) ],   number of pairs

    S on 0-100, tau in the same points, P (P) any probability. A tie (P = .5) pulls the two scores
    together. A soft label keeps its entropy: the least loss of a tie is log 2, not 0.

    Source: Bradley and Terry (1952); P' with tau = 100/9 is FGAesQ's P'(x,y) = sigmoid(S_x - S_y)
    on 1..10 (arXiv 2603.03907, RankReg).
    """
    logits = differences(outputs, batch, tau)
    loss = F.binary_cross_entropy_with_logits(logits, batch.pair_probability, reduction="sum")
    return loss, _number(batch)


def fidelity(outputs: Outputs, batch: Batch, *, tau: float) -> tuple[Tensor, Tensor]:
    """sum_p 1 - sqrt(P P' + eps) - sqrt((1-P)(1-P') + eps), with P' = sigmoid(d) and eps = 1e-8.

    Bounded by 1: a pair that is far on the wrong side pulls little, so a wrong annotation does too. The
    annotated P of a drawn pair is Thurstone's (see artimuse/data/drawn_pairs.py). The root of eps puts the
    least loss of a certain pair at -1e-4.

    Source: Tsai et al., FRank (SIGIR 2007), for the loss and the sigmoid; with eps, and with Thurstone's
    probabilities as labels, in UNIQUE (arXiv 2005.13983), which predicts P' by a normal distribution.
    """
    logits = differences(outputs, batch, tau)
    p = batch.pair_probability
    # 1 - sigmoid(d) as sigmoid(-d): the difference would lose a small probability to rounding.
    first = (p * torch.sigmoid(logits) + FIDELITY_EPSILON).sqrt()
    second = ((1 - p) * torch.sigmoid(-logits) + FIDELITY_EPSILON).sqrt()
    return (1 - first - second).sum(), _number(batch)


def margin(
    outputs: Outputs, batch: Batch, *, tau: float, margin: float = 0.5
) -> tuple[Tensor, Tensor]:
    """sum_p max(0, margin - d) where the first is better (P > .5), max(0, margin + d) where the second is.

    A tie costs |d|: it pulls the two scores together, as it does in Bradley-Terry. How far P is from .5
    does not matter here.

    Args:
        margin: how far apart the better and the worse have to be, in units of tau (`objective.margin`).

    Source: the hinge of Herbrich, Graepel and Obermayer (2000), as in MarginRankingLoss; the ties are this
    project's.
    """
    d = differences(outputs, batch, tau)
    sign = torch.sign(batch.pair_probability - 0.5)
    loss = torch.where(sign == 0, d.abs(), (margin - sign * d).clamp(min=0))
    return loss.sum(), _number(batch)


def differences(outputs: Outputs, batch: Batch, tau: float) -> Tensor:
    """(P) float32: (S_first - S_second) / tau."""
    scores = pair_scores(outputs, batch)
    return (scores[:, 0] - scores[:, 1]) / tau


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


def _number(batch: Batch) -> Tensor:
    return torch.tensor(len(batch.pairs), device=batch.pairs.device)
