"""The MLP of a layer, a block of tokens at a time, under activation checkpointing.

    mlp_in_blocks(layer.mlp)         # the layer itself is checkpointed

Between its two products an MLP is several times as wide as the rest of the layer, and what it holds there, four
such tensors and their gradients, is most of what a layer holds while it is computed. Here a block's are gone
before the next block's are made (as in ALST's tiled MLP, arXiv 2506.13996, section 3.1.3). In the backward pass
every block is computed again, and differentiated at once.

The layer's own recomputation leaves the MLP out: it ends with the last tensor that somebody kept, and the input
of the MLP is kept before the MLP is computed. So nothing is computed more often than twice, and the MLP's last
product once (artimuse/models/unread.py).

For LoRA and frozen weights: the gradients of weights are held whole beside a block's, so that with large MLPs
and few tokens more is held than without. On CPUs, where the heap makes it count: pieces so large come to be
scattered over it.
"""

from __future__ import annotations

from contextlib import ExitStack
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from artimuse.models.unread import unread

MOST_ROWS = 512
"""Tokens of a block: with fewer, oneDNN's products take longer."""
LAST = "down_proj"
"""What transformers' MLPs call the layer that gives their output."""


def mlp_in_blocks(mlp: nn.Module) -> None:
    """Let an MLP, (..., H) -> (..., H) of each token alone, be trained in blocks of at most MOST_ROWS tokens.

    Left as it is where dropout acts inside, as blocks would draw other masks than the whole; and where somebody
    else has put a forward of their own there.
    """
    random = any(isinstance(m, nn.Dropout) and m.p > 0 for m in mlp.modules())
    if not random and "forward" not in mlp.__dict__:
        # A method and not a function, so that a copy of the module calls its own.
        mlp.forward = MethodType(_forward, mlp)


def mlp_whole(mlp: nn.Module) -> None:
    """Take that back; nothing to any other module."""
    if getattr(mlp.__dict__.get("forward"), "__func__", None) is _forward:
        del mlp.forward


def _forward(mlp: nn.Module, given: Tensor) -> Tensor:
    whole = MethodType(type(mlp).forward, mlp)
    # Without a gradient to hand on, nothing is kept either.
    traced = torch.is_grad_enabled() and given.requires_grad
    if not traced or given.device.type != "cpu" or given.shape[:-1].numel() <= MOST_ROWS:
        return whole(given)
    kept = _Kept()
    trained = [p for p in mlp.parameters() if p.requires_grad]
    found: Any = _Blocks.apply(_Keep.apply(given, kept), kept, whole, *trained)
    return found


class _Kept:
    """Where the backward pass finds the input: by the node of the graph that keeps it."""

    by: Any = None


class _Keep(torch.autograd.Function):
    """Nothing but to keep its input, before anything is computed of it."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, kept: _Kept) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.save_for_backward(given)
        kept.by = ctx
        return given.view_as(given)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return gradient, None


class _Blocks(torch.autograd.Function):
    """The MLP of a block after the other, without a graph; in the backward pass a graph a block."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, given: Tensor, kept: _Kept, whole: Any, *trained: nn.Parameter
    ) -> Tensor:
        ctx.kept, ctx.whole, ctx.trained = kept, whole, trained
        ctx.autocast = _autocast(given)
        return torch.cat([whole(rows) for rows in _blocks(given.detach())]).view(given.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (given,) = ctx.kept.by.saved_tensors
        of_given: list[Tensor] = []
        of_trained: list[Tensor] = []
        for rows, slope in zip(_blocks(given), _blocks(gradient), strict=True):
            leaf = rows.detach().requires_grad_()
            with ExitStack() as stack:
                stack.enter_context(torch.enable_grad())
                stack.enter_context(torch.autocast(**ctx.autocast))
                # Not the leaf: torch's counter of FLOPs wants to know what made a module's input.
                out = _for_gradients(ctx.whole, leaf.view_as(leaf))
            found = torch.autograd.grad(out, [leaf, *ctx.trained], slope)
            of_given.append(found[0])
            if not of_trained:
                of_trained = list(found[1:])
                continue
            for total, part in zip(of_trained, found[1:], strict=True):
                total += part
        return torch.cat(of_given).view(given.shape), None, None, *of_trained


def _for_gradients(whole: MethodType, rows: Tensor) -> Tensor:
    """An MLP's output with its graph, and without its last product where that is the output."""
    last = getattr(whole.__self__, LAST, None)
    if last is None:
        return whole(rows)
    gave: list[Tensor] = []
    handle = last.register_forward_hook(lambda _, __, out: gave.append(out))
    try:
        with unread(last):
            out = whole(rows)
    finally:
        handle.remove()
    return out if len(gave) == 1 and out is gave[0] else whole(rows)


def _blocks(tokens: Tensor) -> tuple[Tensor, ...]:
    """(..., H) -> pieces (at most MOST_ROWS, H) of about the same length."""
    rows = tokens.flatten(0, -2)
    return rows.chunk(-(-len(rows) // MOST_ROWS))


def _autocast(given: Tensor) -> dict[str, Any]:
    """How autocast stands, for a backward pass, which has none of its own."""
    kind = given.device.type
    return {
        "device_type": kind,
        "enabled": torch.is_autocast_enabled(kind),
        "dtype": torch.get_autocast_dtype(kind),
        "cache_enabled": torch.is_autocast_cache_enabled(),
    }
