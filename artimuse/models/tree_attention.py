"""Attention of a token tree by its structure: a prefix attends to itself, a branch to the prefix and to itself.

    use_tree_attention(transformers_model)                     # once; other inputs are attended to as before
    model(..., tree_layout=tree_layout(batch.tree, batch.branch))
    model(..., attention_mask=mask, grouped=True)              # a few new tokens: see `_grouped`

A dense mask computes all T x T products of a row and throws most of them away: of nine branches of 175 tokens
behind 276, five in six. Here each part is one call of torch's fused kernel, without a mask, and what a branch
sees of the prefix and of itself is merged by the log-sum-exp of the two, which is exact (as in ring attention,
arXiv 2310.01889): with P = exp(S - logsumexp over both parts) the backward pass of each part is that of the
kernel, given the merged output and log-sum-exp.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from artimuse.batch import PADDING
from artimuse.models.kept_values import once

NAME = "artimuse_tree"


@dataclass(frozen=True, slots=True)
class TreePlace:
    """Where a tree lies: its row, its prefix [start, split) and its branches [split, end), cut at `cuts`."""

    row: int
    start: int
    split: int
    cuts: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.cuts[-1] if self.cuts else self.split

    @property
    def branches(self) -> list[tuple[int, int]]:
        return list(pairwise((self.split, *self.cuts)))


TreeLayout = tuple[TreePlace, ...]


def tree_layout(tree: Tensor, branch: Tensor) -> TreeLayout:
    """(R,T) tree and branch of a batch -> where its trees lie."""
    places: list[TreePlace] = []
    rows = zip(tree.tolist(), branch.tolist(), strict=True)
    for row, (trees, branches) in enumerate(rows):
        keys = list(zip(trees, branches, strict=True))
        edges = [n for n in range(1, len(keys)) if keys[n] != keys[n - 1]]
        start: int | None = None
        split, cuts = 0, []
        for begin, end in pairwise((0, *edges, len(keys))):
            number, part = keys[begin]
            if start is not None and (number == PADDING or number != keys[start][0]):
                places.append(TreePlace(row, start, split, tuple(cuts)))
                start = None
            if number == PADDING:
                continue
            if start is None:
                start, split, cuts = begin, begin, []
            if part == 0:
                split = end
            else:
                cuts.append(end)
        if start is not None:
            places.append(TreePlace(row, start, split, tuple(cuts)))
    return tuple(places)


def use_tree_attention(model: Any) -> bool:
    """Let the language model of a transformers model attend by `tree_layout` where it is given one.

    Returns:
        Whether it does: not where the model drops attention weights at random, which the kernels for it do not.
    """
    language = model.config.get_text_config()
    if getattr(language, "attention_dropout", 0.0):
        return False
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    for key in model.config.sub_configs:
        if getattr(model.config, key) is language:
            model.set_attn_implementation({key: NAME})
            return True
    return False


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    tree_layout: TreeLayout | None = None,
    grouped: bool = False,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """transformers' attention function: (R,heads,T,D) -> (R,T,heads,D)."""
    if grouped and attention_mask is not None:
        return _grouped(query, key, value, attention_mask, scaling), None
    if tree_layout is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
    if torch.is_autocast_enabled(query.device.type):
        # As autocast itself does for torch's attention: rotated queries are float32 here, values are not.
        lower = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(lower), key.to(lower), value.to(lower)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    attended: Any = _TreeAttention.apply(query, key, value, tree_layout, scale)
    return attended.transpose(1, 2).contiguous(), None


def _grouped(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scaling: float | None
) -> Tensor:
    """(R,heads,W,D) queries, (R,groups,C,D) keys, a mask of four axes -> (R,W,heads,D).

    Under a mask, transformers repeats the cached keys and values for every head that shares them (7 in
    Qwen2.5-7B), in every layer and for every token. Here the queries of those heads are laid side by side
    instead, as more tokens of one head: the same products, and the cache is read as it lies.
    """
    rows, heads, tokens, width = query.shape
    shared = heads // key.shape[1]
    side_by_side = query.reshape(rows, key.shape[1], shared * tokens, width)
    mask = mask.repeat(1, 1, shared, 1)
    found = scaled_dot_product_attention(side_by_side, key, value, attn_mask=mask, scale=scaling)
    return found.view(rows, heads, tokens, width).transpose(1, 2).contiguous()


class _TreeAttention(torch.autograd.Function):
    """query: (R,heads,T,D), key and value: (R,groups,T,D) -> (R,heads,T,D); 0 at padding, which nothing reads.

    Keys and values are kept as they come, and repeated for the heads that share them where they are used.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, layout: TreeLayout, scale: float
    ) -> Tensor:
        groups = query.shape[1] // key.shape[1]
        out, total = once(
            lambda: _attended(
                query, repeat_kv(key, groups), repeat_kv(value, groups), layout, scale
            )
        )
        ctx.save_for_backward(query, key, value, out, total)
        ctx.layout, ctx.scale = layout, scale
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        query, key, value, out, total = ctx.saved_tensors
        groups = query.shape[1] // key.shape[1]
        key, value = repeat_kv(key, groups), repeat_kv(value, groups)
        of_query, of_key, of_value = (torch.zeros_like(t) for t in (query, key, value))
        for place in ctx.layout:
            row = slice(place.row, place.row + 1)
            prefix, behind = slice(place.start, place.split), slice(place.split, place.end)
            parts = [(slice(begin, end), slice(begin, end), True) for begin, end in place.branches]
            if place.split > place.start:
                parts.append((prefix, prefix, True))
                if place.cuts:
                    parts.append((behind, prefix, False))
            for queries, keys, causal in parts:
                found = _backward(
                    gradient[row, :, queries], query[row, :, queries], key[row, :, keys],
                    value[row, :, keys], out[row, :, queries], total[row, :, queries], causal, ctx.scale,
                )  # fmt: skip
                of_query[row, :, queries] += found[0]
                of_key[row, :, keys] += found[1]
                of_value[row, :, keys] += found[2]
        return of_query, _summed(of_key, groups), _summed(of_value, groups), None, None


def _summed(gradient: Tensor, groups: int) -> Tensor:
    """(R,heads,T,D) -> (R,heads/groups,T,D): what repeat_kv gave to several heads."""
    return gradient.unflatten(1, (-1, groups)).sum(2) if groups > 1 else gradient


def _attended(
    query: Tensor, key: Tensor, value: Tensor, layout: TreeLayout, scale: float
) -> tuple[Tensor, Tensor]:
    """(R,heads,T,D), and the log-sum-exp (R,heads,T)."""
    out = torch.zeros_like(query)
    total = query.new_zeros(query.shape[:3], dtype=torch.float32)
    for place in layout:
        row = slice(place.row, place.row + 1)

        def part(queries: slice, keys: slice, *, causal: bool, row: slice = row) -> Any:
            return _forward(
                query[row, :, queries], key[row, :, keys], value[row, :, keys], causal, scale
            )

        prefix = slice(place.start, place.split)
        if place.split > place.start:
            out[row, :, prefix], total[row, :, prefix] = part(prefix, prefix, causal=True)
        if not place.cuts:
            continue
        for begin, end in place.branches:
            own = slice(begin, end)
            out[row, :, own], total[row, :, own] = part(own, own, causal=True)
        if place.split > place.start:
            behind = slice(place.split, place.end)
            seen, weight = part(behind, prefix, causal=False)
            before = total[row, :, behind]
            both = torch.logaddexp(before, weight)
            merged = out[row, :, behind].float() * (before - both).exp()[..., None]
            merged += seen.float() * (weight - both).exp()[..., None]
            out[row, :, behind], total[row, :, behind] = merged.to(out.dtype), both
    return out, total


def _forward(
    query: Tensor, key: Tensor, value: Tensor, causal: bool, scale: float
) -> tuple[Tensor, Tensor]:
    """(1,heads,t,D) and the log-sum-exp (1,heads,t) of one part."""
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, causal, scale=scale
    )


def _backward(
    gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, out: Tensor, total: Tensor,
    causal: bool, scale: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
        gradient, query, key, value, out, total, 0.0, causal, scale=scale
    )
