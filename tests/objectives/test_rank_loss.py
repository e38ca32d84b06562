"""Every rank loss against a plain loop in float64, and what all of them keep to."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from artimuse.config import ObjectiveConfig
from artimuse.objectives.pairwise import FIDELITY_EPSILON
from artimuse.objectives.rank import (
    RANK_LOSSES,
    bradley_terry,
    fidelity,
    listmle,
    margin,
    rank_loss,
)

TAU = 100 / 9
NAMES = sorted(RANK_LOSSES)
PAIRWISE = ("bradley_terry", "fidelity", "margin")


def ends(batch, scores, partners):
    """Per pair: the two read-outs, their scores, P(first better) and the list."""
    for p in range(len(batch.pairs)):
        a, b = (int(i) for i in batch.pairs[p])
        first, second = (scores[p, 0], scores[p, 1]) if partners else (scores[a], scores[b])
        yield (
            a,
            b,
            first / TAU,
            second / TAU,
            float(batch.pair_probability[p]),
            int(batch.pair_list[p]),
        )


def of_pair(name, d, label):
    predicted = 1 / (1 + (-d).exp())
    if name == "bradley_terry":
        return -label * predicted.log() - (1 - label) * (1 - predicted).log()
    if name == "fidelity":
        both = (label * predicted + FIDELITY_EPSILON).sqrt()
        return 1 - both - ((1 - label) * (1 - predicted) + FIDELITY_EPSILON).sqrt()
    if abs(label - 0.5) < 1e-6:
        return d.abs()
    return (0.5 - d if label > 0.5 else 0.5 + d).clamp(min=0)


def of_list(entries):
    """ListMLE: (value, annotated) of every entry, each against itself and what is annotated lower."""
    total = torch.zeros((), dtype=torch.float64)
    for value, annotated in entries:
        rivals = [value.exp()] + [v.exp() for v, other in entries if other < annotated - 1e-6]
        total = total - (value.exp() / sum(rivals)).log()
    return total


def reference(name, batch, scores, partners) -> Tensor:
    pairs = list(ends(batch, scores, partners))
    total = torch.zeros((), dtype=torch.float64)
    if name in PAIRWISE:
        return total + sum(of_pair(name, a - b, label) for _, _, a, b, label, _ in pairs)
    for number in sorted({pair[5] for pair in pairs}):
        inside = [pair for pair in pairs if pair[5] == number]
        if name == "listmle":
            entries = []
            for _, _, first, second, label, _ in inside:
                entries += [
                    (torch.sigmoid(first - second), label),
                    (torch.sigmoid(second - first), 1 - label),
                ]
        else:
            seen: dict[int, list] = {}
            for a, b, first, second, label, _ in inside:
                seen.setdefault(a, []).append((first, label))
                seen.setdefault(b, []).append((second, 1 - label))
            entries = [
                (sum(s for s, _ in found) / len(found), sum(w for _, w in found) / len(found))
                for found in seen.values()
            ]
        total = total + of_list(entries)
    return total


@pytest.mark.parametrize("partners", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_are_those_of_a_plain_loop(name, partners, make_batch, make_outputs):
    batch = make_batch(0, 9, 20)
    outputs = make_outputs(batch, partners=partners)
    loss, count = RANK_LOSSES[name](outputs, batch, tau=TAU)
    scores = outputs.pair_scores if partners else outputs.scores
    (found,) = torch.autograd.grad(loss, scores)

    leaf = scores.detach().double().requires_grad_()
    expected = reference(name, batch, leaf, partners)
    (gradient,) = torch.autograd.grad(expected, leaf)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert gradient.norm() > 1e-2
    assert float((found.double() - gradient).norm()) <= 1e-6 * float(gradient.norm())
    images = {(int(batch.pair_list[p]), int(i)) for p in range(20) for i in batch.pairs[p]}
    assert count == (len(images) if name == "listmle_scores" else 20)


@pytest.mark.parametrize("name", NAMES)
def test_a_swapped_pair_mirrors(name, make_batch, make_outputs):
    batch = make_batch(0, 9, 20)
    outputs = make_outputs(batch)
    swap = torch.arange(20) % 3 > 0
    swapped = replace(
        batch,
        pairs=torch.where(swap[:, None], batch.pairs.flip(1), batch.pairs),
        pair_probability=torch.where(swap, 1 - batch.pair_probability, batch.pair_probability),
    )
    loss, _ = RANK_LOSSES[name](outputs, batch, tau=TAU)
    mirrored, _ = RANK_LOSSES[name](outputs, swapped, tau=TAU)
    (a,) = torch.autograd.grad(loss, outputs.scores)
    (b,) = torch.autograd.grad(mirrored, outputs.scores)
    assert_close(loss, mirrored)
    assert_close(a, b)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "listmle_scores"])
def test_mirrored_scores_and_labels_mirror_the_gradient(name, make_batch, make_outputs):
    """Best and worst are treated alike; ListMLE of images, which starts at the best, is not symmetric."""
    batch = make_batch(0, 9, 20)
    outputs = make_outputs(batch)
    loss, _ = RANK_LOSSES[name](outputs, batch, tau=TAU)
    (a,) = torch.autograd.grad(loss, outputs.scores)
    other = replace(outputs, scores=(100 - outputs.scores.detach()).requires_grad_())
    turned = replace(batch, pair_probability=1 - batch.pair_probability)
    loss, _ = RANK_LOSSES[name](other, turned, tau=TAU)
    (b,) = torch.autograd.grad(loss, other.scores)
    assert_close(a, -b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_added_to_all_scores_changes_nothing(name, make_batch, make_outputs):
    batch = make_batch(0, 9, 20)
    outputs = make_outputs(batch)
    loss, _ = RANK_LOSSES[name](outputs, batch, tau=TAU)
    shifted, _ = RANK_LOSSES[name](replace(outputs, scores=outputs.scores + 64), batch, tau=TAU)
    assert_close(loss, shifted)
    (gradient,) = torch.autograd.grad(loss, outputs.scores)
    assert abs(float(gradient.sum())) < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_read_outs_without_a_pair_change_nothing(name, make_batch, make_outputs):
    batch = make_batch(0, 9, 20)
    outputs = make_outputs(batch)
    padded = torch.cat([outputs.scores.detach(), torch.full((3,), math.nan)]).requires_grad_()
    loss, count = RANK_LOSSES[name](outputs, batch, tau=TAU)
    wider, n = RANK_LOSSES[name](replace(outputs, scores=padded), batch, tau=TAU)
    wider.backward()
    assert_close(loss, wider)
    assert n == count
    assert padded.grad is not None
    assert (padded.grad[9:] == 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_no_pair_is_a_loss_of_zero(name, make_batch, make_outputs):
    batch = make_batch(0, 4, 0)
    loss, count = RANK_LOSSES[name](make_outputs(batch), batch, tau=TAU)
    assert (loss, count) == (0, 0)


def two_images(make_batch, make_outputs, probability):
    batch = make_batch(0, 2, 1)
    batch.pairs = torch.tensor([[0, 1]])
    batch.pair_probability[:] = probability
    outputs = make_outputs(batch)
    outputs.scores = torch.tensor([50.0, 55.0], requires_grad=True)
    return batch, outputs


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("probability", [0.9, 0.1])
def test_a_series_of_two_images_has_a_gradient_towards_the_label(
    name, probability, make_batch, make_outputs
):
    batch, outputs = two_images(make_batch, make_outputs, probability)
    if probability < 0.5:
        outputs.scores = outputs.scores.detach().flip(0).requires_grad_()
    loss, _ = RANK_LOSSES[name](outputs, batch, tau=TAU)
    first, second = torch.autograd.grad(loss, outputs.scores)[0].tolist()
    assert first == pytest.approx(-second)
    # The better image is behind: its score has to rise.
    assert (first < -1e-3) if probability > 0.5 else (first > 1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_tie_pulls_together_or_says_nothing(name, make_batch, make_outputs):
    batch, outputs = two_images(make_batch, make_outputs, 0.5)
    loss, _ = RANK_LOSSES[name](outputs, batch, tau=TAU)
    first, second = torch.autograd.grad(loss, outputs.scores)[0].tolist()
    if name in PAIRWISE:
        assert first < 0 < second
    else:
        assert (first, second) == (0, 0)
    outputs.scores = torch.tensor([60.0, 60.0], requires_grad=True)
    even, _ = RANK_LOSSES[name](outputs, batch, tau=TAU)
    assert torch.autograd.grad(even, outputs.scores)[0].abs().max() < 1e-7
    assert even <= loss


def test_a_tie_costs_log_two_at_least(make_batch, make_outputs):
    batch, outputs = two_images(make_batch, make_outputs, 0.5)
    outputs.scores = torch.tensor([60.0, 60.0])
    assert_close(bradley_terry(outputs, batch, tau=TAU)[0], torch.tensor(math.log(2)))


def test_far_apart_scores_stay_finite(make_batch, make_outputs):
    batch, outputs = two_images(make_batch, make_outputs, 0.0)
    for name in NAMES:
        for far in (1e6, -1e6):
            outputs.scores = torch.tensor([far, 0.0], requires_grad=True)
            loss, _ = RANK_LOSSES[name](outputs, batch, tau=1.0)
            (gradient,) = torch.autograd.grad(loss, outputs.scores)
            assert loss.isfinite()
            assert gradient.isfinite().all()
    outputs.scores = torch.tensor([1e6, 0.0])
    assert_close(bradley_terry(outputs, batch, tau=1.0)[0], torch.tensor(1e6))


def test_the_fidelity_of_a_pair_is_bounded(make_batch, make_outputs):
    batch, outputs = two_images(make_batch, make_outputs, 1.0)
    outputs.scores = torch.tensor([0.0, 1e4])
    assert fidelity(outputs, batch, tau=TAU)[0].item() == pytest.approx(1, abs=1e-3)
    outputs.scores = torch.tensor([1e4, 0.0])
    assert fidelity(outputs, batch, tau=TAU)[0].item() == pytest.approx(0, abs=1e-3)


def test_the_margin_is_the_configuration_s(make_batch, make_outputs):
    batch, outputs = two_images(make_batch, make_outputs, 0.9)
    for width in (0.1, 2.0):
        config = ObjectiveConfig(rank_loss="margin", margin=width)
        found, _ = rank_loss(config)(outputs, batch, tau=TAU)
        expected, _ = partial(margin, margin=width)(outputs, batch, tau=TAU)
        assert found == expected
        assert found.item() == pytest.approx(width + 5 / TAU)


def test_pairs_of_different_lists_do_not_compete(make_batch, make_outputs):
    batch = make_batch(0, 6, 9)
    outputs = make_outputs(batch)
    for name in ("listmle", "listmle_scores"):
        loss = RANK_LOSSES[name]
        whole, _ = loss(outputs, batch, tau=TAU)
        parts = 0.0
        for number in range(3):
            inside = batch.pair_list == number
            part = replace(batch, pairs=batch.pairs[inside], pair_list=batch.pair_list[inside],
                           pair_probability=batch.pair_probability[inside])  # fmt: skip
            parts = parts + loss(outputs, part, tau=TAU)[0]
        assert_close(whole, parts)
        together, _ = loss(
            outputs, replace(batch, pair_list=torch.zeros_like(batch.pair_list)), tau=TAU
        )
        assert abs(together - whole) > 1e-2


def test_equal_annotations_are_not_ordered(make_batch, make_outputs):
    """1 - .8 and .2 are one annotation, whatever float32 makes of them."""
    batch = make_batch(0, 4, 2)
    batch.pairs = torch.tensor([[0, 1], [2, 3]])
    batch.pair_list[:] = 0
    batch.pair_probability = torch.tensor([0.8, 0.2])
    outputs = make_outputs(batch)
    alike = replace(
        batch, pairs=torch.tensor([[0, 1], [3, 2]]), pair_probability=torch.tensor([0.8, 0.8])
    )
    assert_close(listmle(outputs, batch, tau=TAU)[0], listmle(outputs, alike, tau=TAU)[0])
