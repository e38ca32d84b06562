"""Rank losses: which of two images of a series is better.

    loss_sum, count = RANK_LOSSES["bradley_terry"](outputs, batch, tau=100 / 9)

A rank loss sees differences of scores alone: a constant added to all scores changes nothing.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from torch import Tensor

from artimuse.batch import Batch, Counts, Outputs
from artimuse.config.objective import ObjectiveConfig, RankLossName
from artimuse.objectives.listwise import listmle, listmle_scores
from artimuse.objectives.pairwise import bradley_terry, fidelity, margin


class RankLoss(Protocol):
    """Outputs, Batch and tau (points of 0-100) -> the sum over pairs or images, and their number."""

    def __call__(self, outputs: Outputs, batch: Batch, *, tau: float) -> tuple[Tensor, Tensor]: ...


RANK_LOSSES: dict[RankLossName, RankLoss] = {
    "bradley_terry": bradley_terry,
    "fidelity": fidelity,
    "margin": margin,
    "listmle": listmle,
    "listmle_scores": listmle_scores,
}


def rank_loss(config: ObjectiveConfig) -> RankLoss:
    """The rank loss of a configuration, with its own settings."""
    if config.rank_loss == "margin":
        return partial(margin, margin=config.margin)
    return RANK_LOSSES[config.rank_loss]


def rank_count(config: ObjectiveConfig, counts: Counts) -> int:
    """The step's denominator of the rank loss: its images for `listmle_scores`, else its pairs."""
    return counts.ranked if config.rank_loss == "listmle_scores" else counts.pairs
