"""Score losses: how far the read-outs' scores are from their labels.

    loss_sum, count = SCORE_LOSSES["huber"](outputs, batch)

Every loss takes Outputs and Batch and returns its sum over the labeled read-outs and their number.
An unlabeled read-out adds exactly nothing, to the loss and to the gradient. Errors are on
score/100, so a weight means the same for every data set; they use `Outputs.linked`, the score on
the label's own data set's scale.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from artimuse.batch import Batch, Outputs
from artimuse.config.objective import ScoreLossName
from artimuse.objectives.correlation import plcc
from artimuse.objectives.distributions import cross_entropy, emd, soft_label

ScoreLoss = Callable[[Outputs, Batch], tuple[Tensor, Tensor]]

# On score/100: 10 points, between the spread of AVA's labels (8) and of FLICKR-AES's (19). Errors
# below it are squared, the gradient of larger ones is capped at it.
HUBER_DELTA = 0.1

# Small, so that the gradient of the spread takes no part in how the whole gradient is clipped; under Adam the
# spread learns as fast as with a weight of 1.
SPREAD_WEIGHT = 1e-3


def l1(outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor]:
    """sum_q |e_q| with e = (linked - mean) / 100, (Q)."""
    return _error(outputs, batch).abs().sum(), batch.labeled.sum()


def mse(outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor]:
    """sum_q e_q^2 with e = (linked - mean) / 100, (Q)."""
    return _error(outputs, batch).square().sum(), batch.labeled.sum()


def huber(outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor]:
    """sum_q h(e_q) with e = (linked - mean) / 100, (Q), and delta = HUBER_DELTA:

        h(e) = e^2 / 2                      where |e| <= delta
               delta * (|e| - delta / 2)    elsewhere

    The gradient is at most delta: a weight of 1 / delta = 10 pulls on far-off scores as L1 does.

    Source: Huber, Robust estimation of a location parameter (1964); as in torch.nn.HuberLoss.
    """
    error = _error(outputs, batch)
    loss = F.huber_loss(error, torch.zeros_like(error), delta=HUBER_DELTA, reduction="sum")
    return loss, batch.labeled.sum()


def spread_loss(outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor]:
    """sum_q log s_q + e_q^2 / 2 s_q^2: how well the spread s (Q) tells the size of the error e (Q), the
    negative log-likelihood of a normal distribution, both on the data set's scale / 100.

    The error has no gradient: a score is not drawn to where its spread would be easier to tell. 0 for a
    read-out whose spread is that of its own distribution.

    Source: Nix and Weigend, Estimating the mean and variance of the target probability distribution
    (1994); the mean is detached, so the score is trained by its own loss alone.
    """
    if outputs.linked_spreads is None or not outputs.linked_spreads.requires_grad:
        return outputs.linked.new_zeros(()), batch.labeled.sum()
    spread = outputs.linked_spreads / 100
    error = _error(outputs, batch).detach()
    loss = spread.log() + error.square() / (2 * spread.square())
    return torch.where(batch.labeled, loss, 0.0).sum(), batch.labeled.sum()


def _error(outputs: Outputs, batch: Batch) -> Tensor:
    """(linked - mean) / 100, (Q): 0 without gradient where there is no label.

    `where` and not a product with the mask: 0 * nan is nan. No boolean indexing: it waits for the
    device.
    """
    assert outputs.linked.shape == batch.mean.shape, (outputs.linked.shape, batch.mean.shape)
    return torch.where(batch.labeled, (outputs.linked.float() - batch.mean) / 100, 0.0)


SCORE_LOSSES: dict[ScoreLossName, ScoreLoss] = {
    "l1": l1,
    "huber": huber,
    "mse": mse,
    "cross_entropy": cross_entropy,
    "soft_label": soft_label,
    "emd": emd,
    "plcc": plcc,
}
