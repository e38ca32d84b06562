"""How many bytes autograd holds for the backward pass: the activations of a step.

    with SavedTensors(leave_out=model.parameters()) as saved:
        loss = objective(model(batch), batch, ...)
    saved.bytes

The same for real tensors and for a skeleton's (artimuse/models/skeleton.py), whose storages have a size and
no content.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import torch
from torch import Tensor


class SavedTensors:
    """Counts what operations inside the `with` block save for their backward, each storage once.

    Args:
        leave_out: tensors that are held anyway, such as parameters and buffers.
    """

    def __init__(self, leave_out: Iterable[Tensor]) -> None:
        self._held = {_key(tensor) for tensor in leave_out}
        # The storages themselves: the address of one that was freed would be given to another.
        self._found: dict[int, torch.UntypedStorage] = {}
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._see, lambda tensor: tensor)

    @property
    def bytes(self) -> int:
        """Of all storages together."""
        return sum(storage.nbytes() for storage in self._found.values())

    def __enter__(self) -> Self:
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.__exit__(*error)

    def _see(self, tensor: Tensor) -> Tensor:
        key = _key(tensor)
        if key not in self._held:
            self._found[key] = tensor.untyped_storage()
        return tensor


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
