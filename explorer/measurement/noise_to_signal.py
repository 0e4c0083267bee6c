"""NoiseToSignal: what the error of compressed weights adds to a layer's output, as a share of what the layer puts out.

For a layer's weights W, their errors D and the second moments A = E x x^T of its input patches x, the noise-to-signal
ratio is tr(D A D^T) / tr(W A W^T) (`explorer.measurement.input_moments`). A design's is the sum over its layers, the
objective ``noise``. It reads no labels, and needs no data either: where there are none, A is that of normal random
inputs, and random designs are still ordered far better than by the distortion of the weights (`benchmarks/proxies.py`).
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from explorer.data.dataset import evenly
from explorer.measurement.input_moments import input_moment, spread_rows
from explorer.measurement.layer_calls import LayerCall, LayerCalls
from explorer.measurement.second_moments import IMAGES
from explorer.networks.trace import Example, TracedNetwork
from explorer.system.inputs import Batch, parts_of

__all__ = ["NoiseToSignal", "data_batches", "random_batches"]

Parts = tuple[Tensor, ...]
MOST_VALUES = 2**17
"""Input values of a batch: patches take many times as much memory."""

RANDOM_VALUES = 2**20
"""Input values drawn in all; what a network of images of 32x32 pixels gets are 341 of them."""


class NoiseToSignal:
    """The noise-to-signal ratios of compressed layers of one network.

    Args:
        traced: the network, with its own weights.
        batches: its inputs, in order.
    """

    def __init__(self, traced: TracedNetwork, batches: Sequence[Parts]) -> None:
        self._traced, self._batches = traced, batches
        self._signals: dict[str, float] = {}

    @cached_property
    def _moments(self) -> dict[str, np.ndarray]:
        """A by layer, found on first use: not every process that could is asked for a ratio."""
        return _input_moments(self._traced, self._batches)

    def of(self, layer: str, reconstructed: np.ndarray) -> float:
        """The ratio of a layer under compressed weights; 0 of a layer that never runs, or puts out zeros.

        Args:
            layer: its name.
            reconstructed: (n, c/g, kh, kw), in place of its own weights.

        Raises:
            KeyError: there is no such layer.
        """
        weights = self._traced.weights[layer]
        if layer not in self._moments:
            return 0.0
        if layer not in self._signals:
            self._signals[layer] = self._power(layer, weights)
        signal = self._signals[layer]
        return self._power(layer, reconstructed.astype(np.float64) - weights) / signal if signal else 0.0

    def _power(self, layer: str, values: np.ndarray) -> float:
        """tr(V A V^T), summed over groups; 0 where the rounding of A would leave less."""
        rows, spread = spread_rows(self._moments[layer], values.astype(np.float64))
        return max(0.0, float((spread * rows).sum()))


def data_batches(traced: TracedNetwork, images: Batch) -> list[Parts]:
    """Images in batches; what fills no fixed batch is left out.

    Args:
        traced: the network.
        images: (N, ...), of which up to 2,048, evenly spaced, are used.
    """
    chosen = evenly(images, IMAGES)
    size = traced.fixed_batch or _batch_size(*parts_of(chosen[:1]))
    parts = chosen.split(size)
    whole = [parts_of(part) for part in parts if traced.fixed_batch in (None, len(part))]
    return whole or [parts_of(chosen)]


def random_batches(traced: TracedNetwork, example: Example, seed: int) -> list[Parts]:
    """Standard normal inputs of an example's shapes.

    Args:
        traced: the network.
        example: its inputs, the first dimension the batch; what is not of floating point is taken from it.
        seed: of what is drawn.
    """
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


def _input_moments(traced: TracedNetwork, batches: Sequence[Parts]) -> dict[str, np.ndarray]:
    """Sums of x x^T by layer, of all its calls: shape (g, D, D) with D = c/g*kh*kw, or the diagonal (g, D)."""
    sums: dict[str, Tensor] = {}

    def add(call: LayerCall) -> Tensor:
        moment = input_moment(call)
        sums[call.layer] = sums[call.layer] + moment if call.layer in sums else moment
        return call.outputs

    calls = LayerCalls(traced, add)
    with torch.inference_mode():
        for batch in batches:
            calls.run(*batch)
    return {name: moment.numpy() for name, moment in sums.items()}
