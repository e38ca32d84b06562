"""Small batches for the losses: only what an objective reads holds anything."""

from collections.abc import Callable

import pytest
import torch

from artimuse.batch import Batch, Outputs

V, K = 11, 10


def _batch(s: int, q: int, p: int, seed: int = 0) -> Batch:
    random = torch.Generator().manual_seed(seed)
    empty = torch.zeros(0, 0, dtype=torch.int64)
    labeled = torch.rand(q, generator=random) < 0.7
    if q > 1:
        labeled[0], labeled[1] = True, False
    first = torch.randint(q, (p,), generator=random) if p else torch.zeros(0, dtype=torch.int64)
    second = (first + 1) % max(q, 1)
    return Batch(
        input_ids=empty, tree=empty, branch=empty, positions=empty[None], images={},
        supervised=torch.arange(s), targets=torch.randint(V, (s,), generator=random),
        weights=torch.rand(s, generator=random) + 0.1,
        readouts=torch.arange(q), aspect=torch.zeros(q, dtype=torch.int64),
        dataset=torch.zeros(q, dtype=torch.int64), series=torch.zeros(q, dtype=torch.int64),
        labeled=labeled, mean=torch.where(labeled, 100 * torch.rand(q, generator=random), 0.0),
        std=torch.full((q,), float("nan")), histogram=torch.zeros(q, 0),
        grades=torch.zeros(q, dtype=torch.int64), pairs=torch.stack([first, second], dim=1),
        pair_probability=torch.randint(0, 11, (p,), generator=random) / 10,
    )  # fmt: skip


def _outputs(batch: Batch, seed: int = 0, *, bins: bool = True, partners: bool = False) -> Outputs:
    random = torch.Generator().manual_seed(seed + 1)
    s, q, p = len(batch.targets), len(batch.mean), len(batch.pairs)

    def leaf(value: torch.Tensor) -> torch.Tensor:
        return value.requires_grad_()

    return Outputs(
        text_logits=leaf(3 * torch.randn(s, V, generator=random)),
        scores=leaf(100 * torch.rand(q, generator=random)),
        linked=leaf(100 * torch.rand(q, generator=random)),
        bins=leaf(torch.randn(q, K, generator=random).log_softmax(1)) if bins else None,
        pair_scores=leaf(100 * torch.rand(p, 2, generator=random)) if partners else None,
    )


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """(supervised tokens, read-outs, pairs, seed) -> a Batch; read-out 0 is labeled, 1 is not."""
    return _batch


@pytest.fixture
def make_outputs() -> Callable[..., Outputs]:
    """(batch, seed, bins=, partners=) -> Outputs whose tensors are leaves with gradients."""
    return _outputs
