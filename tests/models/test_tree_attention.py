"""Attention by a tree's structure equals that by a dense mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from artimuse.batch import PADDING, attention_mask
from artimuse.data.collate import Item
from artimuse.models import tree_attention
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.tree_attention import TreePlace, tree_layout, use_tree_attention
from artimuse.records import Sample
from conftest import make_collator

# Per row its trees, each as the lengths of prefix and branches.
ROWS = {
    "ragged": [[(7, 3, 5, 1)]],
    "a prefix alone": [[(9,)]],
    "branches alone": [[(0, 4, 3)]],
    "packed and padded": [[(7, 3, 5, 1), (4, 2)], [(9,), (3, 4, 4)], [(2, 1)]],
}


def laid_out(rows: list[list[tuple[int, ...]]]) -> tuple[Tensor, Tensor]:
    length = max(sum(map(sum, row)) for row in rows) + 2
    tree = torch.full((len(rows), length), PADDING)
    branch = torch.zeros(len(rows), length, dtype=torch.int64)
    for row, trees in enumerate(rows):
        offset = 0
        for number, lengths in enumerate(trees):
            for part, tokens in enumerate(lengths):
                tree[row, offset : offset + tokens] = number
                branch[row, offset : offset + tokens] = part
                offset += tokens
    return tree, branch


def test_where_trees_lie() -> None:
    assert tree_layout(*laid_out(ROWS["packed and padded"])) == (
        TreePlace(0, 0, 7, (10, 15, 16)),
        TreePlace(0, 16, 20, (22,)),
        TreePlace(1, 0, 9, ()),
        TreePlace(1, 9, 12, (16, 20)),
        TreePlace(2, 0, 2, (3,)),
    )
    assert tree_layout(*laid_out(ROWS["branches alone"])) == (TreePlace(0, 0, 0, (4, 7)),)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("case", ROWS)
def test_output_and_gradients_equal_the_dense_masks(case: str, groups: int) -> None:
    tree, branch = laid_out(ROWS[case])
    real = (tree != PADDING)[:, None, :, None]
    draw = torch.Generator().manual_seed(3)
    rows, length = tree.shape
    query = torch.randn(rows, 4, length, 16, generator=draw, requires_grad=True)
    key, value = (
        torch.randn(rows, 4 // groups, length, 16, generator=draw, requires_grad=True)
        for _ in range(2)
    )
    weights = torch.randn(rows, 4, length, 16, generator=draw) * real

    def result(attended: Tensor) -> tuple[Tensor, ...]:
        return (
            attended * real,
            *torch.autograd.grad((attended * weights).sum(), (query, key, value)),
        )

    dense = result(scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask(tree, branch), enable_gqa=True
    ))  # fmt: skip
    found, _ = tree_attention._attend(
        torch.nn.Module(), query, key, value, None, tree_layout=tree_layout(tree, branch)
    )
    for one, other in zip(result(found.transpose(1, 2)), dense, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=3e-6)


def test_autocast_holds_for_it_too() -> None:
    """Queries and keys that rotation left in float32, values in bf16, as in fully trained models."""
    tree, branch = laid_out(ROWS["ragged"])
    draw = torch.Generator().manual_seed(4)
    query, key, value = (torch.randn(1, 2, len(tree[0]), 16, generator=draw) for _ in range(3))
    real = (tree != PADDING)[:, None, :, None]
    with torch.autocast("cpu", torch.bfloat16):
        given = query.requires_grad_(), key, value.bfloat16()
        found, _ = tree_attention._attend(
            torch.nn.Module(), *given, None, tree_layout=tree_layout(tree, branch)
        )
        dense = scaled_dot_product_attention(*given, attn_mask=attention_mask(tree, branch))
    assert found.dtype == dense.dtype == torch.bfloat16
    torch.testing.assert_close(found.transpose(1, 2) * real, dense * real, rtol=0.02, atol=0.02)
    found.float().sum().backward()
    assert query.grad is not None
    assert query.grad.dtype == torch.float32


def test_less_is_computed(
    family_model: AestheticModel,
    make_sample: Callable[..., Sample],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Products of queries and keys: those of the structure, in every layer, and in no other way."""
    seen: list[int] = []
    real: Any = tree_attention._forward

    def counted(query: Tensor, key: Tensor, *rest: Any) -> Any:
        seen.append(query.shape[2] * key.shape[2])
        return real(query, key, *rest)

    monkeypatch.setattr(tree_attention, "_forward", counted)
    sample = make_sample("a", texts=8)
    batch = make_collator(family_model)([Item(sample, sample.questions)])
    with torch.inference_mode():
        family_model(batch)
    (place,) = tree_layout(batch.tree, batch.branch)
    prefix, behind = place.split - place.start, place.end - place.split
    own = sum((end - begin) ** 2 for begin, end in place.branches)
    layers = family_model.transformers_model.config.get_text_config().num_hidden_layers
    assert sum(seen) == layers * (prefix**2 + behind * prefix + own)
    assert sum(seen) < layers * batch.tree.shape[1] ** 2


def test_a_model_that_drops_attention_weights_keeps_the_dense_mask(
    tiny_model: AestheticModel,
) -> None:
    inner = tiny_model.transformers_model
    assert use_tree_attention(inner)
    inner.config.get_text_config().attention_dropout = 0.1
    assert not use_tree_attention(inner)
