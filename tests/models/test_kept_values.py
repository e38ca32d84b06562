"""Values that a checkpointed layer computes once: the same gradients, nothing kept beyond the backward pass."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from trained import batches, disturb, lora_config, save_base

from artimuse.models import tree_attention
from artimuse.models.activations import checkpoint_activations
from artimuse.models.build import build_model
from artimuse.models.kept_values import kept_values, once
from artimuse.records import Sample
from conftest import FAMILIES


class Cube(torch.autograd.Function):
    """Tells how often it was computed."""

    computed = 0
    values: ClassVar[list[Any]] = []

    @staticmethod
    def forward(ctx: Any, given: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        def compute() -> tuple[Tensor, ...]:
            Cube.computed += 1
            square = given**2
            Cube.values.append(weakref.ref(square.untyped_storage()))
            return square, given**3

        square, cube = once(compute)
        ctx.save_for_backward(square)
        return cube

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (square,) = ctx.saved_tensors
        return 3 * square * gradient


@pytest.fixture(autouse=True)
def _from_zero() -> None:
    Cube.computed, Cube.values = 0, []


def layer(hidden: Tensor) -> Tensor:
    return Cube.apply(Cube.apply(hidden.sin()).cos()).tanh()  # type: ignore[union-attr]


def cube(hidden: Tensor) -> Any:
    return checkpoint(layer, hidden, use_reentrant=False, context_fn=kept_values)


def test_they_are_computed_once_and_gradients_are_the_same() -> None:
    plain, cut = (torch.linspace(0.1, 1, 7, requires_grad=True) for _ in range(2))
    layer(layer(plain)).sum().backward()
    assert Cube.computed == 4
    cube(cube(cut)).sum().backward()
    assert Cube.computed == 8, "two a layer, and none in the repetition"
    assert plain.grad is not None
    assert torch.equal(plain.grad, cut.grad)  # type: ignore[arg-type]


def test_a_second_backward_pass_finds_them_again() -> None:
    given = torch.linspace(0.1, 1, 7, requires_grad=True)
    out = cube(given).sum()
    (first,) = torch.autograd.grad(out, given, retain_graph=True)
    (second,) = torch.autograd.grad(out, given)
    assert torch.equal(first, second)
    assert Cube.computed == 2


def test_elsewhere_they_are_computed_every_time() -> None:
    given = torch.linspace(0.1, 1, 7, requires_grad=True)
    checkpoint(layer, given, use_reentrant=False).sum().backward()  # type: ignore[union-attr]
    assert Cube.computed == 4
    layer(given)
    assert Cube.computed == 6


@pytest.mark.parametrize("backward", [True, False])
def test_nothing_is_kept_after_the_step(backward: bool) -> None:
    """Nor where no backward pass came, and with no cycle that is left to the collector."""
    gc.collect()
    gc.disable()
    try:
        given = torch.linspace(0.1, 1, 7, requires_grad=True)
        out = cube(given).sum()
        assert all(value() is not None for value in Cube.values)
        if backward:
            out.backward()
        else:
            del out
        assert all(value() is None for value in Cube.values)
    finally:
        gc.enable()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpointed_model_attends_once(
    family: str, tmp_path: Path, texts: list[str], make_sample: Callable[..., Sample],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    config = lora_config(save_base(tmp_path / "base", texts, family))
    plain, cut = (disturb(build_model(config, seed=0)) for _ in range(2))
    checkpoint_activations(cut)
    batch = batches(make_sample)(plain)
    counted: list[int] = []
    attended = tree_attention._attended

    def count(*given: Any) -> Any:
        counted.append(1)
        return attended(*given)

    monkeypatch.setattr(tree_attention, "_attended", count)

    for model in (plain, cut):
        counted.clear()
        outputs = model.train()(batch)
        (outputs.text_logits.float().pow(2).mean() + outputs.scores.mean()).backward()
        assert len(counted) == len(model.transformers_model.model.language_model.layers)
