"""The text loss: next-token cross-entropy at the supervised positions.

    loss_sum, count = text_loss(outputs, batch)  # sum / count: the mean per token (or answer)

The model gives logits at these positions only, so nothing is masked or shifted here.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from artimuse.batch import Batch, Outputs


def text_loss(outputs: Outputs, batch: Batch) -> tuple[Tensor, Tensor]:
    """Weighted cross-entropy in nats, computed in float32 whatever the logits are.

        sum_s w_s * -log softmax(logits_s)[target_s],   sum_s w_s

    Logits (S,V), or in their place the losses (S) themselves; targets and weights (S). The weights are 1 (a
    mean per token) or 1 / answer length (a mean per answer, `objective.text_per: answer`); the loader sets
    them, and 0 for a dummy row.

    Source: ArtiMuse (arXiv 2507.14533), plain next-token cross-entropy in both of its stages.
    """
    per_token = outputs.text_losses
    if per_token is None:
        per_token = F.cross_entropy(outputs.text_logits.float(), batch.targets, reduction="none")
    return (batch.weights * per_token).sum(), batch.weights.sum()
