import math
from dataclasses import replace

import torch
from torch.testing import assert_close

from artimuse.objectives.text import text_loss


def test_value_and_gradient_are_those_of_a_plain_loop(make_batch, make_outputs):
    batch = make_batch(7, 0, 0)
    outputs = make_outputs(batch)
    loss, count = text_loss(outputs, batch)
    loss.backward()

    logits = outputs.text_logits.detach().double()
    expected, gradient = 0.0, torch.zeros_like(logits)
    for s in range(7):
        w, target = float(batch.weights[s]), int(batch.targets[s])
        total = sum(math.exp(float(x)) for x in logits[s])
        expected += -w * math.log(math.exp(float(logits[s, target])) / total)
        for v in range(logits.shape[1]):
            p = math.exp(float(logits[s, v])) / total
            gradient[s, v] = w * (p - (v == target))
    assert_close(loss.double(), torch.tensor(expected).double(), rtol=1e-6, atol=1e-6)
    assert_close(outputs.text_logits.grad.double(), gradient, rtol=1e-6, atol=1e-6)
    assert_close(count, batch.weights.sum())


def test_bfloat16_logits_are_computed_in_float32(make_batch, make_outputs):
    batch = make_batch(7, 0, 0)
    outputs = make_outputs(batch)
    outputs.text_logits = outputs.text_logits.detach().bfloat16()
    loss, _ = text_loss(outputs, batch)
    outputs.text_logits = outputs.text_logits.float()
    assert loss.dtype == torch.float32
    assert loss == text_loss(outputs, batch)[0]


def test_weights_of_one_over_length_give_a_mean_per_answer(make_batch, make_outputs):
    batch = make_batch(6, 0, 0)
    outputs = make_outputs(batch)
    batch.weights = torch.tensor([1 / 2] * 2 + [1 / 4] * 4)
    loss, count = text_loss(outputs, batch)
    each = torch.nn.functional.cross_entropy(outputs.text_logits, batch.targets, reduction="none")
    assert count == 2
    assert_close(loss / count, (each[:2].mean() + each[2:].mean()) / 2)


def test_targets_of_weight_zero_change_nothing(make_batch, make_outputs):
    """What a dummy row of an empty share holds."""
    batch = make_batch(6, 0, 0)
    outputs = make_outputs(batch)
    before, count = text_loss(outputs, batch)
    logits = torch.cat([outputs.text_logits.detach(), torch.randn(3, 11)]).requires_grad_()
    padded = replace(batch, targets=torch.cat([batch.targets, torch.tensor([1, 2, 3])]),
                     weights=torch.cat([batch.weights, torch.zeros(3)]))  # fmt: skip
    loss, n = text_loss(replace(outputs, text_logits=logits), padded)
    loss.backward()
    assert_close((loss, n), (before, count))
    assert logits.grad is not None
    assert (logits.grad[6:] == 0).all()
