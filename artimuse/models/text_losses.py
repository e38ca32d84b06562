"""Losses of the targets without their logits: a part of the vocabulary head's work at a time.

    losses = target_losses(model.lm_head, hidden, targets, chunk=256)      # (S) float32, in nats

The logits of S targets take S x V numbers, their softmax and gradient as many again: of an 8B model 3 to 4 GB
an image with eight critiques. Here `chunk` targets have theirs at once.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from artimuse.models.cpu_linear import by_onednn, product


def target_losses(head: nn.Module, hidden: Tensor, targets: Tensor, *, chunk: int) -> Tensor:
    """-log softmax(head(hidden))[target] of each target, computed in float32.

    A frozen head's part of the gradient is computed at once with the loss, and nothing twice. Of any other head
    (trained, adapted, in shards) the logits are computed again in the backward pass.

    Args:
        hidden: (S,H). targets: (S) token ids. chunk: so many targets at a time.
    """
    if isinstance(head, nn.Linear) and not head.weight.requires_grad and head.weight.numel():
        fast = by_onednn(head, hidden)
        frozen: Any = _FrozenHead.apply(hidden, head.weight, head.bias, targets, chunk, fast)
        return frozen
    parts = [
        checkpoint(_losses, head, some, of, use_reentrant=False)
        for some, of in zip(hidden.split(chunk), targets.split(chunk), strict=True)
    ]
    return torch.cat(parts)  # type: ignore[arg-type]


def _losses(head: nn.Module, hidden: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(head(hidden).float(), targets, reduction="none")


class _FrozenHead(torch.autograd.Function):
    """The gradient of a target's loss by its hidden state is (softmax - one-hot) @ weight, times what the loss
    weighs: all but that weight is known in the forward pass."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, chunk: int,
        fast: bool,
    ) -> Tensor:  # fmt: skip
        losses = hidden.new_empty(len(hidden), dtype=torch.float32)
        slopes = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for start in range(0, len(hidden), chunk):
            part = slice(start, start + chunk)
            # Of autocast's type, where it is on.
            raw = (product if fast else F.linear)(hidden[part], weight, bias)
            logits = F.log_softmax(raw.float(), dim=-1)
            chosen = targets[part, None]
            losses[part] = -logits.gather(1, chosen)[:, 0]
            if slopes is not None:
                logits.exp_()
                logits.scatter_add_(1, chosen, logits.new_full(chosen.shape, -1.0))
                slope, columns = logits.to(raw.dtype), weight.to(raw.dtype)
                slopes[part] = product(slope, columns.t()) if fast else slope @ columns
                del slope
            # Else they would live on beside the next part's.
            del raw, logits
        ctx.save_for_backward(slopes)
        return losses

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (slopes,) = ctx.saved_tensors
        return slopes * gradient[:, None].to(slopes.dtype), *[None] * 5
