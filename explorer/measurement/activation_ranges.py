"""Activation ranges from training data, and the graph that rounds its activations to them.

An activation of b bits is one of the 2^b levels of its tensor's own range:
x^ = scale * (clip(round(x / scale) + zero, 0, 2^b - 1) - zero), where the zero point is an integer, so that zero
padding and ReLU's zeros are exact. One bit is a sign: x^ = s * (1 + sign(x - s/2)) / 2 for levels 0 and s, and the same
below zero for -s and 0; the calibrated s says where it changes, as one level has to be the zero that layers pad with.

What is rounded: the network's input and every activation that is written to memory. A convolution, the batch
normalization that folds into it and the activation function after it are one step with a wide accumulator, rounded
once at its end. Views and steps that only move or choose values (max pooling, slices) keep their input's levels. The
output of the network stays in the accumulator, unrounded.

Source: B. Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference,
CVPR 2018, arXiv 1712.05877, section 2.1.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter, Node, Transformer

from explorer.errors import QualityError
from explorer.networks.layer_nodes import operation_name
from explorer.networks.operations import VIEW, rule_of

if TYPE_CHECKING:
    from explorer.networks.trace import TracedNetwork

__all__ = [
    "FLOAT_BITS",
    "ActivationRange",
    "ActivationRanges",
    "calibrate",
    "fake_quantize",
    "keeps_levels",
    "quantized_graph",
]

FLOAT_BITS = 32
_LEAST_BITS, _MOST_BITS = 1, 16
_BINS = 2048
_SHARES = 32
_BATCH = 256
_KEEPS_LEVELS = frozenset(
    {"max_pool1d", "max_pool2d", "max_pool2d_with_indices", "adaptive_max_pool1d", "adaptive_max_pool2d", "amax", "max"}
    | {"slice", "select", "narrow", "permute", "transpose", "t", "movedim", "swapaxes", "flip", "roll", "clone"}
    | {"repeat", "repeat_interleave", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"}
)
"""Operations of one tensor whose output holds values of it and nothing else."""


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


def fake_quantize(values: Tensor, scale: float, zero_point: int, bits: int) -> Tensor:
    """The values, each rounded (halves to even) to the nearest of 2^b levels; same shape.

    Bit for bit `torch.fake_quantize_per_tensor_affine` on ordinary values, about fifteen times as fast without its
    gradient; and NaN stays NaN and +infinity becomes the highest level, where torch gives the lowest for both.

    >>> fake_quantize(torch.tensor([-9.0, 0.0, 0.3, 9.0]), scale=0.5, zero_point=1, bits=2)
    tensor([-0.5000,  0.0000,  0.5000,  1.0000])
    """
    levels = values.mul(1 / scale).round_()
    return levels.clamp_(-zero_point, 2**bits - 1 - zero_point).mul_(scale)


def calibrate(traced: "TracedNetwork", inputs: Tensor, bits: int) -> ActivationRanges:
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
    rounded = _rounded_nodes(traced)
    batches = _batches(inputs, traced.fixed_batch)
    extremes: dict[str, tuple[float, float]] = {}
    for name, values in _activations(traced.graph, rounded, batches):
        low, high = extremes.get(name, (0.0, 0.0))
        extremes[name] = min(low, float(values.min())), max(high, float(values.max()))
        if not torch.isfinite(values).all():
            raise QualityError(
                "activations are finite", f"{rounded[name]} of {traced.spec.name}", "mend weights or inputs"
            )
    counts = {name: torch.zeros(_BINS, dtype=torch.float64) for name in rounded}
    for name, values in _activations(traced.graph, rounded, batches):
        low, high = extremes[name]
        if low < high:
            counts[name] += torch.histc(values[values != 0].float(), _BINS, low, high)
    return ActivationRanges(
        bits, {tensor: _best_range(counts[node].numpy(), *extremes[node], bits) for node, tensor in rounded.items()}
    )


def quantized_graph(traced: "TracedNetwork", ranges: ActivationRanges) -> GraphModule:
    """A copy of the traced graph in which every activation of ``ranges`` is rounded.

    Nodes are copied; parameters are shared, as ``traced.graph`` holds them at the time of the call. Putting other
    parameters in place in one graph, as `load_weights` does, is not seen by the other; to run the copy with other
    weights use `torch.func.functional_call`. With 32 bits the copy computes what the original does.
    """
    ranges_by_node = {
        node: ranges.by_tensor[tensor] for node, tensor in _rounded_nodes(traced).items() if tensor in ranges.by_tensor
    }
    return _Rounder(traced.graph, ranges_by_node, ranges.bits).transform()


def keeps_levels(node: Node) -> bool:
    """Whether a node's values are values of its input, unchanged: they are on the levels that the input is on."""
    kind = operation_name(node)
    return kind in _KEEPS_LEVELS or rule_of(kind).effect == VIEW


class _Rounder(Transformer):
    """Rewrites a graph so that the readers of the named nodes read their rounded values."""

    def __init__(self, graph: GraphModule, ranges: Mapping[str, ActivationRange], bits: int) -> None:
        super().__init__(graph)
        self._ranges, self._bits = ranges, bits

    def run_node(self, n: Node) -> Any:
        """The node's copy, or what rounds it."""
        copied = super().run_node(n)
        if n.name not in self._ranges:
            return copied
        found = self._ranges[n.name]
        arguments = (copied, found.scale(self._bits), found.zero_point(self._bits), self._bits)
        return self.tracer.create_proxy("call_function", fake_quantize, arguments, {})


def _rounded_nodes(traced: "TracedNetwork") -> dict[str, str]:
    """Node name -> tensor name of what is rounded."""
    kinds = {operation.output: operation.kind for operation in traced.spec.operations}
    last = _output_nodes(traced)
    return {
        node: tensor
        for node, tensor in traced.values.items()
        if node not in last and kinds.get(tensor) not in _KEEPS_LEVELS
    }


def _output_nodes(traced: "TracedNetwork") -> set[str]:
    """Names of the nodes that the network returns, and of those that it returns a view of."""
    (output,) = (node for node in traced.graph.graph.nodes if node.op == "output")
    found: set[str] = set()
    for node in output.all_input_nodes:
        while node.name not in traced.values and len(node.all_input_nodes) == 1:
            (node,) = node.all_input_nodes
        found.add(node.name)
    return found


class _Recorder(Interpreter):
    """Runs a graph and keeps what the named nodes compute."""

    def __init__(self, graph: GraphModule, names: Iterable[str]) -> None:
        super().__init__(graph)
        self._names = frozenset(names)
        self.kept: dict[str, Tensor] = {}

    def run_node(self, n: Node) -> Any:
        """The node's value, kept where it is asked for."""
        value = super().run_node(n)
        if n.name in self._names:
            self.kept[n.name] = value
        return value


def _batches(inputs: Tensor, fixed_batch: int | None) -> list[Tensor]:
    """The inputs in batches; what does not fill a fixed batch is left out, unless nothing else is there."""
    batches = list(inputs.split(fixed_batch or _BATCH))
    return batches[:-1] if fixed_batch and len(batches[-1]) < fixed_batch and len(batches) > 1 else batches


def _activations(graph: GraphModule, names: Iterable[str], batches: list[Tensor]) -> Iterable[tuple[str, Tensor]]:
    """(node name, values) of every named node, batch after batch."""
    recorder = _Recorder(graph, names)
    with torch.inference_mode():
        for batch in batches:
            recorder.run(batch)
            yield from recorder.kept.items()


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
