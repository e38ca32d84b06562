"""The PLCC loss: one minus the correlation of a whole step's scores with their labels.

A correlation is no sum over images. What adds up is each group's six moments: every process adds its own,
they are summed over the processes, and its gradient flows through its own. Micro-batches of one process
would need each other's scores before the first backward, so accumulation is refused by the configuration.
"""

from __future__ import annotations

import torch
import torch.distributed
from torch import Tensor

from artimuse.batch import Batch, Outputs

# Added to the variance of score/100: a spread of a hundredth of a point. Equal scores then have a
# correlation of 0, and a finite gradient.
EPSILON = 1e-8


def plcc(outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor]:
    """sum_g n_g (1 - r_g), g a data set's labels of one aspect and r Pearson's correlation over the step.

        r = cov(s, y) / sqrt((var(s) + 1e-8) var(y)),   s and y on score/100

    Relative losses stay within a data set: different scales do not compare. The latent scores s are taken,
    as a link (of positive scale) does not change r. A group of one label, or of equal labels, has r = 0 and
    no gradient. Nothing here fixes the scale of the scores, nor their zero.

    The value is this process's part, n_g its own; over all processes the parts add up to the step's. All of
    them have to call this together.

    Source: 1 - PLCC as in Li, Jiang and Jiang, Norm-in-Norm Loss (arXiv 2008.03889) with p = 2, up to its
    factor.
    """
    own = _moments(outputs, batch)
    total = own + (_over_processes(own, "sum") - own).detach()
    n, x, y, xx, yy, xy = total.unbind(1)
    number = n.clamp(min=1)
    var_x, var_y = xx / number - (x / number) ** 2, yy / number - (y / number) ** 2
    covariance = xy / number - (x / number) * (y / number)
    # Equal labels leave a rounding error of a variance, of either sign.
    varied = var_y > 1e-12
    r = covariance / ((var_x.clamp(min=0) + EPSILON) * torch.where(varied, var_y, 1.0)).sqrt()
    loss = 1 - torch.where(varied, r, 0.0)
    whole = (n * loss).sum()
    part = (own[:, 0] * loss).sum()
    return (whole + (part - whole).detach()).float(), batch.labeled.sum()


def _moments(outputs: Outputs, batch: Batch) -> Tensor:
    """(groups,6) float64: n, and the sums of s, y, s^2, y^2 and s y of every data set and aspect."""
    labeled = batch.labeled
    # Around the middle of the scale, in float64: nothing is lost to cancellation.
    s = torch.where(labeled, outputs.scores, 50.0).double() / 100 - 0.5
    y = torch.where(labeled, batch.mean, 50.0).double() / 100 - 0.5
    each = torch.stack([labeled.double(), s, y, s * s, y * y, s * y], dim=1)
    # -1 is a data set without a number.
    sizes = torch.zeros(2, dtype=torch.int64, device=s.device)
    if len(s):
        sizes = torch.stack([batch.dataset.max() + 2, batch.aspect.max() + 1])
    datasets, aspects = _over_processes(sizes, "max").tolist()
    group = (batch.dataset + 1) * aspects + batch.aspect
    member = group[:, None] == torch.arange(datasets * aspects, device=s.device)
    return member.double().T @ each


def _over_processes(value: Tensor, how: str) -> Tensor:
    """The sum or maximum over the processes, without a gradient; the value itself where there is one."""
    value = value.detach().clone()
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        operator = (
            torch.distributed.ReduceOp.SUM if how == "sum" else torch.distributed.ReduceOp.MAX
        )
        torch.distributed.all_reduce(value, operator)
    return value
