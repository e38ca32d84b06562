"""A fully trained part in float32: it sees and gives what its bf16 surroundings have, nested or not."""

from __future__ import annotations

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPooling

from artimuse.models.precision import train_in_float32


class Part(nn.Module):
    """Takes and gives tensors as transformers' vision towers do: by keyword, in tuples, in outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2, dtype=torch.bfloat16)
        self.seen: list[torch.dtype] = []

    def forward(self, hidden: torch.Tensor, *, rotary: tuple[torch.Tensor, torch.Tensor]):
        self.seen = [hidden.dtype, rotary[0].dtype, rotary[1].dtype]
        made = self.linear(hidden) + rotary[0]
        return BaseModelOutputWithPooling(last_hidden_state=made, hidden_states=(made, hidden))  # type: ignore[arg-type]


def test_nested_inputs_are_widened_and_outputs_narrowed() -> None:
    part = Part()
    train_in_float32(part)
    assert {p.dtype for p in part.parameters()} == {torch.float32}
    hidden = torch.ones(3, 2, dtype=torch.bfloat16)
    made = part(hidden, rotary=(hidden, torch.tensor([1, 2])))
    assert part.seen == [torch.float32, torch.float32, torch.int64]
    assert isinstance(made, BaseModelOutputWithPooling)
    assert made.last_hidden_state is not None
    assert made.hidden_states is not None
    assert made.last_hidden_state.dtype == torch.bfloat16
    assert [state.dtype for state in made.hidden_states] == [torch.bfloat16] * 2
    made.last_hidden_state.sum().backward()
    assert part.linear.weight.grad is not None
    assert part.linear.weight.grad.dtype == torch.float32


def test_a_part_that_is_float32_is_left_alone() -> None:
    linear = nn.Linear(2, 2)
    train_in_float32(linear)
    assert not linear._forward_hooks
    assert linear(torch.ones(1, 2)).dtype == torch.float32
