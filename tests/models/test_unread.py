"""A linear layer without its value: the gradients are the plain layer's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from artimuse.models.cpu_linear import has_onednn, use_onednn
from artimuse.models.unread import unread

WIDE = 40


def plain(bias: bool = True) -> nn.Module:
    return nn.Sequential(nn.Linear(WIDE, 48, bias=bias))


def frozen() -> nn.Module:
    return plain(bias=False).requires_grad_(False)


def fast() -> nn.Module:
    model = plain()
    use_onednn(model, trained=True)
    return model


def with_lora(**options: Any) -> nn.Module:
    config = LoraConfig(r=4, target_modules=["0"], init_lora_weights=False, **options)
    return inject_adapter_in_model(config, plain())


def gradients(
    model: nn.Module, given: torch.Tensor, around: Callable[..., Any] | None
) -> list[Any]:
    leaf = given.clone().requires_grad_()
    layer = model[0]  # type: ignore[index]
    if around is None:
        out = layer(leaf)
    else:
        with around(layer):
            out = layer(leaf)
    slope = torch.randn(out.shape, generator=torch.Generator().manual_seed(0)).to(out.dtype)
    wanted = [leaf, *(p for p in model.parameters() if p.requires_grad)]
    return [out, *torch.autograd.grad(out, wanted, slope)]


MODELS: dict[str, Callable[[], nn.Module]] = {
    "plain": plain, "without bias": lambda: plain(bias=False), "frozen": frozen,
    "lora": with_lora, "dora": lambda: with_lora(use_dora=True),
}  # fmt: skip
if has_onednn():
    MODELS["onednn"] = fast


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(3, 10, WIDE), (29, WIDE)])
def test_gradients_are_the_plain_layer_s(shape: tuple[int, ...], name: str) -> None:
    torch.manual_seed(0)
    model = MODELS[name]()
    given = torch.randn(shape)
    expected, found = gradients(model, given, None), gradients(model, given, unread)
    assert len(expected) == len(found)
    for one, other in zip(expected[1:], found[1:], strict=True):
        torch.testing.assert_close(other, one, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["plain", "frozen", "lora", *(["onednn"] if has_onednn() else [])])
def test_there_is_no_product(name: str) -> None:
    """Of a model whose LoRA starts at nothing, nothing is all that comes out."""
    model = with_lora() if name == "lora" else MODELS[name]()
    for key, weight in model.named_parameters():
        if "lora_B" in key:
            nn.init.zeros_(weight)
    out = gradients(model, torch.randn(9, WIDE), unread)[0]
    assert out.shape == (9, 48)
    assert not out.any()
    assert gradients(model, torch.randn(9, WIDE), None)[0].any(), "and afterwards there is"


def test_where_it_could_not_be_left_out_it_is_there() -> None:
    """DoRA's magnitudes multiply the product; autocast has other types; somebody else's forward stays."""
    given = torch.randn(9, WIDE)
    model = with_lora(use_dora=True)
    assert torch.equal(gradients(model, given, unread)[0], gradients(model, given, None)[0])
    model = plain()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected, found = gradients(model, given, None), gradients(model, given, unread)
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))
    other: Any = copy.deepcopy(model)
    other[0].forward = theirs = torch.tanh
    with unread(other[0]):
        assert other[0](given).equal(given.tanh())
    assert other[0].forward is theirs
    with unread(nn.Tanh()) as nothing:
        assert nothing is None
