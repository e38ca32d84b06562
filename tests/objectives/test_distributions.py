"""Labels as distributions: they sum to one, keep the mean, and are what the papers' formulas give."""

import math

import pytest
import torch
from torch.testing import assert_close

from artimuse.objectives.distributions import (
    cross_entropy,
    emd,
    label_scale_log_probability,
    on_values,
    soft_label,
    soft_targets,
)

NAN = math.nan


def values(bins):
    return torch.linspace(0, 100, bins, dtype=torch.float64)


@pytest.mark.parametrize("bins", [2, 5, 10, 101])
def test_a_soft_label_is_a_distribution_with_the_label_s_mean(bins):
    mean = torch.linspace(0, 100, 41).repeat_interleave(8)
    std = torch.tensor([NAN, 0.0, 1.0, 4.0, 8.0, 19.0, 30.0, 60.0]).repeat(41)
    target = soft_targets(mean, std, bins)
    assert (target >= 0).all()
    assert_close(target.sum(1), torch.ones_like(target[:, 0]))
    assert_close(target @ values(bins), mean.double(), rtol=0, atol=1e-4)


def test_the_soft_label_s_spread_is_the_raters_where_the_scale_leaves_room():
    target = soft_targets(torch.tensor([50.0, 40.0, 61.5]), torch.tensor([8.0, 8.0, 8.0]), 101)
    variance = target @ values(101) ** 2 - (target @ values(101)) ** 2
    assert_close(variance.sqrt(), torch.full((3,), 8.0).double(), rtol=0, atol=0.02)


def test_a_soft_label_is_a_gaussian_of_five_levels_scaled_and_shifted():
    """DeQA-Score: differences of the CDF at half levels, then a p + b."""
    mu, sigma = 2.3, 1.0  # of levels 0..4
    p = [
        0.5
        * (math.erf((k + 0.5 - mu) / sigma / 2**0.5) - math.erf((k - 0.5 - mu) / sigma / 2**0.5))
        for k in range(5)
    ]
    [target] = soft_targets(torch.tensor([25 * mu]), torch.tensor([25 * sigma]), 5).tolist()
    slope = (target[3] - target[0]) / (p[3] - p[0])
    shift = target[0] - slope * p[0]
    assert target == pytest.approx([slope * x + shift for x in p], abs=1e-6)
    assert (slope, shift) == (pytest.approx(1, abs=0.15), pytest.approx(0, abs=0.03))


@pytest.mark.parametrize("std", [NAN, 0.0, 4.9])
def test_a_narrow_or_unknown_spread_is_split_between_two_levels(std):
    target = soft_targets(torch.tensor([30.0, 100.0, 50.0]), torch.full((3,), std), 5)
    expected = [[0, 0.8, 0.2, 0, 0], [0, 0, 0, 0, 1], [0, 0, 1, 0, 0]]
    assert_close(target, torch.tensor(expected).double(), rtol=0, atol=1e-7)


def test_votes_of_as_many_grades_stay_and_others_keep_their_mean():
    votes = torch.tensor([[0.1, 0.2, 0.4, 0.3], [0.5, 0.25, 0.25, 0.0], [0.0, 0.0, 0.0, 0.0]])
    grades = torch.tensor([4, 3, 0])
    found = on_values(votes, grades, 4)
    assert_close(found[0], votes[0])
    # Grades at 0, 50 and 100 on values at 0, 33.3, 66.7 and 100: the middle one is half-way.
    assert_close(found[1], torch.tensor([0.5, 0.125, 0.125, 0.25]))
    assert (found[2] == 0).all()
    for bins in (2, 5, 101):
        more = on_values(votes, grades, bins)
        assert_close(more[:2].sum(1), torch.ones(2))
        means = torch.tensor([1.9 / 3 * 100, 0.75 / 2 * 100]).double()
        assert_close(more[:2].double() @ values(bins), means, rtol=0, atol=1e-4)


def test_emd_is_the_squared_distance_of_nima(make_batch, make_outputs):
    batch = make_batch(0, 1, 0)
    batch.labeled[:] = True
    batch.grades[:], batch.histogram = 4, torch.tensor([[0.0, 1.0, 0.0, 0.0]])
    outputs = make_outputs(batch)
    outputs.bins = torch.tensor([[0.0, 0.0, 0.25, 0.75]]).log()
    loss, _ = emd(outputs, batch)
    # Cumulative sums 0 0 .25 1 and 0 1 1 1.
    assert_close(loss, torch.tensor((1 + 0.75**2) / 3))


@pytest.mark.parametrize("loss", [emd, soft_label])
def test_a_perfect_prediction_costs_nothing_and_has_no_gradient(loss, make_batch, make_outputs):
    batch = make_batch(0, 6, 0)
    batch.labeled[:], batch.grades[:] = True, 0
    batch.std[:] = 12.0
    outputs = make_outputs(batch)
    target = soft_targets(batch.mean, batch.std, 10).float().clamp(min=1e-12)
    logits = target.log().requires_grad_()
    outputs.bins = logits.log_softmax(1)
    value, _ = loss(outputs, batch)
    (gradient,) = torch.autograd.grad(value, logits)
    assert_close(value, torch.tensor(0.0), rtol=0, atol=1e-6)
    assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-6)


def test_nearest_bin_includes_both_ends_and_rounds_up_half_way(make_batch, make_outputs):
    batch = make_batch(0, 6, 0)
    batch.labeled[:] = True
    batch.mean = torch.tensor([0.0, 100.0, 12.4, 12.5, 12.6, 50.0])
    outputs = make_outputs(batch)
    outputs.bins = torch.zeros(6, 5, requires_grad=True)  # for 0, 25, 50, 75, 100
    loss, _ = cross_entropy(outputs, batch)
    (gradient,) = torch.autograd.grad(loss, outputs.bins)
    assert gradient.argmin(1).tolist() == [0, 4, 0, 1, 1, 2]


def test_half_way_between_two_of_101_tokens_is_the_upper_one(make_batch, make_outputs):
    batch = make_batch(0, 100, 0)
    batch.labeled[:] = True
    batch.mean = torch.arange(100) + 0.5
    outputs = make_outputs(batch)
    outputs.bins = torch.zeros(100, 101, requires_grad=True)
    loss, _ = cross_entropy(outputs, batch)
    (gradient,) = torch.autograd.grad(loss, outputs.bins)
    assert gradient.argmin(1).tolist() == list(range(1, 101))


def test_a_link_that_changes_nothing_changes_next_to_nothing(make_batch, make_outputs):
    batch = make_batch(0, 9, 0)
    outputs = make_outputs(batch)
    own = label_scale_log_probability(outputs, batch)
    outputs.linked_values = torch.linspace(0, 100, 10).expand(9, 10)
    assert_close(label_scale_log_probability(outputs, batch), own, rtol=0, atol=1e-2)


@pytest.mark.parametrize(
    ("scale", "offset"), [(0.5, 20.0), (1.0, 12.0), (2.5, -60.0), (-1.0, 100.0)]
)
def test_a_link_moves_the_mean_of_a_distribution(scale, offset, make_batch, make_outputs):
    batch = make_batch(0, 1, 0)
    batch.labeled[:] = True
    outputs = make_outputs(batch)
    grid = torch.linspace(0, 100, 101)
    outputs.bins = (-0.5 * ((grid - 42.0) / 3) ** 2)[None].log_softmax(1)
    outputs.linked_values = (scale * grid + offset)[None]
    p = label_scale_log_probability(outputs, batch).exp()
    assert_close(p.sum(), torch.tensor(1.0))
    assert_close((p @ grid).item(), scale * 42 + offset, rtol=0, atol=0.05)


def test_a_label_that_no_linked_value_reaches_costs_a_finite_amount(make_batch, make_outputs):
    batch = make_batch(0, 1, 0)
    batch.labeled[:], batch.mean[:] = True, 100.0
    outputs = make_outputs(batch)
    outputs.linked_values = (0.2 * torch.linspace(0, 100, 10))[None].requires_grad_()
    for loss in (cross_entropy, soft_label, emd):
        value, _ = loss(outputs, batch)
        assert value.isfinite()
        gradients = torch.autograd.grad(value, [outputs.bins, outputs.linked_values])
        assert all(gradient.isfinite().all() for gradient in gradients)
