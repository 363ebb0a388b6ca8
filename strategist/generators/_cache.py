"""Keys and values that grow in place: transformers' own cache copies all of them for every token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import Cache
from transformers.cache_utils import DynamicLayer

_ROOM = 64
"""Tokens by which a full layer grows."""


class RoomyLayer(DynamicLayer):
    """A layer whose keys and values stand at the beginning of larger buffers, shape (rows, heads, room, width)."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None
        self._used = 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put new keys and values behind the others and give all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        new = key_states.shape[-2]
        if self._buffers is None or self._used + new > self._buffers[0].shape[-2]:
            self.reserve(key_states, value_states, _ROOM)
        assert self._buffers is not None
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, self._used : self._used + new] = states
        self._used += new
        return self._show()

    def reserve(self, keys: torch.Tensor, values: torch.Tensor, room: int) -> None:
        """Make buffers for `room` tokens more than are there and in the given states."""
        old = self._buffers
        total = self._used + keys.shape[-2] + room
        self._buffers = tuple(  # type: ignore[assignment]
            states.new_zeros((states.shape[0], states.shape[1], total, states.shape[3])) for states in (keys, values)
        )
        if old is not None and self._used:
            for buffer, before in zip(self._buffers, old, strict=True):  # type: ignore[arg-type]
                buffer[:, :, : self._used] = before[:, :, : self._used]

    def _show(self) -> tuple[torch.Tensor, torch.Tensor]:
        assert self._buffers is not None
        keys, values = (buffer[:, :, : self._used] for buffer in self._buffers)
        self.keys, self.values = keys, values
        return keys, values

    @classmethod
    def of_rows(cls, layers: Sequence[Any], length: int, room: int) -> RoomyLayer:
        """One layer from those of several prompts, each padded on its left to `length` tokens."""
        layer = cls()
        first = layers[0].keys
        layer.lazy_initialization(first, layers[0].values)
        buffers = []
        for name in ("keys", "values"):
            sample = getattr(layers[0], name)
            buffer = sample.new_zeros((len(layers), sample.shape[1], length + room, sample.shape[3]))
            for row, one in enumerate(layers):
                states = getattr(one, name)
                buffer[row, :, length - states.shape[-2] : length] = states[0]
            buffers.append(buffer)
        layer._buffers = (buffers[0], buffers[1])
        layer._used = length
        layer._show()
        return layer

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep some of the rows."""
        assert self._buffers is not None
        self._buffers = (self._buffers[0][indices], self._buffers[1][indices])
        self._show()


def is_plain(cache: Any) -> bool:
    """Whether every layer keeps the keys and values of all tokens, so that rows can be joined and cut."""
    return all(isinstance(layer, DynamicLayer) and not layer.is_sliding for layer in cache.layers)


def beginning(cache: Any, length: int) -> Any:
    """A cache that holds the first `length` tokens of another; no copy, and the other one is not changed."""
    made: list[Any] = [type(layer)() for layer in cache.layers]
    for layer, whole in zip(made, cache.layers, strict=True):
        layer.lazy_initialization(whole.keys, whole.values)
        layer.keys, layer.values = whole.keys[:, :, :length], whole.values[:, :, :length]
    return Cache(layers=made)


def joined(caches: Sequence[Any], room: int) -> Any:
    """One cache for several prompts, padded on the left, with room for `room` tokens more."""
    length = max(cache.get_seq_length() for cache in caches)
    layers: list[Any] = [
        RoomyLayer.of_rows([cache.layers[number] for cache in caches], length, room)
        for number in range(len(caches[0].layers))
    ]
    return Cache(layers=layers)


def bytes_of(cache: Any) -> int:
    """How much memory its keys and values take."""
    return sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
