"""Devices and number formats are checked before a model is loaded onto them."""

from __future__ import annotations

import pytest
import torch

from artimuse.inference.device import pick_device, pick_dtype


def test_what_is_there() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device(None).type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_dtype(None) == pick_dtype("float32") == torch.float32
    assert pick_dtype("bfloat16") == pick_dtype(torch.bfloat16) == torch.bfloat16


@pytest.mark.parametrize("name", ["gpu", "cuda:4711", ""])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(ValueError, match=f"device '{name}': expected one that torch can use"):
        pick_device(name)


@pytest.mark.parametrize("name", ["bf16", "int8", torch.int64])
def test_another_number_format(name: str | torch.dtype) -> None:
    with pytest.raises(ValueError, match="expected one of float32, bfloat16, float16"):
        pick_dtype(name)
