"""Read-outs: how a hidden state becomes a score. One interface, one output, always float32.

Shape legend: Q read-outs, H hidden width, A aspects, K bins. A read-out takes (Q,H) hidden states and (Q)
aspect indices, and returns a `Reading`: scores (Q) and spreads (Q) on 0-100 and, where it has one, a
distribution as log-probabilities (Q,K) over K values spread evenly over 0-100.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from artimuse.config import ReadoutConfig
from artimuse.prompts import LEVELS, SCORE_TOKENS

# Standard deviation of a uniform distribution on 0-100: what is known of an image before anything is learned.
UNIFORM_SPREAD = 100 / math.sqrt(12)


@dataclass  # without slots, as `Outputs`
class Reading:
    """scores, spreads: (Q) float32 on 0-100. bins: (Q,K) float32 log-probabilities, or None."""

    scores: Tensor
    spreads: Tensor
    bins: Tensor | None


class RegressionReadout(nn.Module):
    """score = 100 * sigmoid(MLP(norm(hidden))), spread = exp(linear(norm(hidden))): one each per aspect.

    The spread is the error to expect of the score. It is learned beside the score and has no part in it: it
    reads the hidden state without a gradient.
    """

    def __init__(self, hidden: int, aspects: int, config: ReadoutConfig) -> None:
        super().__init__()
        self.mlp = _mlp(hidden, config.hidden, aspects)
        self.spread = nn.Linear(hidden, aspects)
        nn.init.zeros_(self.spread.weight)
        nn.init.constant_(self.spread.bias, math.log(UNIFORM_SPREAD))

    def forward(self, hidden: Tensor, aspect: Tensor) -> Reading:
        logit = self.mlp(hidden).gather(1, aspect[:, None])[:, 0]
        state = F.layer_norm(hidden.detach(), hidden.shape[-1:])
        log_spread = self.spread(state).gather(1, aspect[:, None])[:, 0]
        # Half a point is finer than any data set's labels; more than the scale's length says no more.
        spreads = log_spread.clamp(math.log(0.5), math.log(100.0)).exp()
        return Reading(100.0 * torch.sigmoid(logit), spreads, None)


class BinsReadout(nn.Module):
    """score = sum_k p_k c_k over K bins with centres from 0 to 100 (NIMA, FGAesQ's ten bins)."""

    def __init__(self, hidden: int, aspects: int, config: ReadoutConfig) -> None:
        super().__init__()
        self.aspects, self.bins = aspects, config.bins
        outputs = aspects * config.bins
        if config.head == "fgaesq":
            self.mlp = _fgaesq_head(hidden, outputs)
        else:
            self.mlp = _mlp(hidden, config.hidden, outputs)

    def forward(self, hidden: Tensor, aspect: Tensor) -> Reading:
        logits = self.mlp(hidden).view(-1, self.aspects, self.bins)
        index = aspect[:, None, None].expand(-1, 1, self.bins)
        return distribution_reading(logits.gather(1, index)[:, 0])


class WordsReadout(nn.Module):
    """score = sum_k p_k v_k over K vocabulary entries of the answer's first token.

    `tokens` (ArtiMuse, arXiv 2507.14533: 101 entries for 0..100) and `levels` (Q-Align, arXiv 2312.17090:
    five words). The logits are those of the language model's head at the read-out's position, softmax over
    the K entries alone. The read-out owns their rows, in float32 and trained, whatever the base's type is and
    whether its head is trained; they start as the head's own. The aspect is in the question that is asked.
    """

    def __init__(self, hidden: int, words: int, *, bias: bool) -> None:
        super().__init__()
        self.rows = nn.Linear(hidden, words, bias=bias)

    @torch.no_grad()
    def start_from(self, head: nn.Module, token_ids: list[int]) -> None:
        """Copy the rows of a language model's head."""
        index = torch.tensor(token_ids, device=head.weight.device)  # type: ignore[arg-type]
        self.rows.weight.copy_(head.weight.index_select(0, index))  # type: ignore[operator]
        if self.rows.bias is not None:
            self.rows.bias.copy_(head.bias.index_select(0, index))  # type: ignore[union-attr, operator]

    def forward(self, hidden: Tensor, aspect: Tensor) -> Reading:
        del aspect
        return distribution_reading(self.rows(hidden))


Readout = RegressionReadout | BinsReadout | WordsReadout


def distribution_reading(logits: Tensor) -> Reading:
    """(Q,K) logits over K values spread evenly over 0-100 -> expectation and standard deviation."""
    log_probabilities = torch.log_softmax(logits, dim=-1)
    values = torch.linspace(0, 100, logits.shape[-1], device=logits.device)
    probabilities = log_probabilities.exp()
    scores = probabilities @ values
    # Around the mean, not E[v^2] - E[v]^2: that loses a narrow spread to rounding.
    variance = (probabilities * (values - scores[:, None]).square()).sum(-1)
    return Reading(scores, variance.detach().sqrt(), log_probabilities)


def words_of(config: ReadoutConfig) -> tuple[str, ...]:
    """The vocabulary entries of a `tokens` or `levels` read-out, lowest score first; () for the others."""
    default = {"tokens": SCORE_TOKENS, "levels": LEVELS}.get(config.kind, ())
    return default if config.words is None else tuple(config.words)


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

    def values(self, bins: int, dataset: Tensor) -> Tensor:
        """(Q,K): the K values of a distribution on each data set's own scale."""
        values = torch.linspace(0, 100, bins, device=dataset.device).repeat(len(dataset))
        return self(values, dataset.repeat_interleave(bins)).view(-1, bins)

    def spread(self, spread: Tensor, dataset: Tensor) -> Tensor:
        """(Q) spreads on each data set's own scale; the links have no gradient from them."""
        scale = self.scale.detach().index_select(0, dataset.clamp(min=0)).abs()
        return torch.where(dataset >= 0, scale * spread, spread)


def build_readout(
    config: ReadoutConfig, *, hidden: int, aspects: int, seed: int, bias: bool = False
) -> Readout:
    """A freshly initialised read-out; its weights are a function of the sizes and the seed.

    Args:
        bias: whether the language model's head has one (`tokens` and `levels`).
    """
    # Its own generator state: neither the model before it nor the code after it shifts the numbers.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if config.kind == "regression":
            readout: Readout = RegressionReadout(hidden, aspects, config)
        elif config.kind == "bins":
            readout = BinsReadout(hidden, aspects, config)
        else:
            readout = WordsReadout(hidden, len(words_of(config)), bias=bias)
        return readout.float()


def _mlp(hidden: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(hidden), nn.Linear(hidden, width), nn.GELU(), nn.Linear(width, outputs)
    )


def _fgaesq_head(hidden: int, outputs: int) -> nn.Sequential:
    """The head of FGAesQ's published weights (arXiv 2603.03907)."""
    return nn.Sequential(
        nn.Linear(hidden, 256), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(64, outputs),
    )  # fmt: skip
