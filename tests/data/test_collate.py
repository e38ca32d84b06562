"""From items to a Batch: every tensor of the legend, checked against the trees it was made from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from artimuse.batch import Batch
from artimuse.data.collate import Collator, Item
from artimuse.data.images import read_image
from artimuse.data.tree import Tree, build_tree
from artimuse.models.aesthetic import AestheticModel
from artimuse.prompts import protocol
from artimuse.records import Pair, Question, Sample, ScoreLabel
from conftest import make_collator


def whole(sample: Sample) -> Item:
    return Item(sample, sample.questions)


def ragged(make_sample: Callable[..., Sample]) -> list[Item]:
    return [
        whole(make_sample(name, texts=n)) for name, n in (("a", 3), ("b", 8), ("c", 1), ("d", 0))
    ]


def tree_of(collate: Collator, item: Item) -> Tree:
    sizes = [(1, 1)] * len(item.sample.images)
    tokens = [collate.family.image_tokens(size) for size in sizes]
    conversations = [collate.conversation(q, tokens) for q in item.questions]
    return build_tree(conversations, collate.family, sizes)


def test_padding_and_layout(collator: Collator, make_sample: Callable[..., Sample]) -> None:
    items = ragged(make_sample)
    batch = collator(items)
    trees = [tree_of(collator, item) for item in items]
    assert batch.input_ids.shape == (4, max(len(tree) for tree in trees))
    assert batch.positions.shape == (1, *batch.input_ids.shape)
    for row, tree in enumerate(trees):
        size = len(tree)
        assert batch.input_ids[row, :size].tolist() == tree.ids.tolist()
        assert batch.branch[row, :size].tolist() == tree.branch.tolist()
        assert batch.positions[:, row, :size].tolist() == tree.positions.tolist()
        assert (batch.tree[row, :size] == 0).all()
        assert (batch.tree[row, size:] == -1).all()
        for tensor in (batch.input_ids, batch.branch, batch.positions[0]):
            assert (tensor[row, size:] == 0).all()


def read_back(batch: Batch, collate: Collator) -> list[tuple[list[int], int]]:
    """Per supervised token: the ids that its predicting position may see, and the target."""
    found = []
    flat = {name: getattr(batch, name).flatten() for name in ("input_ids", "tree", "branch")}
    width = batch.input_ids.shape[1]
    for place, target in zip(batch.supervised.tolist(), batch.targets.tolist(), strict=True):
        row = place // width
        seen = [
            int(flat["input_ids"][at])
            for at in range(row * width, place + 1)
            if flat["tree"][at] == flat["tree"][place]
            and int(flat["branch"][at]) in (0, int(flat["branch"][place]))
        ]
        found.append((seen, target))
    return found


@pytest.mark.parametrize("row_tokens", [None, 400, 10_000])
def test_every_target_is_predicted_from_its_own_conversation(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample], row_tokens: int | None
) -> None:
    collate = make_collator(tiny_model, row_tokens=row_tokens)
    items = ragged(make_sample)
    expected = []
    for item in items:
        for question in item.questions:
            if question.kind != "score":
                asked = collate.conversation(question, [tiny_model.family.tokens_per_image])
                assert asked.answer is not None
                expected += [
                    (asked.prompt + asked.answer[:n], target)
                    for n, target in enumerate(asked.answer)
                ]
    assert sorted(read_back(collate(items), collate)) == sorted(expected)


@pytest.mark.parametrize("row_tokens", [150, 250, 400, 700, 10_000])
def test_packing_keeps_every_tree_and_its_limit(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample], row_tokens: int
) -> None:
    items = [*ragged(make_sample), *(whole(make_sample(n, texts=2)) for n in "efgh")]
    plain, packed = (
        make_collator(tiny_model)(items),
        make_collator(tiny_model, row_tokens=row_tokens)(items),
    )
    sizes = sorted((plain.tree != -1).sum(1).tolist())
    per_row = [torch.bincount(row[row >= 0]).tolist() for row in packed.tree]
    assert sorted(size for row in per_row for size in row) == sizes
    for row in per_row:
        assert sum(row) <= row_tokens or len(row) == 1
    assert len(packed.input_ids) < len(items) or row_tokens == 150
    # Each tree still begins with its own image, in the order of the pixels.
    assert packed.images["pixels"].flatten(1).float().sum(1).sort().values.tolist() == (
        plain.images["pixels"].flatten(1).float().sum(1).sort().values.tolist()
    )
    assert len(packed.readouts) == len(plain.readouts)
    assert float(packed.weights.sum()) == float(plain.weights.sum())


def test_pixels_follow_their_trees(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    """Packing reorders trees; the images have to come along in the order of the rows."""
    items = ragged(make_sample)
    batch = make_collator(tiny_model, row_tokens=10_000)(items)
    pixels = {i.sample.id: tiny_model.family.pixels(read_image(i.sample.images[0])) for i in items}
    longest_first = sorted(items, key=lambda i: -len(tree_of(make_collator(tiny_model), i)))
    for made, item in zip(batch.images["pixels"], longest_first, strict=True):
        assert torch.equal(made, pixels[item.sample.id])


def test_weights_per_token_and_per_answer(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    items = ragged(make_sample)
    answers = [q.answer for i in items for q in i.questions if q.answer is not None]
    lengths = [len(tiny_model.family.answer_ids(answer)) for answer in answers]
    per_token = make_collator(tiny_model)(items).weights
    assert per_token.dtype == torch.float32
    assert per_token.tolist() == [1.0] * sum(lengths)
    per_answer = make_collator(tiny_model, text_per="answer")(items).weights
    expected = [1 / length for length in lengths for _ in range(length)]
    torch.testing.assert_close(per_answer, torch.tensor(expected))


def scored(sample: Sample, *labels: ScoreLabel | None, dataset: str = "made") -> Item:
    questions = tuple(Question("score", aspect="overall", label=label) for label in labels)
    return Item(replace(sample, dataset=dataset), questions)


def test_labels_are_on_0_100_with_nan_and_zero_for_the_unknown(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    collate = Collator(
        tiny_model.family, protocol=protocol("plain"), aspects=["overall"], datasets=["ava", "made"]
    )
    items = [
        scored(
            make_sample("a"),
            ScoreLabel(4.0, 1, 5, std=0.8, histogram=(0, 1, 1, 6, 2)),
            dataset="ava",
        ),
        scored(make_sample("b"), ScoreLabel(2.5, 0, 10, histogram=(3, 1))),
        scored(make_sample("c"), None, dataset="elsewhere"),
    ]
    batch = collate(items)
    assert batch.mean.tolist() == [75.0, 25.0, 0.0]
    assert batch.labeled.tolist() == [True, True, False]
    assert batch.std[0].item() == pytest.approx(20.0)
    assert [math.isnan(x) for x in batch.std.tolist()] == [False, True, True]
    assert batch.grades.tolist() == [5, 2, 0]
    torch.testing.assert_close(
        batch.histogram, torch.tensor([[0, 0.1, 0.1, 0.6, 0.2], [0.75, 0.25, 0, 0, 0], [0] * 5])
    )
    assert batch.dataset.tolist() == [0, 1, -1]
    assert batch.aspect.tolist() == [0, 0, 0]
    assert batch.series.tolist() == [-1, -1, -1]


def test_a_series_belongs_to_its_data_set(
    collator: Collator, make_sample: Callable[..., Sample]
) -> None:
    """Two data sets may call a series alike; the numbers still differ."""
    first = [make_sample(f"a{n}", texts=0, series="1") for n in range(2)]
    second = [replace(make_sample(f"b{n}", texts=0, series="1"), dataset="other") for n in range(2)]
    alone = make_sample("c", texts=0)
    batch = collator([whole(sample) for sample in (*first, alone, *second)])
    assert batch.series.tolist() == [0, 0, -1, 1, 1]


@pytest.mark.parametrize("row_tokens", [None, 10_000])
def test_pairs_point_at_the_overall_read_outs(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample], row_tokens: int | None
) -> None:
    collate = Collator(
        tiny_model.family, protocol=protocol("plain"), aspects=["overall", "light"], datasets=[],
        row_tokens=row_tokens,
    )  # fmt: skip
    samples = [make_sample(f"s{n}", texts=n, score=None, series="s") for n in range(4)]
    light = Question("score", aspect="light", label=ScoreLabel(3, 0, 10))
    items = [Item(s, (*s.questions[:-1], light, s.questions[-1])) for s in samples]
    pairs = [Pair(samples[2].id, samples[0].id, 0.8), Pair(samples[1].id, samples[3].id, 0.5)]
    batch = collate(items, pairs)
    assert batch.pair_probability.tolist() == pytest.approx([0.8, 0.5])
    assert batch.pair_list.tolist() == [0, 0]
    assert collate(items, pairs, [4, 1]).pair_list.tolist() == [4, 1]
    assert (batch.aspect[batch.pairs] == 0).all()
    # The read-out's row and tree lead to the image that the pair means.
    flat = batch.tree.flatten()
    order = sorted(range(4), key=lambda n: -n) if row_tokens else list(range(4))
    width = batch.input_ids.shape[1]
    for row, pair in zip(batch.pairs.tolist(), pairs, strict=True):
        for read, wanted in zip(row, (pair.first, pair.second), strict=True):
            at = int(batch.readouts[read])
            number = int(flat[at]) if row_tokens else at // width
            assert samples[order[number]].id == wanted


def test_a_pair_needs_its_images(collator: Collator, make_sample: Callable[..., Sample]) -> None:
    a, b = (make_sample(n, texts=1) for n in "ab")
    with pytest.raises(ValueError, match="pair: 'made/z' has no 'overall' score question"):
        collator([whole(a), whole(b)], [Pair(a.id, "made/z", 0.5)])
    without = Item(b, b.questions[:1])
    with pytest.raises(ValueError, match=f"pair: '{b.id}' has no 'overall' score question"):
        collator([whole(a), without], [Pair(a.id, b.id, 0.5)])


def test_an_unknown_aspect_is_an_error(
    collator: Collator, make_sample: Callable[..., Sample]
) -> None:
    item = Item(make_sample("a"), (Question("score", aspect="light"),))
    with pytest.raises(
        ValueError, match=r"'light': this model scores overall; name the aspect in model\.aspects"
    ):
        collator([item])


def test_a_question_without_an_answer_is_an_error(
    collator: Collator, make_sample: Callable[..., Sample]
) -> None:
    with pytest.raises(ValueError, match="expected an answer to supervise"):
        collator([Item(make_sample("a"), (Question("text", "why?"),))])


def test_a_score_question_takes_the_wording_of_the_protocol(collator: Collator) -> None:
    assert collator.wording(Question("score", aspect="overall")) == protocol("plain").score(
        "overall"
    )
    assert collator.wording(Question("score", "How good?", aspect="overall")) == "How good?"


def test_two_images_are_one_tree(
    tiny_model: AestheticModel, collator: Collator, make_sample: Callable[..., Sample]
) -> None:
    a, b = (make_sample(name, texts=2) for name in "ab")
    both = replace(a, images=(*a.images, *b.images))
    batch = collator([whole(both), whole(b)])
    image = tiny_model.transformers_model.config.image_token_id
    assert [(row == image).sum().item() for row in batch.input_ids] == [8, 4]
    assert len(batch.images["pixels"]) == 3


def test_a_broken_image_is_an_error(
    collator: Collator, make_sample: Callable[..., Sample], tmp_path: Path
) -> None:
    sample = make_sample("a")
    path = sample.images[0]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=str(path)):
        collator([whole(sample)])


def test_the_batch_depends_on_nothing_but_its_items(
    collator: Collator, make_sample: Callable[..., Sample]
) -> None:
    items = ragged(make_sample)
    first = collator(items)
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)
    second = collator(items)
    assert torch.equal(first.input_ids, second.input_ids)
    assert torch.equal(first.images["pixels"], second.images["pixels"])
