import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from artimuse.objectives.rank import bradley_terry

TAU = 100 / 9


@pytest.mark.parametrize("partners", [False, True])
def test_value_and_gradient_are_those_of_a_plain_loop(partners, make_batch, make_outputs):
    batch = make_batch(0, 9, 20)
    outputs = make_outputs(batch, partners=partners)
    loss, count = bradley_terry(outputs, batch, tau=TAU)
    loss.backward()

    scores = outputs.pair_scores if partners else outputs.scores
    expected, gradient = 0.0, torch.zeros(scores.shape, dtype=torch.float64)
    for p in range(20):
        places = [(p, 0), (p, 1)] if partners else [(int(i),) for i in batch.pairs[p]]
        first, second = (float(scores[place].detach()) for place in places)
        label = float(batch.pair_probability[p])
        predicted = 1 / (1 + math.exp(-(first - second) / TAU))
        expected -= label * math.log(predicted) + (1 - label) * math.log(1 - predicted)
        gradient[places[0]] += (predicted - label) / TAU
        gradient[places[1]] -= (predicted - label) / TAU
    assert_close(loss.double(), torch.tensor(expected).double(), rtol=1e-6, atol=1e-6)
    assert_close(scores.grad.double(), gradient, rtol=1e-6, atol=1e-6)
    assert count == 20


def test_a_swapped_pair_mirrors(make_batch, make_outputs):
    batch = make_batch(0, 9, 20)
    outputs = make_outputs(batch)
    swapped = replace(batch, pairs=batch.pairs.flip(1), pair_probability=1 - batch.pair_probability)
    loss, _ = bradley_terry(outputs, batch, tau=TAU)
    mirrored, _ = bradley_terry(outputs, swapped, tau=TAU)
    (a,) = torch.autograd.grad(loss, outputs.scores)
    (b,) = torch.autograd.grad(mirrored, outputs.scores)
    assert_close(loss, mirrored)
    assert_close(a, b)


def test_a_constant_added_to_all_scores_changes_nothing(make_batch, make_outputs):
    batch = make_batch(0, 9, 20)
    outputs = make_outputs(batch)
    loss, _ = bradley_terry(outputs, batch, tau=TAU)
    shifted, _ = bradley_terry(replace(outputs, scores=outputs.scores + 64), batch, tau=TAU)
    assert_close(loss, shifted)


def test_a_tie_pulls_together_and_costs_log_two_at_least(make_batch, make_outputs):
    batch = make_batch(0, 2, 1)
    batch.pair_probability[:] = 0.5
    outputs = make_outputs(batch)
    outputs.scores = torch.tensor([60.0, 60.0], requires_grad=True)
    loss, _ = bradley_terry(outputs, batch, tau=TAU)
    (gradient,) = torch.autograd.grad(loss, outputs.scores)
    assert_close(loss, torch.tensor(math.log(2)))
    assert gradient.tolist() == [0.0, 0.0]


def test_far_apart_scores_stay_finite(make_batch, make_outputs):
    batch = make_batch(0, 2, 1)
    batch.pairs[:] = torch.tensor([[0, 1]])
    batch.pair_probability[:] = 0.0
    outputs = make_outputs(batch)
    outputs.scores = torch.tensor([1e6, 0.0])
    assert_close(bradley_terry(outputs, batch, tau=1.0)[0], torch.tensor(1e6))
