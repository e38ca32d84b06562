"""Every score loss against a plain loop over read-outs in float64; what no score loss may look at."""

import math
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch.testing import assert_close

from artimuse.config.objective import RankLossName, ScoreLossName
from artimuse.objectives.correlation import EPSILON
from artimuse.objectives.distributions import UNCOVERED
from artimuse.objectives.rank import RANK_LOSSES
from artimuse.objectives.score import HUBER_DELTA, SCORE_LOSSES, spread_loss

NAMES = sorted(SCORE_LOSSES)
OF_DISTRIBUTIONS = ("cross_entropy", "soft_label", "emd")
LINKS = [None, (1.0, 0.0), (0.6, 25.0), (1.7, -20.0), (-0.9, 95.0)]


def hat(distance):
    return max(0.0, 1 - abs(distance))


def soft(mean, std, bins):
    """The label as a distribution, one probability after the other."""
    last = bins - 1
    mu, sigma = mean / 100 * last, std / 100 * last
    if math.isnan(sigma) or sigma < 0.2:
        return [hat(mu - k) for k in range(bins)]

    def cdf(x):
        return 0.5 * math.erfc(-(x - mu) / sigma / math.sqrt(2))

    p = [cdf(k + 0.5) - cdf(k - 0.5) for k in range(bins)]
    p = [value / sum(p) for value in p]
    own = sum(k * value for k, value in enumerate(p))
    a = (mu - last / 2) / (own - last / 2)
    affine = [a * value + (1 - a) / bins for value in p]
    if min(affine) >= 0:
        return affine
    beyond = mu + (max(sigma, 1) if mu >= own else -max(sigma, 1))
    beyond = min(max(beyond, 0), last)
    weight = (mu - beyond) / (own - beyond)
    return [weight * value + (1 - weight) * hat(beyond - k) for k, value in enumerate(p)]


def votes(batch, q, bins):
    """The label's histogram on the values of the read-out."""
    grades = int(batch.grades[q])
    found = [0.0] * bins
    for grade in range(grades):
        for k in range(bins):
            found[k] += float(batch.histogram[q, grade]) * hat(
                grade * (bins - 1) / (grades - 1) - k
            )
    return found


def predicted(log_p, values, q):
    """The distribution of a read-out on its label's scale, as a list of scalars."""
    bins = log_p.shape[1]
    if values is None:
        return [log_p[q, k].exp() for k in range(bins)]
    place = [values[q, k] / 100 * (bins - 1) for k in range(bins)]
    step = (place[1] - place[0]).abs().clamp(min=1)
    moved = [torch.zeros((), dtype=torch.float64) for _ in range(bins)]
    for k in range(bins):
        shares = [
            (1 - (place[k].clamp(0, bins - 1) - j).abs() / step).clamp(min=0) for j in range(bins)
        ]
        for j in range(bins):
            moved[j] = moved[j] + log_p[q, k].exp() * shares[j] / sum(shares)
    return [(1 - UNCOVERED) * p + UNCOVERED / bins for p in moved]


def of_one(name, q, batch, linked, log_p, values):
    """The loss of one labeled read-out."""
    mean, std = float(batch.mean[q]), float(batch.std[q])
    e = (linked[q] - mean) / 100
    if name == "l1":
        return e.abs()
    if name == "mse":
        return e * e
    if name == "huber":
        small = e.abs() <= HUBER_DELTA
        return e * e / 2 if small else HUBER_DELTA * (e.abs() - HUBER_DELTA / 2)
    bins = log_p.shape[1]
    p = predicted(log_p, values, q)
    if name == "cross_entropy":
        ends = [100 * k / (bins - 1) for k in range(bins)]
        return -p[min(range(bins), key=lambda k: abs(ends[k] - mean))].log()
    if name == "soft_label":
        target = soft(mean, std, bins)
        return sum(t * (math.log(t) - p[k].log()) for k, t in enumerate(target) if t > 0)
    target = votes(batch, q, bins) if batch.grades[q] else soft(mean, std, bins)
    of_p = of_t = total = 0.0
    for k in range(bins - 1):
        of_p, of_t = of_p + p[k], of_t + target[k]
        total = total + (of_p - of_t) ** 2
    return total / (bins - 1)


def correlation_loss(batch, scores):
    total = 0.0
    for dataset in set(batch.dataset.tolist()):
        for aspect in set(batch.aspect.tolist()):
            of_group = (batch.dataset == dataset) & (batch.aspect == aspect) & batch.labeled
            members = [q for q in range(len(scores)) if of_group[q]]
            s = [scores[q] / 100 for q in members]
            y = [float(batch.mean[q]) / 100 for q in members]
            if len(members) < 2:
                total = total + len(members)
                continue
            n, mean_s, mean_y = len(members), sum(s) / len(s), sum(y) / len(y)
            cov = sum((a - mean_s) * (b - mean_y) for a, b in zip(s, y, strict=True)) / n
            var = (sum((a - mean_s) ** 2 for a in s) / n, sum((b - mean_y) ** 2 for b in y) / n)
            total = total + n * (1 - cov / ((var[0] + EPSILON) * var[1]) ** 0.5)
    return total


def reference(name, outputs, batch):
    """The loss in float64 and its gradients, by the name of the output."""
    leaves = {
        key: getattr(outputs, key).detach().double().requires_grad_()
        for key in ("scores", "linked", "bins", "linked_values")
        if getattr(outputs, key) is not None
    }
    total = torch.zeros((), dtype=torch.float64)
    if name == "plcc":
        total = total + correlation_loss(batch, leaves["scores"])
    else:
        total = total + sum(
            of_one(name, q, batch, leaves["linked"], leaves["bins"], leaves.get("linked_values"))
            for q in range(len(batch.mean))
            if batch.labeled[q]
        )
    found = torch.autograd.grad(
        total, list(leaves.values()), allow_unused=True, materialize_grads=True
    )
    return total.detach(), dict(zip(leaves, found, strict=True))


def assert_equal(found, expected):
    """To a relative 1e-6 of the whole tensor."""
    found = torch.zeros_like(expected) if found is None else found.double()
    assert float((found - expected).norm()) <= 1e-6 * max(float(expected.norm()), 1e-2)


CASES = [
    (name, links) for name in NAMES for links in LINKS if links is None or name in OF_DISTRIBUTIONS
]


@pytest.mark.parametrize(("name", "links"), CASES)
def test_value_and_gradient_are_those_of_a_plain_loop(name, links, make_batch, make_outputs):
    batch = make_batch(0, 40 if links is None else 12, 0)
    outputs = make_outputs(batch, links=links)
    loss, count = SCORE_LOSSES[name](outputs, batch)
    loss.backward()
    value, gradients = reference(name, outputs, batch)
    assert_equal(loss.detach(), value)
    for key, gradient in gradients.items():
        assert_equal(getattr(outputs, key).grad, gradient)
    assert max(float(gradient.norm()) for gradient in gradients.values()) > 1e-3
    assert count == batch.labeled.sum()


@pytest.mark.parametrize(("name", "links"), CASES)
def test_unlabeled_readouts_change_nothing(name, links, make_batch, make_outputs):
    """Even where the model says inf or nan, or the label is nan."""
    batch = make_batch(0, 8, 0)
    outputs = make_outputs(batch, links=links)
    value, count = SCORE_LOSSES[name](outputs, batch)

    def longer(x, fill):
        return torch.cat([x.detach(), torch.full((3, *x.shape[1:]), fill, dtype=x.dtype)])

    padded = replace(
        batch,
        labeled=longer(batch.labeled, False),
        mean=longer(batch.mean, math.nan),
        std=longer(batch.std, math.inf),
        histogram=longer(batch.histogram, math.nan),
        grades=longer(batch.grades, 0),
        dataset=longer(batch.dataset, -1),
        aspect=longer(batch.aspect, 0),
    )
    wider = replace(
        outputs,
        scores=longer(outputs.scores, math.nan).requires_grad_(),
        linked=longer(outputs.linked, math.nan).requires_grad_(),
        bins=longer(outputs.bins, -math.inf).requires_grad_(),
    )
    if links is not None:
        wider.linked_values = longer(outputs.linked_values, math.nan).requires_grad_()
    loss, n = SCORE_LOSSES[name](wider, padded)
    loss.backward()
    assert_close(loss, value)
    assert n == count
    for tensor in (wider.scores, wider.linked, wider.bins, wider.linked_values):
        if tensor is not None and tensor.grad is not None:
            assert (tensor.grad[8:] == 0).all()
            assert (tensor.grad[1] == 0).all()  # unlabeled in make_batch


@pytest.mark.parametrize("name", OF_DISTRIBUTIONS)
def test_a_distribution_is_needed(name, make_batch, make_outputs):
    batch = make_batch(0, 4, 0)
    with pytest.raises(ValueError, match=r"objective\.score_loss.*model\.readout\.kind"):
        SCORE_LOSSES[name](make_outputs(batch, bins=False), batch)


@pytest.mark.parametrize("name", NAMES)
def test_no_readout_is_a_loss_of_zero(name, make_batch, make_outputs):
    batch = make_batch(0, 0, 0)
    loss, count = SCORE_LOSSES[name](make_outputs(batch), batch)
    assert (loss, count) == (0, 0)


def test_the_tables_know_every_loss_of_the_configuration():
    assert set(SCORE_LOSSES) == set(get_args(ScoreLossName))
    assert set(RANK_LOSSES) == set(get_args(RankLossName))


def test_the_spread_loss_is_that_of_a_plain_loop(make_batch, make_outputs):
    batch = make_batch(0, 30, 0)
    outputs = make_outputs(batch)
    outputs.linked_spreads = (0.5 + 40 * torch.rand(30)).requires_grad_()
    loss, count = spread_loss(outputs, batch)
    loss.backward()
    value, gradient = 0.0, torch.zeros(30, dtype=torch.float64)
    for q in range(30):
        if batch.labeled[q]:
            e = (float(outputs.linked[q].detach()) - float(batch.mean[q])) / 100
            s = float(outputs.linked_spreads[q].detach()) / 100
            value += math.log(s) + e * e / (2 * s * s)
            gradient[q] = (1 / s - e * e / s**3) / 100
    assert_close(loss.double(), torch.tensor(value).double(), rtol=1e-5, atol=1e-5)
    assert_close(outputs.linked_spreads.grad.double(), gradient, rtol=1e-4, atol=1e-6)  # type: ignore[union-attr]
    assert outputs.linked.grad is None, "the spread moved the score"
    assert count == batch.labeled.sum()


def test_the_spread_loss_is_least_where_the_spread_is_the_error(make_batch, make_outputs):
    batch = make_batch(0, 200, 0)
    outputs = make_outputs(batch)
    errors = outputs.linked.detach()[batch.labeled] - batch.mean[batch.labeled]
    rms = errors.square().mean().sqrt().item()

    def at(factor):
        outputs.linked_spreads = torch.full((200,), rms * factor, requires_grad=True)
        return spread_loss(outputs, batch)[0].item()

    assert at(1.0) < min(at(0.9), at(1.1))


def test_a_spread_that_is_not_learned_has_no_loss(make_batch, make_outputs):
    batch = make_batch(0, 4, 0)
    outputs = make_outputs(batch)
    assert spread_loss(outputs, batch)[0] == 0
    outputs.linked_spreads = torch.ones(4)
    assert spread_loss(outputs, batch)[0] == 0
