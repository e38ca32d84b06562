import math
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch.testing import assert_close

from artimuse.config.schema import RankLossName, ScoreLossName
from artimuse.objectives.rank import RANK_LOSSES
from artimuse.objectives.score import HUBER_DELTA, SCORE_LOSSES, spread_loss

NAMES = sorted(SCORE_LOSSES)


def _sign(x):
    return (x > 0) - (x < 0)


def _reference(name, outputs, batch):
    """The loss, its gradient by `linked` and by `bins`, read-out by read-out in floats."""
    total = 0.0
    by_linked = torch.zeros(len(batch.mean), dtype=torch.float64)
    by_bins = torch.zeros(outputs.bins.shape, dtype=torch.float64)
    for q in range(len(batch.mean)):
        if not batch.labeled[q]:
            continue
        e = (float(outputs.linked[q].detach()) - float(batch.mean[q])) / 100
        if name == "l1":
            total, by_linked[q] = total + abs(e), _sign(e) / 100
        elif name == "mse":
            total, by_linked[q] = total + e * e, 2 * e / 100
        elif name == "huber" and abs(e) <= HUBER_DELTA:
            total, by_linked[q] = total + e * e / 2, e / 100
        elif name == "huber":
            total += HUBER_DELTA * (abs(e) - HUBER_DELTA / 2)
            by_linked[q] = HUBER_DELTA * _sign(e) / 100
        else:
            last = outputs.bins.shape[1] - 1
            ends = [100 * k / last for k in range(last + 1)]
            k = min(range(last + 1), key=lambda k: abs(ends[k] - float(batch.mean[q])))
            total, by_bins[q, k] = total - float(outputs.bins[q, k].detach()), -1
    return total, by_linked, by_bins


@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_are_those_of_a_plain_loop(name, make_batch, make_outputs):
    batch = make_batch(0, 40, 0)
    outputs = make_outputs(batch)
    loss, count = SCORE_LOSSES[name](outputs, batch)
    loss.backward()
    value, by_linked, by_bins = _reference(name, outputs, batch)
    assert_close(loss.double(), torch.tensor(value).double(), rtol=1e-6, atol=1e-6)
    for tensor, expected in ((outputs.linked, by_linked), (outputs.bins, by_bins)):
        found = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
        assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
    assert count == batch.labeled.sum()


@pytest.mark.parametrize("name", NAMES)
def test_unlabeled_readouts_change_nothing(name, make_batch, make_outputs):
    batch = make_batch(0, 8, 0)
    outputs = make_outputs(batch)
    value, count = SCORE_LOSSES[name](outputs, batch)

    def longer(x, fill):
        return torch.cat([x, torch.full((3, *x.shape[1:]), fill, dtype=x.dtype)])

    # Even where the model says inf or nan, or the label is nan.
    padded = replace(
        batch, labeled=longer(batch.labeled, False), mean=longer(batch.mean, float("nan"))
    )
    wider = replace(
        outputs,
        linked=longer(outputs.linked.detach(), float("nan")).requires_grad_(),
        bins=longer(outputs.bins.detach(), -math.inf).requires_grad_(),
    )
    loss, n = SCORE_LOSSES[name](wider, padded)
    loss.backward()
    assert_close(loss, value)
    assert n == count
    gradient = (wider.bins if name == "cross_entropy" else wider.linked).grad
    assert (gradient[8:] == 0).all()
    assert (gradient[1] == 0).all()  # unlabeled in make_batch


def test_nearest_bin_includes_both_ends_and_rounds_up_half_way(make_batch, make_outputs):
    batch = make_batch(0, 6, 0)
    batch.labeled[:] = True
    batch.mean = torch.tensor([0.0, 100.0, 12.4, 12.5, 12.6, 50.0])
    outputs = make_outputs(batch)
    outputs.bins = torch.zeros(6, 5, requires_grad=True)  # for 0, 25, 50, 75, 100
    loss, _ = SCORE_LOSSES["cross_entropy"](outputs, batch)
    (gradient,) = torch.autograd.grad(loss, outputs.bins)
    assert gradient.argmin(1).tolist() == [0, 4, 0, 1, 1, 2]


def test_cross_entropy_needs_bins(make_batch, make_outputs):
    batch = make_batch(0, 4, 0)
    with pytest.raises(ValueError, match=r"objective\.score_loss.*model\.readout\.kind"):
        SCORE_LOSSES["cross_entropy"](make_outputs(batch, bins=False), batch)


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
