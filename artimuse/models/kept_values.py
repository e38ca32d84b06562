"""What a checkpointed layer need not compute twice: values of much work and little memory.

    checkpoint(layer, hidden, use_reentrant=False, context_fn=kept_values)
    ...
    out, total = once(lambda: attention(query, key, value))      # inside the layer

In the recomputation of a layer `once` gives what it gave in the forward pass. Its values are part of no graph:
it is for the forward functions of a torch.autograd.Function, whose backward pass asks for them and for inputs
that are computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Self

from torch import Tensor

Values = tuple[Tensor, ...]


class _Pass:
    """One run of a layer: the one that fills the list of values, or one that reads it from its start."""

    def __init__(self, values: list[Values], *, again: bool) -> None:
        self._values, self._again = values, again

    def __enter__(self) -> Self:
        self._read = 0
        self._before = _PASS.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _PASS.reset(self._before)

    def once(self, compute: Callable[[], Values]) -> Values:
        if not self._again:
            self._values.append(_apart(compute()))
            return _apart(self._values[-1])
        self._read += 1
        return _apart(self._values[self._read - 1])


_PASS: ContextVar[_Pass | None] = ContextVar("_PASS", default=None)


def kept_values() -> tuple[_Pass, _Pass]:
    """The two contexts of torch.utils.checkpoint's `context_fn`: of the forward pass, and of its repetition."""
    values: list[Values] = []
    return _Pass(values, again=False), _Pass(values, again=True)


def once(compute: Callable[[], Values]) -> Values:
    """What compute() gives: in the repetition of a checkpointed layer, what it gave before."""
    now = _PASS.get()
    return compute() if now is None else now.once(compute)


def _apart(values: Values) -> Values:
    """The same memory by tensors of their own: autograd writes the graph into those that it is given."""
    return tuple(value.detach() for value in values)
