"""Activation ranges from training data, and how an activation is rounded to its range.

An activation of b bits is one of the 2^b levels of its tensor's own range:
x^ = scale * (clip(round(x / scale) + zero, 0, 2^b - 1) - zero), where the zero point is an integer, so that zero
padding and ReLU's zeros are exact. One bit is a sign: x^ = s * (1 + sign(x - s/2)) / 2 for levels 0 and s, and the same
below zero for -s and 0; the calibrated s says where it changes, as one level has to be the zero that layers pad with.

Source: B. Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
CVPR 2018, arXiv 1712.05877, section 2.1.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node

from explorer.data.dataset import fewer_of_large
from explorer.measurement.rounded_nodes import rounded_nodes
from explorer.networks.trace import TracedNetwork
from explorer.system.errors import QualityError
from explorer.system.inputs import Batch, parts_of
from explorer.system.progress import Stage

__all__ = [
    "FLOAT_BITS",
    "ActivationRange",
    "ActivationRanges",
    "fake_quantize",
    "measure_activation_ranges",
    "node_values",
]

FLOAT_BITS = 32
_LEAST_BITS, _MOST_BITS = 1, 16
_BINS = 2048
_SHARES = 32
_BATCH, _MOST_VALUES = 256, 2**20
"""Images of a batch and their input values at most."""


@dataclass(frozen=True)
class ActivationRange:
    """The range of one tensor: what is below ``low`` or above ``high`` is clipped; it holds 0."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (-math.inf < self.low <= 0 <= self.high < math.inf):
            raise QualityError("an activation range is finite and holds 0", f"{self.low} to {self.high}", "widen it")

    def scale(self, bits: int) -> float:
        """The distance of two of the 2^b levels; 1 for the range of a tensor that is always 0."""
        return (self.high - self.low) / (2**bits - 1) or 1.0

    def zero_point(self, bits: int) -> int:
        """The level that stands for 0."""
        return round(-self.low / self.scale(bits))


@dataclass(frozen=True)
class ActivationRanges:
    """Ranges by tensor name, and the bits of an activation: 1 to 16, or 32 for none of it, and no ranges."""

    bits: int
    by_tensor: Mapping[str, ActivationRange]


def fake_quantize(values: Tensor, scale: float, zero_point: int, bits: int, in_place: bool = False) -> Tensor:
    """The values, each rounded (halves to even) to the nearest of 2^b levels; same shape.

    Bit for bit `torch.fake_quantize_per_tensor_affine` on ordinary values, about fifteen times as fast without its
    gradient; and NaN stays NaN and +infinity becomes the highest level, where torch gives the lowest for both.

    Args:
        values: of any shape.
        scale: the distance of two levels.
        zero_point: the level that stands for 0.
        bits: b.
        in_place: whether nobody reads the values any more, so that their memory may hold the result; memory of its own
            costs more time than the rounding. Values that need a gradient are left as they are.

    >>> fake_quantize(torch.tensor([-9.0, 0.0, 0.3, 9.0]), scale=0.5, zero_point=1, bits=2)
    tensor([-0.5000,  0.0000,  0.5000,  1.0000])
    """
    levels = values.mul_(1 / scale) if in_place and not values.requires_grad else values.mul(1 / scale)
    return levels.round_().clamp_(-zero_point, 2**bits - 1 - zero_point).mul_(scale)


def measure_activation_ranges(traced: TracedNetwork, inputs: Batch, bits: int) -> ActivationRanges:
    """The range of every rounded activation that minimizes its mean squared rounding error over the inputs.

    Two passes: the first finds each tensor's least and greatest value, the second its histogram of 2,048 bins. Then
    every pair of shares 1/32..32/32 of the least and of the greatest is tried as a range, and the best one taken: what
    outliers lose by clipping is weighed against the finer levels of all others. Zeros have no error and are left out.

    Args:
        traced: with the weights that are to be calibrated for.
        inputs: (N, ...), training data.
        bits: b, 1 to 16 or 32.

    Raises:
        QualityError: other bits, no inputs, or an activation that is not finite.
    """
    if bits == FLOAT_BITS:
        return ActivationRanges(bits, {})
    if not _LEAST_BITS <= bits <= _MOST_BITS:
        raise QualityError("activations have 1 to 16 bits, or 32", bits, "choose such a width")
    if not len(inputs):
        raise QualityError("ranges are calibrated on at least one input", "none", "give training data")
    rounded = rounded_nodes(traced)
    batches = _batches(inputs, traced.fixed_batch)
    extremes: dict[str, tuple[float, float]] = {}
    counts = {name: torch.zeros(_BINS, dtype=torch.float64) for name in rounded}

    def widen(name: str, values: Tensor) -> None:
        low, high = extremes.get(name, (0.0, 0.0))
        extremes[name] = min(low, float(values.min())), max(high, float(values.max()))
        if not torch.isfinite(values).all():
            raise QualityError(
                "activations are finite", f"{rounded[name]} of {traced.spec.name}", "mend weights or inputs"
            )

    def count(name: str, values: Tensor) -> None:
        low, high = extremes[name]
        if low < high:
            counts[name] += torch.histc(values[values != 0].float(), _BINS, low, high)

    with Stage("calibrating activation ranges, in two passes", 2 * sum(map(len, batches)), "image") as bar:
        for visit in (widen, count):
            _visit(traced.graph, rounded, batches, visit, bar)
        found = {tensor: _best_range(counts[node].numpy(), *extremes[node], bits) for node, tensor in rounded.items()}
    return ActivationRanges(bits, found)


def node_values(graph: GraphModule, names: Iterable[str], inputs: Iterable[Tensor]) -> dict[str, Tensor]:
    """What the named nodes of a graph compute.

    Args:
        graph: of a traced network.
        names: of nodes.
        inputs: the network's arguments, (N, ...) each.

    Returns:
        By node name.
    """
    kept: dict[str, Tensor] = {}
    watcher = _Watcher(graph, names, lambda name, value: kept.update({name: value.clone()}))
    with torch.no_grad():
        watcher.run(*inputs)
    return kept


class _Watcher(Interpreter):
    """Runs a graph and shows what the named nodes compute, each at once: a later step may work in its memory."""

    def __init__(self, graph: GraphModule, names: Iterable[str], visit: Callable[[str, Tensor], object]) -> None:
        super().__init__(graph)
        self._names, self._visit = frozenset(names), visit

    def run_node(self, n: Node) -> Any:
        """The node's value, shown where it is asked for."""
        value = super().run_node(n)
        if n.name in self._names:
            self._visit(n.name, value)
        return value


def _batches(inputs: Batch, fixed_batch: int | None) -> list[Batch]:
    """The inputs in batches; what does not fill a fixed batch is left out, unless nothing else is there."""
    batches = list(inputs.split(fixed_batch or fewer_of_large(_BATCH, inputs, _MOST_VALUES)))
    return batches[:-1] if fixed_batch and len(batches[-1]) < fixed_batch and len(batches) > 1 else batches


def _visit(
    graph: GraphModule,
    names: Iterable[str],
    batches: list[Batch],
    visit: Callable[[str, Tensor], object],
    bar: Stage,
) -> None:
    """Shows the values of every named node, batch after batch; the stage is told of each."""
    watcher = _Watcher(graph, names, visit)
    with torch.inference_mode():
        for batch in batches:
            watcher.run(*parts_of(batch))
            bar.update(len(batch))


def _best_range(counts: np.ndarray, least: float, greatest: float, bits: int) -> ActivationRange:
    """The range of least squared error for values in equal bins of [least, greatest], each as its bin's middle."""
    (filled,) = np.nonzero(counts)
    middles = least + (filled + 0.5) * (greatest - least) / _BINS
    shares = np.arange(_SHARES, 0, -1)[:, None] / _SHARES
    highs = shares * greatest
    best, best_error = ActivationRange(least, greatest), math.inf
    for low in np.unique(shares * least):
        scales = np.maximum((highs - low) / (2**bits - 1), np.finfo(np.float64).tiny)
        zero_points = np.round(-low / scales)
        levels = np.clip(np.round(middles / scales), -zero_points, 2**bits - 1 - zero_points)
        errors = np.square(levels * scales - middles) @ counts[filled]
        if errors.min() < best_error:
            best_error = errors.min()
            best = ActivationRange(float(low), float(highs[errors.argmin(), 0]))
    return best
