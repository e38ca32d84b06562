"""Score losses of a distribution: nearest bin, soft label, and squared earth mover's distance.

Shape legend: Q read-outs, K values, G grades. A read-out gives a distribution over K values spread evenly
over 0-100; the label becomes one over the same K values, on its data set's own scale. Where the data set
has a link, the *predicted* distribution is moved through it, to where the label is: a label that were moved
to the prediction could make the loss small by being squeezed together.
"""

from __future__ import annotations

import torch
from torch import Tensor

from artimuse.batch import Batch, Outputs

# Below so many levels a normal distribution's mass lies in one level wherever in it the mean is.
NARROW = 0.2

# What a linked distribution keeps for each value (divided by K): a link may leave values uncovered, and a
# label there would cost infinitely much.
UNCOVERED = 1e-4


def cross_entropy(outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor]:
    """sum_q -log p[q, k_q] with k_q the value nearest to the label.

    The K values are 0, 100/(K-1), ..., 100; a label half-way between two takes the upper one.

    Source: ArtiMuse's second stage (arXiv 2507.14533), one score token as the target.

    Raises:
        ValueError: The model has no distribution.
    """
    log_probability = label_scale_log_probability(outputs, batch)
    last = log_probability.shape[1] - 1
    label = torch.where(batch.labeled, batch.mean, 0.0)
    # Multiplied first: 26.5 / 100 * 100 is less than 26.5 in float32.
    nearest = (label * last / 100 + 0.5).floor().long().clamp(0, last)
    chosen = log_probability.gather(1, nearest[:, None])[:, 0]
    return -torch.where(batch.labeled, chosen, 0.0).sum(), batch.labeled.sum()


def soft_label(outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor]:
    """sum_q KL(t_q || p_q) in nats, t the label's mean and spread as a distribution (`soft_targets`).

    The label's own entropy is taken off, so the least loss is 0 and the gradient is cross-entropy's.

    Source: DeQA-Score (arXiv 2501.11561).

    Raises:
        ValueError: The model has no distribution.
    """
    log_probability = label_scale_log_probability(outputs, batch)
    target = _soft(batch, log_probability.shape[1])
    present = batch.labeled[:, None] & (target > 0)
    log_target = torch.where(present, target, 1.0).log()
    loss = torch.where(present, target * (log_target - log_probability), 0.0)
    return loss.sum(), batch.labeled.sum()


def emd(outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor]:
    """sum_q 1/(K-1) sum_{k<K-1} (CDF_p[q,k] - CDF_t[q,k])^2, the squared earth mover's distance.

    t is the label's histogram of votes (`on_values` for one of another number of grades than K), and where
    it has none its soft label. The last entry of both cumulative sums is 1 and left out: NIMA's mean over
    K, whose root is not taken here, is (K-1)/K of this.

    Source: NIMA (arXiv 1709.05424, equation 1, r = 2); without the root as in Hou, Yu and Samaras
    (arXiv 1611.05916), so that a perfect prediction has a gradient, of 0.

    Raises:
        ValueError: The model has no distribution.
    """
    log_probability = label_scale_log_probability(outputs, batch)
    bins = log_probability.shape[1]
    histogram = on_values(batch.histogram, batch.grades, bins)
    target = torch.where((batch.grades > 0)[:, None], histogram, _soft(batch, bins))
    # A product with ones and not `cumsum`, which has no deterministic kernel on CUDA.
    upper = torch.ones(bins, bins - 1, dtype=torch.float64, device=target.device).triu()
    difference = (log_probability.exp() - target).double() @ upper
    loss = difference.square().sum(1) / (bins - 1)
    return torch.where(batch.labeled, loss, 0.0).sum().float(), batch.labeled.sum()


def label_scale_log_probability(outputs: Outputs, batch: Batch) -> Tensor:
    """(Q,K) log-probabilities of K values on the label's data set's scale; 0 where there is no label.

    Without links they are the read-out's own. A link moves the mass at value v to scale * v + offset, from
    where it is divided between the two nearest values, or among the `scale` nearest for a scale above 1.
    That widens it by up to half a level: with few values and labels without a spread, a link of scale 1 is
    then favoured, and `emd` or a loss of the score learns links better.

    Raises:
        ValueError: The model has no distribution.
    """
    if outputs.bins is None:
        raise ValueError(
            "objective.score_loss cross_entropy, soft_label and emd need a distribution, found a read-out "
            "that gives a score alone: set model.readout.kind to tokens, levels or bins, or choose l1, "
            "huber, mse or plcc"
        )
    # Here and not in the sum: 0 * inf is nan, in the gradient too.
    labeled = batch.labeled[:, None]
    log_probability = torch.where(labeled, outputs.bins.float(), 0.0)
    if outputs.linked_values is None:
        return log_probability
    bins = log_probability.shape[1]
    index = torch.arange(bins, device=log_probability.device)
    # In float64: a place's rounding error is that of its distance to a value, which is small.
    values = torch.where(labeled, outputs.linked_values.double() / 100 * (bins - 1), index)
    step = (values[:, 1] - values[:, 0]).abs().clamp(min=1.0)
    share = _hat((values.clamp(0, bins - 1)[:, :, None] - index) / step[:, None, None])
    share = share / share.sum(2, keepdim=True)
    moved = torch.einsum("qk,qkj->qj", log_probability.double().exp(), share)
    return ((1 - UNCOVERED) * moved + UNCOVERED / bins).log().float()


def soft_targets(mean: Tensor, std: Tensor, bins: int) -> Tensor:
    """Means and spreads (Q) on 0-100 -> (Q,K) float64 distributions with exactly these means.

        p_k = CDF(k + 1/2) - CDF(k - 1/2) of N(mean, std) in levels of 100/(K-1), divided by its sum
        t   = a p + b, with a and b so that the sum is 1 and the mean is right

    A spread that is unknown (nan) or below .2 levels gives the two nearest values, by distance. Where b
    would make a probability negative (a mean near an end of the scale, or a spread of less than about half
    a level), t is instead p mixed with a point beyond the mean: max(std, 1 level) away from p's own mean,
    at most at the end of the scale, in the proportion that makes the mean right.

    Source: DeQA-Score (arXiv 2501.11561), soft labels; the mixture is this project's.
    """
    last = bins - 1
    level = torch.arange(bins, device=mean.device, dtype=torch.float64)
    mu, sigma = mean.double() / 100 * last, std.double() / 100 * last
    split = _split(mu, bins)
    wide = sigma >= NARROW  # False for nan
    sigma = torch.where(wide, sigma, 1.0)
    edges = torch.arange(bins + 1, device=mean.device, dtype=torch.float64) - 0.5
    p = torch.special.ndtr((edges - mu[:, None]) / sigma[:, None]).diff(dim=1)
    p = p / p.sum(1, keepdim=True)
    own_mean = p @ level

    # Around the middle of the scale, where p's mean is right by symmetry, a is 0/0.
    off = own_mean - last / 2
    central = off.abs() < 1e-6
    a = torch.where(central, 1.0, (mu - last / 2) / torch.where(central, 1.0, off))
    affine = a[:, None] * p + ((1 - a) / bins)[:, None]

    away = torch.where(mu < own_mean, -1.0, 1.0) * sigma.clamp(min=1.0)
    beyond = (mu + away).clamp(0, last)
    reach = own_mean - beyond
    weight = torch.where(reach == 0, 1.0, (mu - beyond) / torch.where(reach == 0, 1.0, reach))
    mixed = weight[:, None] * p + (1 - weight)[:, None] * _split(beyond, bins)

    right = torch.where((affine >= 0).all(1, keepdim=True), affine, mixed)
    return torch.where(wide[:, None], right, split)


def on_values(histogram: Tensor, grades: Tensor, bins: int) -> Tensor:
    """(Q,G) shares of votes, of grades (Q) each -> (Q,K) shares of K values, with the same mean.

    Grades lie evenly over 0-100, the lowest on 0. The votes of a grade between two values are divided
    between them by distance, so the mean stays; with K = G nothing changes.
    """
    index = torch.arange(histogram.shape[1], device=histogram.device)
    place = index * (bins - 1) / (grades - 1).clamp(min=1)[:, None]
    values = torch.arange(bins, device=histogram.device)
    return torch.einsum("qg,qgk->qk", histogram, _hat(place[:, :, None] - values))


def _soft(batch: Batch, bins: int) -> Tensor:
    mean = torch.where(batch.labeled, batch.mean, 0.0)
    return soft_targets(mean, batch.std, bins).float()


def _split(place: Tensor, bins: int) -> Tensor:
    """(Q) places in 0..K-1 -> (Q,K): mass 1 divided between the two nearest values."""
    return _hat(place[:, None] - torch.arange(bins, device=place.device))


def _hat(distance: Tensor) -> Tensor:
    return (1 - distance.abs()).clamp(min=0)
