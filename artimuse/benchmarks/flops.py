"""What a step computes, counted; and what the chip could compute at most.

    with FlopCount() as counted:
        loss.backward()
    counted.total, counted.share("vision_tower")

torch's FlopCounterMode counts matrix products, convolutions and fused attention as they are called, so an
attention that leaves something out counts less. Its formulas are used here for the CPU's fused attention too,
which it does not know, and under `is_causal` half is counted, as the kernels skip what no query sees; a mask
that is given as a tensor is computed in full.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

from artimuse.models.cpu_linear import has_onednn, product

PEAKS = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "H200": 989e12,
    "H800": 989e12,
    "GH200": 989e12,
    "B200": 2250e12,
    "A100": 312e12,
    "A800": 312e12,
    "L40S": 362e12,
    "RTX 4090": 165e12,
    "A10G": 70e12,
}
"""Dense bf16 FLOP/s by what torch calls the device (the first that fits), from the vendor's data sheets."""

_MATMUL = 2048


def _attention(op: Any) -> Callable[..., int]:
    """The formula of a fused attention, forward or backward; under a causal mask of what it computes alone."""
    names = [argument.name for argument in op.default._schema.arguments]
    causal, backward = names.index("is_causal"), names[0].startswith("grad_out")
    tensors = 4 if backward else 3
    count = sdpa_backward_flop_count if backward else sdpa_flop_count

    def formula(*args: Any, **kwargs: Any) -> int:
        whole = count(*args[:tensors])
        if not kwargs.get("is_causal", len(args) > causal and args[causal]):
            return whole
        queries, keys = args[tensors - 3][2], args[tensors - 2][2]
        # A query sees the keys up to its own place.
        seen = sum(min(place + 1, keys) for place in range(queries))
        return whole * seen // (queries * keys)

    return formula


_ATTENTION = [
    getattr(torch.ops.aten, f"_scaled_dot_product_{kernel}")
    for name in ("flash_attention{}", "efficient_attention{}", "cudnn_attention{}",
                 "flash_attention_for_cpu{}")
    for kernel in (name.format(""), name.format("_backward"))
]  # fmt: skip


def _linear(left: Any, right: Any, *_: Any, **__: Any) -> int:
    """Of oneDNN's linear layer: (..., in) by (out, in)."""
    return 2 * math.prod(left) * right[0]


def _formulas() -> dict[Any, Callable[..., int]]:
    found = {op: _attention(op) for op in _ATTENTION}
    if has_onednn():
        found[torch.ops.mkldnn._linear_pointwise] = _linear
    return found


class FlopCount(FlopCounterMode):
    """Counts what is computed inside it, forward and backward, also by module."""

    def __init__(self) -> None:
        super().__init__(display=False, custom_mapping=_formulas())

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    @property
    def total(self) -> int:
        return int(self.get_total_flops())

    def share(self, module: str) -> float:
        """Share of the total of the modules of that last name (`lm_head`), 0 to 1."""
        counts = self.get_flop_counts().items()
        inside = sum(sum(ops.values()) for name, ops in counts if name.rpartition(".")[2] == module)
        return inside / max(self.total, 1)


def peak_flops(device: torch.device, dtype: torch.dtype) -> float | None:
    """Most FLOP/s of a device: CUDA's from its data sheet (bf16), None where it is not known here; the CPU's
    measured by a large matrix product on as many threads as torch has now, by its BLAS or by oneDNN."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        known = (peak for chip, peak in PEAKS.items() if all(w in name for w in chip.split()))
        return next(known, None) if dtype == torch.bfloat16 else None
    return _measured_peak(dtype)


def _measured_peak(dtype: torch.dtype, repeats: int = 8) -> float:
    """The fastest of some products: whatever else runs on the machine makes others slower."""
    left, right = (torch.randn(_MATMUL, _MATMUL).to(dtype) for _ in range(2))
    products: list[Callable[[Tensor, Tensor], Tensor]] = [torch.mm]
    if has_onednn():
        products.append(product)
    seconds = []
    for multiply in products:
        multiply(left, right)
        for _ in range(repeats):
            began = time.perf_counter()
            multiply(left, right)
            seconds.append(time.perf_counter() - began)
    return 2 * _MATMUL**3 / min(seconds)
