"""Keys and values that grow in place. transformers' DynamicCache copies all of them for every token."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

ROOM = 256
"""Columns that a layer is enlarged by when it is full."""


class GrowingLayer(DynamicLayer):
    """`keys` and `values` are (rows, heads, columns, width), as DynamicLayer's: the filled part of a store."""

    def __init__(self) -> None:
        super().__init__()
        self._stores: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append columns; returns all of them."""
        del args, kwargs
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        filled = self.get_seq_length()
        wanted = filled + key_states.shape[-2]
        if self._stores is None or self._stores[0].shape[-2] < wanted:
            before = self.keys, self.values
            new = [key_states, value_states]
            stores = [n.new_empty(*n.shape[:-2], wanted + ROOM, n.shape[-1]) for n in new]
            for store, old in zip(stores, before, strict=True):
                if filled and old is not None:
                    store[..., :filled, :] = old
            self._stores = stores[0], stores[1]
        keys, values = self._stores
        keys[..., filled:wanted, :] = key_states
        values[..., filled:wanted, :] = value_states
        self.keys, self.values = keys[..., :wanted, :], values[..., :wanted, :]
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep some of the rows."""
        super().batch_select_indices(indices)
        self._stores = None


class GrowingCache(Cache):
    """A layer for each of the model's, made as they come."""

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=GrowingLayer)
