"""The tensors between data, model and objective: the mask against a plain loop, and moving a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import pytest
import torch

from artimuse.batch import Batch, attention_mask
from artimuse.data.collate import Collator, Item
from artimuse.records import Pair, Sample


def reference(tree: torch.Tensor, branch: torch.Tensor) -> torch.Tensor:
    rows, length = tree.shape
    mask = torch.zeros(rows, 1, length, length, dtype=torch.bool)
    for r in range(rows):
        for query in range(length):
            for key in range(length):
                if tree[r, query] == -1:
                    mask[r, 0, query, key] = query == key
                elif key <= query and tree[r, key] == tree[r, query]:
                    mask[r, 0, query, key] = branch[r, key] in (0, branch[r, query])
    return mask


@pytest.mark.parametrize("seed", range(5))
def test_the_mask_is_its_definition(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    tree = torch.randint(-1, 3, (3, 17), generator=random)
    branch = torch.randint(0, 4, (3, 17), generator=random)
    assert torch.equal(attention_mask(tree, branch), reference(tree, branch))


def test_the_mask_of_a_real_batch(collator: Collator, make_sample: Callable[..., Sample]) -> None:
    collator.row_tokens = 200
    items = [Item(s, s.questions) for s in (make_sample("a", texts=2), make_sample("b", texts=1))]
    batch = collator(items)
    mask = attention_mask(batch.tree, batch.branch)
    assert torch.equal(mask, reference(batch.tree, batch.branch))
    assert mask.any(-1).all(), "a softmax over nothing is nan"


def test_a_batch_moves_with_everything_in_it(
    collator: Collator, make_series: Callable[..., tuple[list[Sample], list[Pair]]]
) -> None:
    samples, pairs = make_series("s", 2)
    batch = collator([Item(s, s.questions) for s in samples], pairs).to("meta")
    for item in fields(Batch):
        value = getattr(batch, item.name)
        for tensor in value.values() if isinstance(value, dict) else [value]:
            assert tensor.device.type == "meta", item.name
