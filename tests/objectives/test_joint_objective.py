import math
from dataclasses import fields, replace

import pytest
import torch
from torch.testing import assert_close

from artimuse.batch import Counts
from artimuse.config.schema import ObjectiveConfig
from artimuse.objectives.joint import Objective, connected_zero
from artimuse.objectives.rank import RANK_LOSSES, bradley_terry
from artimuse.objectives.score import huber
from artimuse.objectives.text import text_loss


def _counts(*batches):
    return Counts(
        tokens=sum(float(b.weights.sum()) for b in batches),
        readouts=sum(int(b.labeled.sum()) for b in batches),
        pairs=sum(len(b.pairs) for b in batches),
        images=0,
        ranked=sum(
            len({(int(n), int(i)) for n, p in zip(b.pair_list, b.pairs, strict=True) for i in p})
            for b in batches
        ),
    )


def _tensors(outputs):
    found = {item.name: getattr(outputs, item.name) for item in fields(outputs)}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def test_parts_and_total_are_the_weighted_sums(make_batch, make_outputs):
    batch = make_batch(7, 9, 5)
    outputs = make_outputs(batch)
    config = ObjectiveConfig(text=0.5, score=2.0, rank=3.0)
    counts = Counts(tokens=20.0, readouts=30, pairs=40, images=0)
    losses = Objective(config)(outputs, batch, counts, scale=6)
    text = text_loss(outputs, batch)[0] / 20
    score = huber(outputs, batch)[0] / 30
    rank = bradley_terry(outputs, batch, tau=100 / 9)[0] / 40
    assert_close(losses.total, 6 * (0.5 * text + 2 * score + 3 * rank))
    for part, expected in ((losses.text, text), (losses.score, score), (losses.rank, rank)):
        assert_close(part, expected.detach())
        assert not part.requires_grad


@pytest.mark.parametrize("partners", [False, True])
@pytest.mark.parametrize("sizes", [(0, 0, 0), (0, 4, 0), (0, 4, 3), (5, 0, 0), (5, 1, 0)])
def test_every_output_has_a_finite_gradient_whatever_the_batch_holds(
    sizes, partners, make_batch, make_outputs
):
    batch = make_batch(*sizes)
    outputs = make_outputs(batch, partners=partners)
    for counts in (_counts(batch), Counts(9.0, 9, 9, 0, 9)):
        losses = Objective(ObjectiveConfig())(outputs, batch, counts, scale=2)
        gradients = torch.autograd.grad(losses.total, list(_tensors(outputs).values()))
        assert losses.total.isfinite()
        assert all(gradient.isfinite().all() for gradient in gradients)
    if sizes == (0, 0, 0):
        assert [losses.total, losses.text, losses.score, losses.rank] == [0, 0, 0, 0]


def test_an_empty_vocabulary_is_an_empty_text_part(make_batch, make_outputs):
    batch = make_batch(0, 4, 2)
    outputs = make_outputs(batch)
    outputs.text_logits = torch.zeros(0, 0, requires_grad=True)
    losses = Objective(ObjectiveConfig())(outputs, batch, _counts(batch), scale=1)
    losses.total.backward()
    assert outputs.text_logits.grad is not None
    assert losses.text == 0


def test_labels_that_the_whole_step_lacks_give_zero_and_not_nan(make_batch, make_outputs):
    batch = make_batch(3, 4, 0)
    batch.labeled[:] = False
    batch.weights[:] = 0  # a dummy row of an empty share
    outputs = make_outputs(batch)
    losses = Objective(ObjectiveConfig())(outputs, batch, _counts(batch), scale=1)
    losses.total.backward()
    assert losses.total == 0
    assert all((tensor.grad == 0).all() for tensor in _tensors(outputs).values())


@pytest.mark.parametrize("off", ["text", "score", "rank"])
def test_a_weight_of_zero_turns_a_part_off_but_keeps_it_connected(off, make_batch, make_outputs):
    batch = make_batch(5, 6, 4)
    outputs = make_outputs(batch, partners=True)
    spoiled = {"text": "text_logits", "score": "linked", "rank": "pair_scores"}[off]
    # Not computed: neither an inf nor a nan of that part gets through.
    bad = torch.full_like(getattr(outputs, spoiled).detach(), math.inf)
    bad[0] = math.nan
    outputs = replace(outputs, **{spoiled: bad.requires_grad_()})
    config = ObjectiveConfig().model_copy(update={off: 0.0})
    losses = Objective(config)(outputs, batch, _counts(batch), scale=1)
    losses.total.backward()
    assert getattr(losses, off) == 0
    assert losses.total.isfinite()
    assert (getattr(outputs, spoiled).grad == 0).all()
    assert all(tensor.grad is not None for tensor in _tensors(outputs).values())


def test_a_part_that_is_not_finite_is_not_hidden(make_batch, make_outputs):
    batch = make_batch(5, 6, 4)
    outputs = make_outputs(batch)
    outputs.linked = torch.full((6,), math.nan, requires_grad=True)
    losses = Objective(ObjectiveConfig())(outputs, batch, _counts(batch), scale=1)
    assert losses.total.isnan()
    assert losses.text.isfinite()


@pytest.mark.parametrize("name", sorted(RANK_LOSSES))
def test_a_rank_loss_is_divided_by_what_it_counts(name, make_batch, make_outputs):
    batch = make_batch(0, 9, 11)
    outputs = make_outputs(batch)
    loss, count = RANK_LOSSES[name](outputs, batch, tau=100 / 9)
    found = Objective(ObjectiveConfig(rank_loss=name))(outputs, batch, _counts(batch), scale=1)
    assert_close(found.rank, (loss / count).detach())


SHARED = ("l1", "huber", "mse", "cross_entropy", "soft_label", "emd")


@pytest.mark.parametrize("rank_loss", sorted(RANK_LOSSES))
@pytest.mark.parametrize(
    ("score_loss", "links"), [*((name, None) for name in SHARED), ("emd", (0.8, 5.0))]
)
def test_shares_of_a_step_add_up_to_the_whole(
    score_loss, links, rank_loss, make_batch, make_outputs
):
    """Two micro-batches of unequal content, divided by scale = 2, are the uncut batch."""
    a, b = make_batch(5, 6, 7, 0), make_batch(2, 3, 2, 1)
    of_a, of_b = make_outputs(a, 0, links=links), make_outputs(b, 1, links=links)

    def joined(x, y, names):
        return {name: torch.cat([getattr(x, name), getattr(y, name)]) for name in names}

    names = (
        "targets",
        "weights",
        "labeled",
        "mean",
        "std",
        "histogram",
        "grades",
        "pair_probability",
    )
    whole = replace(
        a, **joined(a, b, names),
        pairs=torch.cat([a.pairs, b.pairs + 6]), pair_list=torch.cat([a.pair_list, b.pair_list + 3]),
    )  # fmt: skip
    names = ("text_logits", "scores", "linked", "bins", *(["linked_values"] if links else []))
    of_whole = replace(of_a, **joined(of_a, of_b, names))

    config = ObjectiveConfig(score_loss=score_loss, rank_loss=rank_loss)
    objective, counts = Objective(config), _counts(a, b)
    assert counts.ranked == _counts(whole).ranked
    uncut = objective(of_whole, whole, counts, scale=1)
    shares = [objective(o, s, counts, scale=2) for o, s in ((of_a, a), (of_b, b))]
    for part in ("text", "score", "rank"):
        assert_close(sum(getattr(share, part) for share in shares), getattr(uncut, part))
    leaves = [*_tensors(of_a).values(), *_tensors(of_b).values()]
    expected = torch.autograd.grad(uncut.total, leaves, allow_unused=True)
    found = torch.autograd.grad((shares[0].total + shares[1].total) / 2, leaves)
    for x, y in zip(found, expected, strict=True):
        assert_close(x, torch.zeros_like(x) if y is None else y, rtol=1e-6, atol=1e-7)


def test_connected_zero_survives_inf():
    tensors = [torch.full(shape, math.inf, requires_grad=True) for shape in ((3, 2), (0,), (4,))]
    zero = connected_zero(*tensors, None)
    zero.backward()
    assert zero == 0
    assert all((tensor.grad == 0).all() for tensor in tensors)


def test_align_is_divided_by_the_pairs_that_a_text_compares(make_batch, make_outputs):
    """Source: FGAesQ (arXiv 2603.03907), 1 - cosine; the other pairs of the step have no say."""
    batch = make_batch(0, 6, 5)
    outputs = make_outputs(batch)
    outputs.agreement = torch.tensor([0.5, -0.25], requires_grad=True)
    counts = replace(_counts(batch), compared=8)
    losses = Objective(ObjectiveConfig(align=10.0))(outputs, batch, counts, scale=3)
    assert float(losses.align) == pytest.approx((0.5 + 1.25) / 8)
    (gradient,) = torch.autograd.grad(losses.total, outputs.agreement)
    assert_close(gradient, torch.full((2,), -3 * 10.0 / 8))
    off = Objective(ObjectiveConfig(align=0))(outputs, batch, counts, scale=3)
    assert float(off.align) == 0
    none = Objective(ObjectiveConfig(align=10.0))(outputs, batch, _counts(batch), scale=3)
    assert float(none.align) == 0
