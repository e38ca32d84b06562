"""Device and number format of a model that is asked, checked before anything is loaded onto them."""

from __future__ import annotations

import torch

DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def pick_device(name: str | torch.device | None) -> torch.device:
    """The device of that name; None is CUDA where there is one, else the CPU.

    Raises:
        ValueError: for a name that torch does not know, or a device that is not there.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    # An unknown kind of device is a RuntimeError, an absent one that or an AssertionError.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"device {str(name)!r}: expected one that torch can use, such as cpu or cuda:0: {reason}"
        ) from error
    return device


def pick_dtype(name: str | torch.dtype | None) -> torch.dtype:
    """The number format of the base's weights; None is float32, in which training evaluates.

    Raises:
        ValueError: for another than float32, bfloat16 and float16.
    """
    if name is None:
        return torch.float32
    dtype = DTYPES.get(name) if isinstance(name, str) else name
    if dtype is None or dtype not in DTYPES.values():
        raise ValueError(f"dtype {name!r}: expected one of {', '.join(DTYPES)}")
    return dtype
