"""Rank losses of a whole series: RankReg, ListMLE over the probabilities of its pairs, or over its images.

A list is what `Batch.pair_list` numbers, a series with its pairs or a drawn group; it is never cut between
micro-batches. Lists of unequal length lie side by side in one (E,E) comparison of all entries of a batch.

ListMLE of entries e with values v and an annotated order (Xia et al., ICML 2008):

    - sum_e log( exp v_e / (exp v_e + sum of exp v_k over all k that are annotated lower) )

Entries that are annotated alike do not compete: neither is asked to be above the other. Without ties this
is ListMLE as published.
"""

from __future__ import annotations

import torch
from torch import Tensor

from artimuse.batch import Batch, Outputs
from artimuse.objectives.pairwise import differences, pair_scores

# Annotated probabilities closer than this are equal: 1 - .8 is not .2 in float32.
TIE = 1e-6


def listmle(outputs: Outputs, batch: Batch, *, tau: float) -> tuple[Tensor, Tensor]:
    """ListMLE over the pair probabilities of each series, P'(x,y) = sigmoid((S_x - S_y) / tau).

    A list has an entry for either orientation of its pairs, (x,y) annotated P and (y,x) annotated 1 - P, so
    that a series of two images is a list of two and has a gradient, unless it is a tie. The sum is over all
    entries, the count is the number of pairs: a series weighs as its pairs do in the other rank losses.

    Source: FGAesQ (arXiv 2603.03907), RankReg, which leaves the orientation open.
    """
    d = differences(outputs, batch, tau)
    values = torch.sigmoid(torch.cat([d, -d]))
    annotated = torch.cat([batch.pair_probability, 1 - batch.pair_probability])
    lists = torch.cat([batch.pair_list, batch.pair_list])
    lower = _lower(annotated, lists)
    loss = _listmle(values, torch.zeros_like(values), lower)
    return loss.sum(), torch.tensor(len(batch.pairs), device=d.device)


def listmle_scores(outputs: Outputs, batch: Batch, *, tau: float) -> tuple[Tensor, Tensor]:
    """ListMLE over the images of each series: v = S / tau, ordered by their mean annotated win probability.

    The mean is over the image's pairs, and so is the score of a model that scores an image against its
    partner. The count is the number of images of the lists.

    Source: Xia et al., ListMLE (ICML 2008); a variant of FGAesQ's RankReg that ranks images.
    """
    read_outs = torch.cat([batch.pairs[:, 0], batch.pairs[:, 1]])
    wins = torch.cat([batch.pair_probability, 1 - batch.pair_probability])
    lists = torch.cat([batch.pair_list, batch.pair_list])
    # An entry per end of a pair: an image of n pairs stands n times in its list and counts 1/n each.
    same = (lists[:, None] == lists) & (read_outs[:, None] == read_outs)
    times = same.sum(1)
    each = (pair_scores(outputs, batch) / tau).T.flatten()
    # Sums and not a matrix product: that may round to ten bits on a GPU.
    values = torch.where(same, each, 0.0).sum(1) / times
    lower = _lower(torch.where(same, wins, 0.0).sum(1) / times, lists)
    loss = _listmle(values, -times.to(values.dtype).log(), lower)
    return (loss / times).sum(), (1 / times).sum().round().long()


def _lower(annotated: Tensor, lists: Tensor) -> Tensor:
    """(E,E) bool: whether entry k (column) is in the list of e (row) and annotated lower."""
    return (lists[:, None] == lists) & (annotated < annotated[:, None] - TIE)


def _listmle(values: Tensor, log_weights: Tensor, lower: Tensor) -> Tensor:
    """(E) losses of the entries, each against itself and what is lower, the latter with weights."""
    rivals = torch.where(lower, values + log_weights, -torch.inf)
    everything = torch.cat([values[:, None], rivals], dim=1)
    return everything.logsumexp(1) - values
