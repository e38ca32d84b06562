"""Read-outs and links: their formulas, their range, and float32 whatever surrounds them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, get_args

import pytest
import torch
from torch import nn

from artimuse.config import ModelConfig, ReadoutConfig
from artimuse.config.schema import ReadoutKind
from artimuse.data.collate import Item
from artimuse.models.build import build_model
from artimuse.models.readouts import (
    UNIFORM_SPREAD,
    BinsReadout,
    ScoreLinks,
    WordsReadout,
    build_readout,
    words_of,
)
from artimuse.prompts import LEVELS, SCORE_TOKENS
from artimuse.records import Sample
from conftest import FAMILIES, TINY, build_family_tiny, make_collator

KINDS = get_args(ReadoutKind)
WITH_ASPECTS = ("regression", "bins")


def make(kind: str, aspects: int = 3, seed: int = 0) -> Any:
    config = ReadoutConfig(kind=kind, hidden=16, bins=5)  # type: ignore[arg-type]
    return build_readout(config, hidden=8, aspects=aspects, seed=seed)


def last_layer(readout: Any) -> nn.Linear:
    return readout.rows if isinstance(readout, WordsReadout) else readout.mlp[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_scores_and_spreads_are_on_0_100(kind: str) -> None:
    readout = make(kind)
    hidden, aspect = 1000 * torch.randn(50, 8), torch.arange(50) % 3
    with torch.no_grad():
        last_layer(readout).weight.mul_(100)
    read = readout(hidden, aspect)
    for values in (read.scores, read.spreads):
        assert values.shape == (50,)
        assert values.dtype == torch.float32
        assert values.min() >= 0
        assert values.max() <= 100.001
    assert read.scores.max() - read.scores.min() > 50
    assert (read.bins is None) == (kind == "regression")


@pytest.mark.parametrize("kind", WITH_ASPECTS)
def test_an_aspect_has_an_output_of_its_own(kind: str) -> None:
    readout, hidden = make(kind), torch.randn(1, 8).expand(3, 8)
    scores = readout(hidden, torch.arange(3)).scores
    assert len(set(scores.tolist())) == 3
    assert readout(hidden, torch.tensor([2, 0, 1])).scores.tolist() == scores[[2, 0, 1]].tolist()
    # Training one aspect moves no output of another.
    readout(hidden, torch.tensor([1, 1, 1])).scores.sum().backward()
    touched = readout.mlp[-1].weight.grad.view(3, -1).abs().sum(1) > 0
    assert touched.tolist() == [False, True, False]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "regression"])
def test_score_and_spread_are_those_of_the_distribution(kind: str) -> None:
    readout = make(kind)
    read = readout(torch.randn(7, 8), torch.zeros(7, dtype=torch.int64))
    values = torch.linspace(0, 100, {"bins": 5, "levels": 5, "tokens": 101}[kind])
    for score, spread, bins in zip(read.scores, read.spreads, read.bins, strict=True):
        chances = [math.exp(b) for b in bins.tolist()]
        assert sum(chances) == pytest.approx(1, abs=1e-5)
        mean = sum(p * v for p, v in zip(chances, values.tolist(), strict=True))
        variance = sum(p * (v - mean) ** 2 for p, v in zip(chances, values.tolist(), strict=True))
        assert score.item() == pytest.approx(mean, abs=1e-3)
        assert spread.item() == pytest.approx(math.sqrt(variance), abs=1e-3)


def test_a_sure_distribution_has_no_spread_and_no_bad_gradient() -> None:
    readout = make("bins")
    with torch.no_grad():
        readout.mlp[-1].bias.view(3, 5)[:, 2] = 1e4
    read = readout(torch.randn(4, 8), torch.zeros(4, dtype=torch.int64))
    assert read.scores.tolist() == pytest.approx([50.0] * 4)
    assert read.spreads.tolist() == pytest.approx([0.0] * 4, abs=1e-3)
    read.scores.sum().backward()
    assert all(p.grad.isfinite().all() for p in readout.parameters() if p.grad is not None)


def test_the_spread_of_a_regression_teaches_nothing_else() -> None:
    readout, hidden = make("regression"), torch.randn(4, 8, requires_grad=True)
    read = readout(hidden, torch.zeros(4, dtype=torch.int64))
    assert read.spreads.tolist() == pytest.approx([UNIFORM_SPREAD] * 4)
    read.spreads.sum().backward()
    assert hidden.grad is None
    moved = {name for name, p in readout.named_parameters() if p.grad is not None}
    assert moved == {"spread.weight", "spread.bias"}


@pytest.mark.parametrize("kind", ["tokens", "levels"])
@pytest.mark.parametrize("family", FAMILIES)
def test_words_are_read_from_the_model_s_own_head(family: str, kind: str, texts: list[str]) -> None:
    """Softmax over the words' logits at the read-out's position, as the papers' inference does."""
    model = build_family_tiny(family, texts, readout=ReadoutConfig(kind=kind))  # type: ignore[arg-type]
    hidden = torch.randn(3, 32)
    logits = model.transformers_model.lm_head(hidden)
    ids = model.family.word_ids(SCORE_TOKENS if kind == "tokens" else LEVELS)
    expected = logits[:, ids].softmax(-1) @ torch.linspace(0, 100, len(ids))
    read = model.read_out(hidden, torch.zeros(3, dtype=torch.int64))
    torch.testing.assert_close(read.scores, expected)
    # Its rows are its own: training them leaves the head alone, and the other way round.
    model.readout.rows.weight.data.zero_()
    assert torch.equal(model.transformers_model.lm_head(hidden), logits)


def test_words_of_a_recipe() -> None:
    own = ReadoutConfig(kind="levels", words=["ugly", "plain", "lovely"])
    assert words_of(own) == ("ugly", "plain", "lovely")
    assert words_of(ReadoutConfig(kind="levels")) == LEVELS
    assert words_of(ReadoutConfig(kind="bins")) == ()
    with pytest.raises(ValueError, match="a 'bins' read-out has none"):
        ReadoutConfig(kind="bins", words=["a", "b"])


def test_the_score_tokens_are_those_of_the_paper() -> None:
    """FACTS of arXiv 2507.14533: 0-25 aa..az, 26-50 ca..cy, 51-75 da..dy, 76-100 ea..ey."""
    assert len(set(SCORE_TOKENS)) == 101
    places = {0: "aa", 25: "az", 26: "ca", 50: "cy", 51: "da", 75: "dy", 76: "ea", 100: "ey"}
    assert {n: SCORE_TOKENS[n] for n in places} == places


def test_the_bins_of_aspects_are_apart() -> None:
    readout = make("bins")
    assert isinstance(readout, BinsReadout)
    hidden = torch.randn(1, 8).expand(2, 8)
    bins = readout(hidden, torch.tensor([0, 1])).bins
    assert bins is not None
    assert not torch.allclose(bins[0], bins[1])


def test_weights_depend_on_the_seed_alone() -> None:
    before = torch.get_rng_state()
    first = make("regression").state_dict()
    assert torch.equal(torch.get_rng_state(), before), "drawing a read-out moved the generator"
    torch.rand(5)
    again, other = make("regression").state_dict(), make("regression", seed=1).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_out_runs_in_float32_under_autocast(kind: str, texts: list[str]) -> None:
    model = build_family_tiny("internvl", texts, readout=ReadoutConfig(kind=kind, hidden=16))  # type: ignore[arg-type]
    hidden, aspect = torch.randn(4, 32), torch.zeros(4, dtype=torch.int64)
    plain = model.read_out(hidden, aspect)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(model.read_out(hidden, aspect).scores, plain.scores)
    read = model.read_out(hidden.bfloat16(), aspect)
    assert read.scores.dtype == read.spreads.dtype == torch.float32


def test_links_start_as_the_identity_and_are_affine() -> None:
    links = ScoreLinks(2)
    score, dataset = torch.tensor([10.0, 20.0, 30.0, 40.0]), torch.tensor([0, 1, -1, 1])
    assert torch.equal(links(score, dataset), score)
    with torch.no_grad():
        links.scale.copy_(torch.tensor([0.5, -2.0]))
        links.offset.copy_(torch.tensor([0.1, -0.2]))
    torch.testing.assert_close(links(score, dataset), torch.tensor([15.0, -60.0, 30.0, -100.0]))
    torch.testing.assert_close(links.spread(score, dataset), torch.tensor([5.0, 40.0, 30.0, 80.0]))


def test_an_unlinked_score_teaches_no_link() -> None:
    links = ScoreLinks(2)
    links(torch.tensor([10.0, 20.0]), torch.tensor([-1, 1])).sum().backward()
    assert links.scale.grad is not None
    assert links.scale.grad.tolist() == [0.0, 20.0]


def test_the_values_of_a_distribution_are_linked_like_scores() -> None:
    links = ScoreLinks(2)
    with torch.no_grad():
        links.scale.copy_(torch.tensor([0.5, -2.0]))
        links.offset.copy_(torch.tensor([0.1, -0.2]))
    dataset = torch.tensor([0, 1, -1, 1])
    values = torch.linspace(0, 100, 5)
    found = links.values(5, dataset)
    for column in range(5):
        expected = links(values[column].expand(4), dataset)
        torch.testing.assert_close(found[:, column], expected)
    assert links.values(5, dataset[:0]).shape == (0, 5)


def test_a_model_s_linked_score_is_the_mean_of_its_linked_values(
    make_sample: Callable[..., Sample], texts: list[str]
) -> None:
    config = ModelConfig(scratch=TINY, readout=ReadoutConfig(kind="bins", hidden=16))
    model = build_model(config, texts=texts, datasets=["made", "other"], seed=0)
    assert model.links is not None
    with torch.no_grad():
        model.links.scale.copy_(torch.tensor([0.7, 1.0]))
        model.links.offset.copy_(torch.tensor([0.2, 0.0]))
    collate = make_collator(model)
    collate.datasets = {"made": 0, "other": 1}
    samples = [make_sample(f"linked{n}", texts=0) for n in range(3)]
    outputs = model(collate([Item(sample, sample.questions) for sample in samples]))
    assert outputs.bins is not None
    assert outputs.linked_values is not None
    mean = (outputs.bins.exp() * outputs.linked_values).sum(1)
    torch.testing.assert_close(mean, outputs.linked)
    torch.testing.assert_close(outputs.linked, 0.7 * outputs.scores + 20)
