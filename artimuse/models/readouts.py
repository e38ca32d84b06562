"""Read-outs: how a hidden state becomes a score. One interface, one output, always float32.

Shape legend: Q read-outs, H hidden width, A aspects, K bins. A read-out takes (Q,H) hidden states and (Q)
aspect indices, and returns scores (Q) on 0-100 and, where it has one, log-probabilities (Q,K).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from artimuse.config import ReadoutConfig


class RegressionReadout(nn.Module):
    """score = 100 * sigmoid(MLP(norm(hidden))): one output per aspect."""

    def __init__(self, hidden: int, aspects: int, config: ReadoutConfig) -> None:
        super().__init__()
        self.mlp = _mlp(hidden, config.hidden, aspects)

    def forward(self, hidden: Tensor, aspect: Tensor) -> tuple[Tensor, None]:
        logit = self.mlp(hidden).gather(1, aspect[:, None])[:, 0]
        return 100.0 * torch.sigmoid(logit), None


class BinsReadout(nn.Module):
    """score = sum_k p_k c_k over K bins with centres from 0 to 100 (NIMA, FGAesQ's ten bins)."""

    centres: Tensor

    def __init__(self, hidden: int, aspects: int, config: ReadoutConfig) -> None:
        super().__init__()
        self.aspects, self.bins = aspects, config.bins
        self.mlp = _mlp(hidden, config.hidden, aspects * config.bins)
        self.register_buffer("centres", torch.linspace(0, 100, config.bins), persistent=False)

    def forward(self, hidden: Tensor, aspect: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.mlp(hidden).view(-1, self.aspects, self.bins)
        index = aspect[:, None, None].expand(-1, 1, self.bins)
        log_probabilities = torch.log_softmax(logits.gather(1, index)[:, 0], dim=-1)
        return log_probabilities.exp() @ self.centres, log_probabilities


READOUTS: dict[str, type[RegressionReadout] | type[BinsReadout]] = {
    "regression": RegressionReadout,
    "bins": BinsReadout,
}


class ScoreLinks(nn.Module):
    """A learned affine link from the one latent score to each data set's own scale.

    linked = scale[d] * score + 100 * offset[d]; identity at the start, and for a data set of no number
    (-1). Linear maps of the stated scales do not make data sets commensurable, so a mixture that scores
    several learns one link each.
    """

    def __init__(self, datasets: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(datasets))
        self.offset = nn.Parameter(torch.zeros(datasets))

    def forward(self, score: Tensor, dataset: Tensor) -> Tensor:
        known = dataset.clamp(min=0)
        # index_select, as many read-outs share a link: see AestheticModel.forward.
        scale, offset = (p.index_select(0, known) for p in (self.scale, self.offset))
        linked = scale * score + 100.0 * offset
        return torch.where(dataset >= 0, linked, score)


def build_readout(
    config: ReadoutConfig, *, hidden: int, aspects: int, seed: int
) -> RegressionReadout | BinsReadout:
    """A freshly initialised read-out; its weights are a function of the sizes and the seed."""
    # Its own generator state: neither the model before it nor the code after it shifts the numbers.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return READOUTS[config.kind](hidden, aspects, config).float()


def _mlp(hidden: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(hidden), nn.Linear(hidden, width), nn.GELU(), nn.Linear(width, outputs)
    )
