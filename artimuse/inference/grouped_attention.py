"""Attention of a few new tokens to many cached ones, whose keys and values several heads share.

    with grouped_attention(transformers_model): ...

Under a mask, transformers repeats the cached keys and values for every head that shares them (7 in Qwen2.5-7B),
in every layer and for every token. Here the queries of those heads are laid side by side instead, as more
tokens of one head: the same products, and the cache is read as it lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

NAME = "artimuse_grouped"


@contextmanager
def grouped_attention(transformers_model: Any) -> Iterator[None]:
    """The language model attends so inside; it is given a mask of four axes."""
    AttentionInterface.register(NAME, _attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    config = transformers_model.model.language_model.config
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    *,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """transformers' attention function: (R,heads,W,D) queries, (R,groups,C,D) keys -> (R,W,heads,D)."""
    del module, options
    rows, heads, tokens, width = query.shape
    shared = heads // key.shape[1]
    side_by_side = query.reshape(rows, key.shape[1], shared * tokens, width)
    mask = attention_mask.repeat(1, 1, shared, 1)
    found = scaled_dot_product_attention(side_by_side, key, value, attn_mask=mask, scale=scaling)
    return found.view(rows, heads, tokens, width).transpose(1, 2).contiguous(), None
