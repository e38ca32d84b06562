"""Small batches for the losses: only what an objective reads holds anything."""

from collections.abc import Callable

import pytest
import torch

from artimuse.batch import Batch, Outputs

V, K, G = 11, 10, 7


def _batch(s: int, q: int, p: int, seed: int = 0) -> Batch:
    random = torch.Generator().manual_seed(seed)
    empty = torch.zeros(0, 0, dtype=torch.int64)
    labeled = torch.rand(q, generator=random) < 0.7
    if q > 1:
        labeled[0], labeled[1] = True, False
    first = torch.randint(q, (p,), generator=random) if p else torch.zeros(0, dtype=torch.int64)
    second = (first + 1 + torch.arange(p) % max(q - 1, 1)) % max(q, 1)
    mean = torch.where(labeled, 100 * torch.rand(q, generator=random), 0.0)
    probability = torch.randint(0, 11, (p,), generator=random) / 10
    # Some labels have a spread, some of those votes of G or fewer grades.
    std = 30 * torch.rand(q, generator=random)
    std[::4] = float("nan")
    grades = torch.randint(4, G + 1, (q,), generator=random)
    grades[::3] = 0
    votes = torch.rand(q, G, generator=random) * (torch.arange(G) < grades[:, None])
    return Batch(
        input_ids=empty, tree=empty, branch=empty, positions=empty[None], images={},
        supervised=torch.arange(s), targets=torch.randint(V, (s,), generator=random),
        weights=torch.rand(s, generator=random) + 0.1,
        readouts=torch.arange(q), aspect=torch.arange(q) % 2,
        dataset=torch.arange(q) // 2 % 3 - 1, series=torch.zeros(q, dtype=torch.int64),
        labeled=labeled, mean=mean, std=std,
        histogram=votes / votes.sum(1, keepdim=True).clamp(min=1e-9), grades=grades,
        pairs=torch.stack([first, second], dim=1), pair_probability=probability,
        pair_list=torch.arange(p) % 3,
    )  # fmt: skip


def _outputs(
    batch: Batch,
    seed: int = 0,
    *,
    bins: bool = True,
    partners: bool = False,
    links: tuple[float, float] | None = None,
) -> Outputs:
    random = torch.Generator().manual_seed(seed + 1)
    s, q, p = len(batch.targets), len(batch.mean), len(batch.pairs)

    def leaf(value: torch.Tensor) -> torch.Tensor:
        return value.requires_grad_()

    outputs = Outputs(
        text_logits=leaf(3 * torch.randn(s, V, generator=random)),
        scores=leaf(100 * torch.rand(q, generator=random)),
        linked=leaf(100 * torch.rand(q, generator=random)),
        bins=leaf(torch.randn(q, K, generator=random).log_softmax(1)) if bins else None,
        pair_scores=leaf(100 * torch.rand(p, 2, generator=random)) if partners else None,
    )
    if links is not None:
        scale, offset = links
        # Not all alike: every read-out's data set has a link of its own.
        scales = scale + 0.1 * torch.rand(q, 1, generator=random)
        outputs.linked_values = leaf(scales * torch.linspace(0, 100, K) + offset)
    return outputs


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """(supervised tokens, read-outs, pairs, seed) -> a Batch; read-out 0 is labeled, 1 is not."""
    return _batch


@pytest.fixture
def make_outputs() -> Callable[..., Outputs]:
    """(batch, seed, bins=, partners=, links=) -> Outputs whose tensors are leaves with gradients."""
    return _outputs
