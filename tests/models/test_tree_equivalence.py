"""The tree is exact: its loss and whole gradient equal those of one row per question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from artimuse.batch import Batch, Counts
from artimuse.config import ObjectiveConfig
from artimuse.data.collate import Item
from artimuse.models.aesthetic import AestheticModel
from artimuse.objectives.joint import Objective
from artimuse.records import Pair, Sample
from conftest import make_collator

OBJECTIVE = Objective(ObjectiveConfig(score_loss="huber"))


def loss_and_gradient(
    model: AestheticModel, batches: list[Batch], counts: Counts
) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    total = 0.0
    for batch in batches:
        loss = OBJECTIVE(model(batch), batch, counts, scale=1.0).total
        loss.backward()
        total += float(loss.detach())
    grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in model.parameters()]
    return total, torch.cat([g.flatten() for g in grads])


def counts_of(batches: list[Batch]) -> Counts:
    return Counts(
        tokens=float(sum(b.weights.sum() for b in batches)),
        readouts=sum(int(b.labeled.sum()) for b in batches),
        pairs=sum(len(b.pairs) for b in batches),
        images=1,
    )


def assert_same(model: AestheticModel, trees: list[Batch], rows: list[Batch]) -> None:
    """Trees, by a dense mask and by their structure, with rows by a dense mask."""
    counts = counts_of(rows)
    assert model.tree_attention
    model.tree_attention = False
    row_loss, row_gradient = loss_and_gradient(model, rows, counts)
    assert row_gradient.norm() > 1e-3
    for by_structure in (False, True):
        model.tree_attention = by_structure
        tree_loss, tree_gradient = loss_and_gradient(model, trees, counts)
        assert tree_loss == pytest.approx(row_loss, rel=1e-5), by_structure
        difference = float((tree_gradient - row_gradient).norm() / row_gradient.norm())
        assert difference <= 1e-5, f"{by_structure}: relative gradient difference {difference:.2e}"


def separate_rows(item: Item) -> list[Item]:
    return [Item(item.sample, (question,)) for question in item.questions]


def whole(sample: Sample) -> Item:
    return Item(sample, sample.questions)


@pytest.mark.parametrize("text_per", ["token", "answer"])
def test_nine_ragged_branches(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample], text_per: str
) -> None:
    collate = make_collator(tiny_model, text_per=text_per)
    item = whole(make_sample("a", texts=8))
    assert len(item.questions) == 9
    rows = [collate([row]) for row in separate_rows(item)]
    assert_same(tiny_model, [collate([item])], rows)


def test_ragged_branches_of_every_family(
    family_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    collate = make_collator(family_model)
    items = [whole(make_sample("a", texts=8)), whole(make_sample("b", texts=2))]
    rows = [collate([row]) for item in items for row in separate_rows(item)]
    assert_same(family_model, [collate(items)], rows)


def test_two_images_in_a_prefix_of_every_family(
    family_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    """A question that compares: both images are in the prefix, once for all questions about them."""
    first, second = make_sample("a", texts=3), make_sample("b", texts=0)
    item = Item(replace(first, images=(*first.images, *second.images)), first.questions)
    collate = make_collator(family_model)
    batch = collate([item])
    swapped = collate([Item(replace(item.sample, images=item.sample.images[::-1]), item.questions)])
    with torch.no_grad():
        scores = [float(family_model(b).scores) for b in (batch, swapped)]
    assert scores[0] != scores[1], "the order of the images has no say"
    assert_same(family_model, [batch], [collate([row]) for row in separate_rows(item)])


def test_packed_trees_of_every_family(
    family_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    items = [whole(make_sample(name, texts=n)) for name, n in (("a", 1), ("b", 3), ("c", 2))]
    packed = make_collator(family_model, row_tokens=10_000)(items)
    assert len(packed.input_ids) == 1
    single = make_collator(family_model)
    rows = [single([row]) for item in items for row in separate_rows(item)]
    assert_same(family_model, [packed], rows)


def test_padding_changes_nothing(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    collate = make_collator(tiny_model)
    items = [whole(make_sample("a", texts=8)), whole(make_sample("b", texts=2))]
    together = collate(items)
    assert (together.tree == -1).any(), "expected trees of unequal length"
    assert_same(tiny_model, [together], [collate([r]) for i in items for r in separate_rows(i)])


def test_separate_rows_may_be_padded_too(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    collate = make_collator(tiny_model)
    item = whole(make_sample("a", texts=8))
    assert_same(tiny_model, [collate([item])], [collate(separate_rows(item))])


def test_several_trees_in_a_row(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    packed = make_collator(tiny_model, row_tokens=600)
    items = [whole(make_sample(name, texts=n)) for name, n in (("a", 3), ("b", 8), ("c", 1))]
    batch = packed(items)
    assert int(batch.tree.max()) > 0, "expected two trees in one row"
    single = make_collator(tiny_model)
    assert_same(tiny_model, [batch], [single([row]) for i in items for row in separate_rows(i)])


def test_pairs_across_packed_trees(
    tiny_model: AestheticModel,
    make_series: Callable[..., tuple[list[Sample], list[Pair]]],
) -> None:
    samples, pairs = make_series("s", 4)
    items = [whole(sample) for sample in samples]
    packed = make_collator(tiny_model, row_tokens=10_000)(items, pairs)
    assert len(packed.input_ids) == 1
    assert_same(tiny_model, [packed], [make_collator(tiny_model)(items, pairs)])


def test_the_layout_of_rows_is_that_of_general_trainers(
    tiny_model: AestheticModel,
    make_sample: Callable[..., Sample],
    make_series: Callable[..., tuple[list[Sample], list[Pair]]],
) -> None:
    """One setting makes the same rows, pairs and all."""
    samples, pairs = make_series("s", 3)
    told = [q for q in make_sample("a", texts=2).questions if q.kind == "text"]
    items = [Item(sample, (*told, *sample.questions)) for sample in samples]
    rows = make_collator(tiny_model, layout="rows")(items, pairs)
    assert len(rows.input_ids) == sum(len(item.questions) for item in items) > len(items)
    assert int(rows.branch.max()) == 1
    assert_same(tiny_model, [make_collator(tiny_model)(items, pairs)], [rows])


def test_a_mask_that_lets_branches_see_each_other_is_caught(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    """The test above can fail: with all branches in one, the gradient differs."""
    collate = make_collator(tiny_model)
    item = whole(make_sample("a", texts=8))
    batch = collate([item])
    leaking = replace(batch, branch=torch.zeros_like(batch.branch))
    with pytest.raises(AssertionError):
        assert_same(tiny_model, [leaking], [collate([row]) for row in separate_rows(item)])
