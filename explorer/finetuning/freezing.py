"""Freezing: the stages of a training, in which layer after layer keeps its codes and selections once few change."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from explorer.forms.compressed_layer import CompressedLayer

__all__ = ["Freezing"]


class Freezing:
    """Freezes the integers of a network's compressed layers, each layer once few of its own change.

    What follows are the scales, values of 32 bits, biases and normalizations alone, against weights that no longer
    jump.

    Args:
        network: with compressed layers, whose weights were reconstructed at least once.
        most_changed: share of a layer's integers that may change within an epoch where it is frozen; 0 freezes none.
    """

    def __init__(self, network: nn.Module, most_changed: float) -> None:
        self._most_changed = most_changed
        found = network.named_modules() if most_changed else ()
        self._layers = {name: layer for name, layer in found if isinstance(layer, CompressedLayer)}
        self._before: dict[str, Tensor] = {}

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Compares the integers with those at the end of the epoch before, of which there is none after the first."""
        for name, layer in self._layers.items():
            now, before = layer.integers(), self._before.get(name)
            self._before[name] = now
            if before is not None and not layer.is_frozen and _changed(now, before) <= self._most_changed:
                layer.freeze()

    def state(self) -> dict[str, Tensor]:
        """The integers at the end of the last epoch, by layer."""
        return {name: integers.clone() for name, integers in self._before.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Goes back to a `state`; what is frozen is part of the layers' own.

        Args:
            state: from `state`.
        """
        self._before = dict(state)


def _changed(now: Tensor, before: Tensor) -> float:
    """The share of integers (N,) that differ; none where there are none."""
    return float((now != before).double().mean()) if now.numel() else 0.0
