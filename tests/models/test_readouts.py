"""Read-outs and links: their formulas, their range, and float32 whatever surrounds them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from artimuse.config import ReadoutConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.readouts import READOUTS, BinsReadout, ScoreLinks, build_readout

KINDS = sorted(READOUTS)


def make(kind: str, aspects: int = 3, seed: int = 0) -> Any:
    config = ReadoutConfig(kind=kind, hidden=16, bins=5)  # type: ignore[arg-type]
    return build_readout(config, hidden=8, aspects=aspects, seed=seed)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_on_0_100(kind: str) -> None:
    readout = make(kind)
    hidden, aspect = 1000 * torch.randn(50, 8), torch.arange(50) % 3
    with torch.no_grad():
        readout.mlp[-1].weight.mul_(100)
    scores, bins = readout(hidden, aspect)
    assert scores.shape == (50,)
    assert scores.min() >= 0
    assert scores.max() <= 100.001
    assert scores.max() - scores.min() > 50
    assert (bins is None) == (kind == "regression")


@pytest.mark.parametrize("kind", KINDS)
def test_an_aspect_has_an_output_of_its_own(kind: str) -> None:
    readout, hidden = make(kind), torch.randn(1, 8).expand(3, 8)
    scores = readout(hidden, torch.arange(3))[0]
    assert len(set(scores.tolist())) == 3
    assert readout(hidden, torch.tensor([2, 0, 1]))[0].tolist() == scores[[2, 0, 1]].tolist()
    # Training one aspect moves no output of another.
    readout(hidden, torch.tensor([1, 1, 1]))[0].sum().backward()
    touched = readout.mlp[-1].weight.grad.view(3, -1).abs().sum(1) > 0
    assert touched.tolist() == [False, True, False]


def test_the_bins_score_is_their_mean() -> None:
    readout = make("bins")
    assert isinstance(readout, BinsReadout)
    scores, bins = readout(torch.randn(7, 8), torch.zeros(7, dtype=torch.int64))
    torch.testing.assert_close(bins.exp().sum(1), torch.ones(7))
    centres = torch.tensor([0.0, 25.0, 50.0, 75.0, 100.0])
    torch.testing.assert_close(scores, (bins.exp() * centres).sum(1))


def test_weights_depend_on_the_seed_alone() -> None:
    before = torch.get_rng_state()
    first = make("regression").state_dict()
    assert torch.equal(torch.get_rng_state(), before), "drawing a read-out moved the generator"
    torch.rand(5)
    again, other = make("regression").state_dict(), make("regression", seed=1).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_read_out_runs_in_float32_under_autocast(tiny_model: AestheticModel) -> None:
    hidden, aspect = torch.randn(4, 32), torch.zeros(4, dtype=torch.int64)
    plain, _ = tiny_model.read_out(hidden, aspect)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(tiny_model.read_out(hidden, aspect)[0], plain)
    assert tiny_model.read_out(hidden.bfloat16(), aspect)[0].dtype == torch.float32


def test_links_start_as_the_identity_and_are_affine() -> None:
    links = ScoreLinks(2)
    score, dataset = torch.tensor([10.0, 20.0, 30.0, 40.0]), torch.tensor([0, 1, -1, 1])
    assert torch.equal(links(score, dataset), score)
    with torch.no_grad():
        links.scale.copy_(torch.tensor([0.5, 2.0]))
        links.offset.copy_(torch.tensor([0.1, -0.2]))
    torch.testing.assert_close(links(score, dataset), torch.tensor([15.0, 20.0, 30.0, 60.0]))


def test_an_unlinked_score_teaches_no_link() -> None:
    links = ScoreLinks(2)
    links(torch.tensor([10.0, 20.0]), torch.tensor([-1, 1])).sum().backward()
    assert links.scale.grad is not None
    assert links.scale.grad.tolist() == [0.0, 20.0]
