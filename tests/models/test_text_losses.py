"""Losses without logits equal those with them, and so do their gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from artimuse.batch import Counts
from artimuse.config import ObjectiveConfig
from artimuse.data.collate import Item
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.cpu_linear import use_onednn
from artimuse.models.text_losses import target_losses
from artimuse.objectives.joint import Objective
from artimuse.records import Sample
from conftest import make_collator


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("targets", "chunk"), [(10, 4), (8, 4), (3, 100), (0, 4)])
def test_losses_and_gradients_equal_those_of_all_logits(
    trained: bool, fast: bool, bias: bool, targets: int, chunk: int
) -> None:
    torch.manual_seed(0)
    head = nn.Linear(32, 48, bias=bias).requires_grad_(trained)
    use_onednn(head, trained=fast)
    chosen = torch.randint(48, (targets,))
    weights = torch.rand(targets)
    found: list[list[torch.Tensor]] = []
    for whole in (True, False):
        hidden = torch.randn(targets, 32, generator=torch.Generator().manual_seed(1))
        hidden.requires_grad_()
        head.zero_grad()
        losses = (
            F.cross_entropy(head(hidden), chosen, reduction="none")
            if whole
            else target_losses(head, hidden, chosen, chunk=chunk)
        )
        (losses * weights).sum().backward()
        assert hidden.grad is not None
        grads = [p.grad for p in head.parameters() if p.grad is not None]
        found.append([losses.detach(), hidden.grad, *grads])
    assert len(found[0]) == len(found[1]) == 2 + trained * (1 + bias)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_bf16_rounds_as_autocast_does() -> None:
    torch.manual_seed(0)
    head = nn.Linear(64, 500, bias=False, dtype=torch.bfloat16).requires_grad_(False)
    chosen, found = torch.randint(500, (30,)), []
    for whole in (True, False):
        hidden = torch.randn(30, 64, generator=torch.Generator().manual_seed(1)).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = (
                F.cross_entropy(head(hidden).float(), chosen, reduction="none")
                if whole
                else target_losses(head, hidden, chosen, chunk=7)
            )
        assert losses.dtype == torch.float32
        losses.sum().backward()
        assert hidden.grad is not None
        found.append((losses.detach(), hidden.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-6, atol=1e-2)
    assert (found[0][1] - found[1][1]).norm() < 5e-3 * found[0][1].norm()


def test_a_model_trains_the_same(
    family_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    sample = make_sample("a", texts=4)
    batch = make_collator(family_model)([Item(sample, sample.questions)])
    counts = Counts(tokens=float(batch.weights.sum()), readouts=1, pairs=0, images=1)
    objective, found = Objective(ObjectiveConfig()), []
    for chunk in (None, 16):
        family_model.text_chunk = chunk
        family_model.train().zero_grad()
        outputs = family_model(batch)
        assert (outputs.text_losses is None) == (chunk is None)
        losses = objective(outputs, batch, counts, scale=1.0)
        losses.total.backward()
        found.append({n: p.grad for n, p in family_model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-4, atol=1e-7)
    with torch.no_grad():
        assert len(family_model(batch).text_logits) == len(batch.targets)


def test_never_more_logits_at_once_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = F.log_softmax
    monkeypatch.setattr(
        F, "log_softmax", lambda logits, dim: (seen.append(len(logits)), real(logits, dim=dim))[1]
    )
    head = nn.Linear(6, 23).requires_grad_(False)
    target_losses(
        head, torch.randn(10, 6, requires_grad=True), torch.zeros(10, dtype=torch.int64), chunk=4
    )
    assert seen == [4, 4, 2]
