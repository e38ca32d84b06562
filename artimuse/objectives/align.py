"""CTAlign: what is seen to differ between two images should be what a text says of them.

Source: FGAesQ (arXiv 2603.03907): 1 - cos(E_v(x) - E_v(y), E_t(T)), with T a text that compares x with y and
E_t the frozen text encoder that the image encoder was trained beside (CLIP).
"""

from __future__ import annotations

import torch
from torch import Tensor

from artimuse.batch import Outputs


def align_loss(outputs: Outputs) -> tuple[Tensor, Tensor]:
    """sum_c (1 - cosine_c) over the C pairs that a text compares, and C; 0 where the model has none."""
    if outputs.agreement is None:
        return torch.zeros((), device=outputs.scores.device), torch.zeros((), dtype=torch.int64)
    return (1 - outputs.agreement).sum(), torch.tensor(len(outputs.agreement))
