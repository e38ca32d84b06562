"""The last layer at the tokens that are read alone: the same hidden states there, and the same cache."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import DynamicCache

from artimuse.batch import Batch
from artimuse.data.collate import Item
from artimuse.models.aesthetic import AestheticModel
from artimuse.records import Sample
from conftest import make_collator


def batch_of(model: AestheticModel, make_sample: Callable[..., Sample]) -> Batch:
    made = [make_sample(f"s{n}", texts=n + 1) for n in range(3)]
    return make_collator(model)([Item(sample, sample.questions) for sample in made])


def test_what_is_read_is_that_of_the_whole_layer(
    family_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    batch = batch_of(family_model, make_sample)
    read = torch.cat([batch.supervised, batch.readouts])
    seen: list[int] = []
    last = family_model.transformers_model.model.language_model.layers[-1].mlp
    hook = last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    with torch.no_grad():
        whole = family_model.hidden_states(batch)
        some = family_model.hidden_states(batch, read=read)
    hook.remove()
    torch.testing.assert_close(some[read], whole[read], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(some, whole, atol=1e-3)  # the others are left out
    width = whole.shape[-1]
    assert seen == [whole.numel(), batch.input_ids.numel() * width]  # this hook comes before ours
    assert not last._forward_hooks


def test_the_cache_is_that_of_the_whole_layer(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    batch = batch_of(tiny_model, make_sample)
    whole, some = DynamicCache(), DynamicCache()
    with torch.no_grad():
        tiny_model(batch, cache=whole)
        tiny_model(batch, cache=some, last_layer="read")
    for (keys, values, *_), (others, other_values, *_) in zip(whole, some, strict=True):
        torch.testing.assert_close(others, keys)
        torch.testing.assert_close(other_values, values)


def test_a_forward_pass_that_fails_leaves_no_hooks(
    tiny_model: AestheticModel, make_sample: Callable[..., Sample]
) -> None:
    batch = batch_of(tiny_model, make_sample)
    batch.positions = batch.positions[:, :, :3]
    layer = tiny_model.transformers_model.model.language_model.layers[-1]
    with pytest.raises(RuntimeError):
        tiny_model(batch, last_layer="read")
    assert not layer.mlp._forward_pre_hooks
    assert not layer.self_attn.o_proj._forward_hooks
