"""Output noise: what the error of compressed weights adds to a layer's output, as a share of what the layer puts out.

For a layer's weights W, their errors D and the second moments A = E x x^T of its input patches x, it is
tr(D A D^T) / tr(W A W^T) (`explorer.measurement.second_moments`). A design's noise is the sum over its layers. It
reads no labels, and needs no data either: where there are none, A is that of normal random inputs, and random designs
are still ordered far better than by the distortion of the weights (`benchmarks/proxies.py`).
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node

from explorer.data.dataset import evenly
from explorer.measurement.second_moments import IMAGES, input_moment, spread_rows
from explorer.networks.layer_nodes import arguments, operation_name, weight_of
from explorer.networks.trace import Example, TracedNetwork

__all__ = ["OutputNoise", "data_batches", "random_batches"]

Batch = tuple[Tensor, ...]
MOST_VALUES = 2**17
"""Input values of a batch: patches take many times as much memory."""

RANDOM_VALUES = 2**20
"""Input values drawn in all; what a network of images of 32x32 pixels gets are 341 of them."""


class OutputNoise:
    """The output noise of compressed layers of one network.

    Args:
        traced: the network, with its own weights.
        batches: its inputs, in order.
    """

    def __init__(self, traced: TracedNetwork, batches: Sequence[Batch]) -> None:
        self._traced, self._batches = traced, batches
        self._signals: dict[str, float] = {}

    @cached_property
    def _moments(self) -> dict[str, np.ndarray]:
        """A by layer, found on first use: not every process that has the noise is asked for it."""
        return _input_moments(self._traced, self._batches)

    def of(self, layer: str, rebuilt: np.ndarray) -> float:
        """The noise of a layer's compressed weights, (n, c/g, kh, kw); of one that never runs, or puts out zeros, 0.

        Raises:
            KeyError: there is no such layer.
        """
        weights = self._traced.weights[layer]
        if layer not in self._moments:
            return 0.0
        if layer not in self._signals:
            self._signals[layer] = self._power(layer, weights)
        signal = self._signals[layer]
        return self._power(layer, rebuilt.astype(np.float64) - weights) / signal if signal else 0.0

    def _power(self, layer: str, values: np.ndarray) -> float:
        """tr(V A V^T), summed over groups."""
        rows, spread = spread_rows(self._moments[layer], values.astype(np.float64))
        return float((spread * rows).sum())


def data_batches(traced: TracedNetwork, images: Tensor) -> list[Batch]:
    """Up to 2,048 images (N, ...), evenly spaced, for a network of one input; what fills no fixed batch is left out."""
    chosen = evenly(images, IMAGES)
    size = traced.fixed_batch or _batch_size(chosen[:1])
    parts = chosen.split(size)
    return [(part,) for part in parts if traced.fixed_batch in (None, len(part))] or [(chosen,)]


def random_batches(traced: TracedNetwork, example: Example, seed: int) -> list[Batch]:
    """Standard normal inputs of the example's shapes; what is not of floating point is as in the example."""
    inputs = example if isinstance(example, tuple) else (example,)
    size = traced.fixed_batch or max(_batch_size(*inputs), 2)
    values = sum(item[:1].numel() for item in inputs)
    generator = torch.Generator().manual_seed(seed)

    def drawn(item: Tensor) -> Tensor:
        shape = (size, *item.shape[1:])
        if not item.is_floating_point():
            return item[:1].expand(shape)
        return torch.randn(shape, generator=generator, dtype=torch.float32).to(item.dtype)

    return [tuple(drawn(item) for item in inputs) for _ in range(max(1, RANDOM_VALUES // (values * size)))]


def _batch_size(*inputs: Tensor) -> int:
    return max(1, min(32, MOST_VALUES // max(1, sum(item[:1].numel() for item in inputs))))


def _input_moments(traced: TracedNetwork, batches: Sequence[Batch]) -> dict[str, np.ndarray]:
    """Sums of x x^T by layer, of all its calls: shape (g, D, D) with D = c/g*kh*kw, or the diagonal (g, D)."""
    names = {layer.weight: layer.name for layer in traced.spec.layers}
    sums: dict[str, Tensor] = {}
    with torch.inference_mode():
        for batch in batches:
            run = _InputRecorder(traced, names)
            run.run(*batch)
            for name, moment in run.found:
                sums[name] = sums[name] + moment if name in sums else moment
    return {name: moment.numpy() for name, moment in sums.items()}


class _InputRecorder(Interpreter):
    """Runs a network's graph and keeps the second moment of every layer's input."""

    def __init__(self, traced: TracedNetwork, names: Mapping[str, str]) -> None:
        graph: GraphModule = traced.graph
        super().__init__(graph)
        self._traced, self._names = traced, names
        self.found: list[tuple[str, Tensor]] = []

    def run_node(self, n: Node) -> Any:
        """The node's value."""
        weight = weight_of(n) if n.op == "call_function" else None
        if weight is not None and str(weight.target) in self._names:
            name, source = self._names[str(weight.target)], self.env[arguments(n)["input"]]
            shape = self._traced.spec.layer(name).shape
            self.found.append((name, input_moment(shape, source, operation_name(n) == "linear")))
        return super().run_node(n)
