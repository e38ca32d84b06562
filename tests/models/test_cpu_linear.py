"""oneDNN's products in inference: the same numbers, and training as it was."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from artimuse.models import cpu_linear
from artimuse.models.cpu_linear import OneDNNLinear, use_onednn

ONEDNN = torch.backends.mkldnn.is_available()
pytestmark = pytest.mark.skipif(not ONEDNN, reason="this torch has no oneDNN")


@pytest.fixture
def layers() -> tuple[nn.Linear, nn.Linear]:
    """A plain layer, and its copy that is changed."""
    plain = nn.Linear(48, 64)
    fast = copy.deepcopy(plain)
    use_onednn(fast)
    assert isinstance(fast, OneDNNLinear)
    return plain, fast


@pytest.mark.parametrize("shape", [(1, 48), (7, 48), (8, 48), (3, 5, 48), (2, 3, 4, 48)])
@pytest.mark.parametrize("bias", [True, False])
def test_products_are_those_of_torch(
    layers: tuple[nn.Linear, nn.Linear], shape: tuple[int, ...], bias: bool
) -> None:
    plain, fast = layers
    if not bias:
        for layer in layers:
            layer.register_parameter("bias", None)
    given = torch.randn(shape)
    with torch.inference_mode():
        torch.testing.assert_close(fast(given), plain(given), atol=1e-5, rtol=1e-5)
        # A transposed view, as attention hands it on.
        view = torch.randn(48, 64).t()[:, :48]
        torch.testing.assert_close(fast(view), plain(view), atol=1e-5, rtol=1e-5)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether oneDNN was asked, a word a product."""
    found: list[bool] = []
    applies = cpu_linear._applies
    monkeypatch.setattr(
        cpu_linear, "_applies", lambda *a, **b: found.append(applies(*a, **b)) or found[-1]
    )
    return found


def test_only_inference_in_float32_is_changed(
    layers: tuple[nn.Linear, nn.Linear], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, fast = layers
    asked = counted(monkeypatch)
    given = torch.randn(9, 48)
    assert torch.equal(fast(given), plain(given))
    with torch.no_grad():  # a frozen part in training
        assert torch.equal(fast(given), plain(given))
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(fast(given), plain(given))
    half = copy.deepcopy(fast).bfloat16()
    with torch.inference_mode():
        half(given.bfloat16())
        assert asked == [False] * 4
        fast(given)
    assert asked[-1]


def test_a_gradient_after_inference_is_that_of_before(layers: tuple[nn.Linear, nn.Linear]) -> None:
    plain, fast = layers
    given = torch.randn(9, 48)
    with torch.inference_mode():
        fast(given)
    for layer in layers:
        layer(given).square().sum().backward()
    assert plain.weight.grad is not None
    assert fast.weight.grad is not None
    assert torch.equal(fast.weight.grad, plain.weight.grad)


@pytest.mark.parametrize("shape", [(1, 48), (9, 48), (3, 5, 48)])
@pytest.mark.parametrize("frozen", ["nothing", "weight", "input"])
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_training_are_those_of_torch(
    layers: tuple[nn.Linear, nn.Linear], shape: tuple[int, ...], frozen: str, bias: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    asked = counted(monkeypatch)
    use_onednn(layers[1], trained=True)
    given, slope = torch.randn(shape), torch.randn(*shape[:-1], 64)
    found: list[list[torch.Tensor]] = []
    for layer in layers:
        if not bias:
            layer.register_parameter("bias", None)
        if frozen == "weight":
            layer.requires_grad_(False)
        leaf = given.clone().requires_grad_(frozen != "input")
        out = layer(leaf)
        out.backward(slope)
        grads = [leaf.grad, layer.weight.grad, None if layer.bias is None else layer.bias.grad]
        found.append([out.detach(), *(g for g in grads if g is not None)])
    assert asked[-1] == (given.numel() >= 8 * 48)
    assert len(found[0]) == {"nothing": 3, "weight": 2, "input": 2}[frozen] + (
        bias and frozen != "weight"
    )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, atol=2e-5, rtol=1e-5)
    use_onednn(layers[1])
    assert layers[1].trained, "asking for inference alone leaves training as it is"


def test_only_plain_layers_are_changed() -> None:
    class Quantized(nn.Linear):
        pass

    wide, narrow = nn.Linear(32, 32), nn.Linear(31, 99)
    model = nn.Sequential(wide, Quantized(32, 32), nn.LayerNorm(4), narrow)
    names = list(model.state_dict())
    use_onednn(model)
    use_onednn(model)
    assert [type(module) for module in model] == [OneDNNLinear, Quantized, nn.LayerNorm, nn.Linear]
    assert list(model.state_dict()) == names


CACHES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "32"}
MANY_LENGTHS = """
import sys, torch
from torch import nn
from artimuse.models.cpu_linear import use_onednn
from artimuse.training.speed import peak_memory_mb
layer = nn.Linear(256, 256)
use_onednn(layer)
with torch.inference_mode():
    layer(torch.zeros(600, 256))
    before = peak_memory_mb(torch.device("cpu"))
    for rows in range(300, 600):
        layer(torch.zeros(rows, 256))
print(peak_memory_mb(torch.device("cpu")) - before)
"""


def told(code: str, **variables: str) -> str:
    """What a process prints with these variables, and none of CACHES beside them."""
    around = {key: value for key, value in os.environ.items() if key not in CACHES}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env=around | {"OMP_NUM_THREADS": "1"} | variables,
    ).stdout  # fmt: skip


@pytest.mark.parametrize("name", CACHES)
def test_the_caches_of_kernels_are_bounded_unless_somebody_says_otherwise(name: str) -> None:
    code = f"import os, artimuse.models.cpu_linear; print(os.environ[{name!r}])"
    assert told(code).strip() == CACHES[name]
    assert told(code, **{name: "7"}).strip() == "7"


def test_many_lengths_do_not_fill_the_memory() -> None:
    """Both caches hold kernels: a bound on one alone does not do."""
    bounded = float(told(MANY_LENGTHS))
    for name in CACHES:
        assert float(told(MANY_LENGTHS, **{name: "1024"})) > 2 * bounded
