"""The PLCC loss: of a step, within a data set, whatever the scale."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from artimuse.objectives.correlation import plcc


@pytest.fixture
def scored(make_batch, make_outputs):
    batch = make_batch(0, 30, 0)
    batch.labeled[:], batch.aspect[:], batch.dataset[:] = True, 0, 0
    batch.mean = 100 * torch.rand(30)
    return make_outputs(batch), batch


def test_it_is_one_minus_numpy_s_correlation(scored):
    outputs, batch = scored
    r = np.corrcoef(outputs.scores.detach().double(), batch.mean.double())[0, 1]
    loss, count = plcc(outputs, batch)
    assert (loss / count).item() == pytest.approx(1 - r, abs=1e-6)


def test_neither_scale_nor_zero_of_the_scores_matter(scored):
    outputs, batch = scored
    before = plcc(outputs, batch)[0]
    outputs.scores = 0.3 * outputs.scores + 17
    assert_close(plcc(outputs, batch)[0], before, rtol=1e-5, atol=1e-5)


def test_data_sets_and_aspects_are_correlated_apart(scored):
    outputs, batch = scored
    batch.dataset[10:] = 1
    batch.aspect[20:] = 1
    # Within a group the order is perfect; between groups it is reversed.
    group = torch.arange(30) // 10
    batch.mean = torch.arange(30) % 10 * 2.0 + 30.0 * group
    outputs.scores = (torch.arange(30) % 10 * 3.0 + 60 - 30.0 * group).requires_grad_()
    loss, _ = plcc(outputs, batch)
    assert_close(loss, torch.tensor(0.0), rtol=0, atol=1e-3)
    batch.dataset[:], batch.aspect[:] = 0, 0
    assert plcc(outputs, batch)[0] > 10


@pytest.mark.parametrize("equal", ["scores", "labels", "alone"])
def test_what_has_no_correlation_counts_as_none_and_stays_finite(equal, scored):
    outputs, batch = scored
    if equal == "scores":
        outputs.scores = torch.full((30,), 64.3, requires_grad=True)
    elif equal == "labels":
        batch.mean[:] = 33.3
    else:
        batch.dataset = torch.arange(30)
    loss, count = plcc(outputs, batch)
    loss.backward()
    assert_close(loss / count, torch.tensor(1.0))
    assert outputs.scores.grad.isfinite().all()  # type: ignore[union-attr]
    if equal != "scores":
        assert (outputs.scores.grad == 0).all()
