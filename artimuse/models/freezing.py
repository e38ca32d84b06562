"""Frozen parts cost what a forward pass costs, and always say the same.

No parameter of them requiring a gradient is not enough: for activation checkpointing PEFT makes the outputs
of every embedding require one, Qwen-VL's patch embedding included, and a frozen vision tower is then
recomputed and back-propagated through (23 to 60 % more work at a megapixel).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MethodType
from typing import Any

import torch
from torch import nn

from artimuse.models.parts import Tuning, part_modules, plain_name


def frozen_modules(model: nn.Module, family: Any, tuning: Tuning) -> list[nn.Module]:
    """What of the vision tower and projector needs no graph: nothing before it is trained.

    A frozen projector behind a trained vision tower is not among them, as the tower's gradient flows
    through it.
    """
    if tuning.vision != "frozen":
        return []
    parts = {"vision", "projector"} if tuning.projector == "frozen" else {"vision"}
    return list(part_modules(model, family, parts).values())


def freeze(model: nn.Module, family: Any, tuning: Tuning) -> None:
    """No parameter of the frozen parts requires a gradient; for full tuning, where PEFT does not see to it."""
    for module in part_modules(model, family, tuning.parts("frozen")).values():
        module.requires_grad_(False)


def freeze_unread(model: Any, family: Any) -> None:
    """What no output depends on is not trained: it has no gradient, and data parallel would wait for one."""
    unread = family.unread(model.config)
    if unread is None:
        return
    for name, parameter in model.named_parameters():
        if re.fullmatch(unread, plain_name(name)):
            parameter.requires_grad_(False)


def run_without_graph(modules: Iterable[nn.Module]) -> None:
    """Run the forward of these modules under `torch.no_grad()` from now on."""
    for module in modules:
        # A bound method, so that a deep copy of the module runs its own forward.
        module.forward = MethodType(_forward_without_graph, module)


def _forward_without_graph(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
    with torch.no_grad():
        return type(self).forward(self, *args, **kwargs)
