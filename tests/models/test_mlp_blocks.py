"""An MLP in blocks: the same gradients, no more products, and never more tokens at one time."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from trained import batches, disturb, lora_config, save_base

from artimuse.batch import Batch
from artimuse.config import LoraConfig
from artimuse.models import mlp_blocks
from artimuse.models.activations import checkpoint_activations
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.mlp_blocks import mlp_in_blocks, mlp_whole
from artimuse.records import Sample
from conftest import FAMILIES

ROWS = 7
KINDS: dict[str, dict[str, Any]] = {
    "lora": {"lora": LoraConfig(rank=4, dropout=0)},
    "full": {"tuning": "full"},
}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp_blocks, "MOST_ROWS", ROWS)


class Mlp(nn.Module):
    """The usual one; tells the tokens of each call of its own forward, and the types that it gave."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(8, 24), nn.Linear(8, 24)
        self.down_proj = nn.Linear(24, 8)
        self.dropout = nn.Dropout(dropout)
        self.seen: list[int] = []
        self.types: set[torch.dtype] = set()

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        self.seen.append(given.shape[:-1].numel())
        inner = nn.functional.silu(self.gate(given)) * self.up(given)
        out = self.down_proj(self.dropout(inner))
        self.types.add(out.dtype)
        return out


def step(mlp: Mlp, given: torch.Tensor, *, checkpointed: bool = True) -> dict[str, torch.Tensor]:
    """The output of a layer around an MLP, and all gradients."""

    def layer(x: torch.Tensor) -> torch.Tensor:
        return x + mlp(x.tanh())

    leaf = given.clone().requires_grad_()
    out: Any = checkpoint(layer, leaf, use_reentrant=False) if checkpointed else layer(leaf)
    out.float().square().sum().backward()
    found = {name: p.grad for name, p in mlp.named_parameters() if p.grad is not None}
    assert leaf.grad is not None
    return found | {"out": out.detach(), "given": leaf.grad}


def pair(**options: Any) -> tuple[Mlp, Mlp]:
    whole = Mlp(**options)
    cut = copy.deepcopy(whole)
    mlp_in_blocks(cut)
    return whole, cut


class Products(TorchDispatchMode):
    """Counts the products of matrices by the width of their left one."""

    def __init__(self) -> None:
        super().__init__()
        self.of_width: Counter[int] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm):
            left = args[-2]
            self.of_width[left.shape[1]] += left.shape[0]
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("checkpointed", [True, False])
@pytest.mark.parametrize("frozen", [(), ("gate",), ("gate", "up", "down_proj")])
@pytest.mark.parametrize("shape", [(3, 10, 8), (29, 8), (1, 15, 8)])
def test_gradients_are_those_of_the_whole(
    shape: tuple[int, ...], frozen: tuple[str, ...], checkpointed: bool
) -> None:
    given = torch.randn(shape)
    found = []
    for mlp in pair():
        for name in frozen:
            getattr(mlp, name).requires_grad_(False)
        found.append(step(mlp, given, checkpointed=checkpointed))
    assert found[0].keys() == found[1].keys()
    assert len(found[0]) == 8 - 2 * len(frozen)
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, atol=1e-5, rtol=1e-5)


def test_no_more_products_than_by_checkpointing_and_never_more_at_one_time() -> None:
    whole, cut = pair()
    for mlp in (whole, cut):
        step(mlp, torch.randn(2, 16, 8))
    assert whole.seen == [32, 32]
    assert sum(cut.seen) == 64
    assert max(cut.seen) <= ROWS


def test_the_last_product_is_not_computed_again() -> None:
    """Of 32 tokens: the value once; its gradient is the one product that has the output's 8 for the left
    width, and with the gate's and the up's values, twice each."""
    _, cut = pair()
    cut.requires_grad_(False)
    with Products() as products:
        step(cut, torch.randn(32, 8))
    assert products.of_width[24] == 32 + 2 * 32, "the value, and the gradients of gate and up"
    assert products.of_width[8] == 2 * (32 + 32) + 32


def test_a_last_product_that_is_not_the_output_is_computed_again() -> None:
    class Scaled(Mlp):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return super().forward(given).exp()

    whole = Scaled()
    cut = copy.deepcopy(whole)
    mlp_in_blocks(cut)
    given = torch.randn(30, 8)
    expected, found = step(whole, given), step(cut, given)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-4, rtol=1e-5)


def test_autocast_is_that_of_the_forward_pass() -> None:
    given = torch.randn(30, 8)
    found = []
    for mlp in pair():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            # As of a training step, the backward pass is outside.
            leaf = given.clone().requires_grad_()
            out = mlp(leaf)
        out.float().square().sum().backward()
        assert mlp.types == {torch.bfloat16}, "also where a block is computed again"
        found.append([leaf.grad, *(p.grad for p in mlp.parameters())])
    for one, other in zip(*found, strict=True):
        assert other.dtype == one.dtype
        assert float((other - one).norm() / one.norm()) < 0.01


def test_what_needs_no_gradient_is_computed_whole() -> None:
    _, cut = pair()
    given = torch.randn(30, 8)
    with torch.no_grad():
        cut(given)
    cut(
        given
    )  # nobody asks for the gradient of its input, as in the first layer without adapters before it
    cut(given[:ROWS].requires_grad_())
    assert cut.seen == [30, 30, ROWS]


def test_an_mlp_with_dropout_is_left_whole() -> None:
    whole, cut = pair(dropout=0.5)
    found = []
    for mlp in (whole, cut):
        torch.manual_seed(3)
        found.append(step(mlp, torch.ones(30, 8)))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert cut.seen == [30, 30]


def test_a_copy_is_its_own_and_can_be_taken_back() -> None:
    _, first = pair()
    second = copy.deepcopy(first)
    with torch.no_grad():
        second.down_proj.weight.zero_()
        second.down_proj.bias.zero_()
    given = torch.randn(30, 8, requires_grad=True)
    assert not second(given).any()
    assert first(given).any()
    assert not first.seen[:-5]
    mlp_whole(second)
    mlp_whole(nn.Linear(2, 2))
    # Nor is a forward that somebody else put there lost.
    other = Mlp()
    other.forward = theirs = torch.tanh  # type: ignore[method-assign]
    mlp_in_blocks(other)
    mlp_whole(other)
    assert other.forward is theirs
    second.seen.clear()
    second(given)
    assert second.seen == [30]


def gradients(model: AestheticModel, batch: Batch) -> dict[str, torch.Tensor]:
    outputs = model.train()(batch)
    (outputs.text_logits.float().pow(2).mean() + outputs.scores.mean()).backward()
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_s_gradients_are_the_same(
    family: str, kind: str, tmp_path: Path, texts: list[str], make_sample: Callable[..., Sample]
) -> None:
    config = lora_config(save_base(tmp_path / "base", texts, family), **KINDS[kind])
    plain, cut = (disturb(build_model(config, seed=0)) for _ in range(2))
    checkpoint_activations(cut)
    batch = batches(make_sample)(plain)
    assert batch.input_ids.numel() > 5 * ROWS
    most: list[int] = []
    for layer in cut.transformers_model.model.language_model.layers:
        layer.mlp.down_proj.register_forward_pre_hook(
            lambda _, inputs: most.append(inputs[0].shape[:-1].numel())
        )
    expected, found = gradients(plain, batch), gradients(cut, batch)
    assert max(most) <= ROWS
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-6, rtol=1e-4)
