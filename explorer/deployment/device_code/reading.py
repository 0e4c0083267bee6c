"""From a packed network to an integer network: what C can say of its graph, and a refusal that names what it cannot."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor
from torch.fx import Interpreter, Node

from explorer.deployment.device_code import geometry
from explorer.deployment.device_code.blocks import with_blocks
from explorer.deployment.device_code.building import Builder
from explorer.deployment.device_code.forms import coded_filters
from explorer.deployment.device_code.integer_network import IntegerNetwork, zero_level
from explorer.deployment.device_code.spread import spread_inputs
from explorer.deployment.device_code.steps import (
    AddStep,
    Finish,
    FlattenStep,
    MaxPoolStep,
    Part,
    Size,
    Step,
    SumPoolStep,
    TransposedStep,
    Window,
    conv_step,
)
from explorer.deployment.device_code.structures import MOST_NARROW
from explorer.deployment.device_code.sums import Joined, Sum
from explorer.deployment.packed.levels import Levels
from explorer.deployment.packed.network import PackedNetwork
from explorer.deployment.packed.step import PackedStep
from explorer.measurement.activation_ranges import fake_quantize
from explorer.networks.layer_nodes import arguments, is_zero_padding, operation_name
from explorer.system.errors import DeviceCodeError

__all__ = ["C_OPERATIONS", "integer_network"]

MOST_BITS = 8

SAME = frozenset(
    ["dropout", "feature_dropout", "alpha_dropout", "contiguous", "clone", "detach", "alias", "lift_fresh_copy"]
)
"""Operations that are nothing in inference."""

VIEWS = frozenset(
    ["view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as", "_unsafe_view"]
)
"""Operations that give the same values another shape."""

LIMITS: Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, Any]]] = MappingProxyType(
    {
        "relu": lambda given: (0.0, None),
        "relu6": lambda given: (0.0, 6.0),
        "hardtanh": lambda given: (given["min_val"], given["max_val"]),
        "clamp": lambda given: (given["min"], given["max"]),
        "clamp_min": lambda given: (given["min"], None),
        "clamp_max": lambda given: (None, given["max"]),
    }
)
"""Activation functions that are limits, and these."""

MAX_POOLS = frozenset(
    ["max_pool1d", "max_pool2d", "max_pool2d_with_indices", "adaptive_max_pool1d", "adaptive_max_pool2d"]
)
SUM_POOLS = frozenset(["avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "mean"])
ARITHMETIC = frozenset(["add", "sub", "mul", "div"])
PARTS = frozenset(["slice", "narrow", "pad", "constant_pad_nd"])

C_OPERATIONS = frozenset(
    {*SAME, *VIEWS, *LIMITS, *MAX_POOLS, *SUM_POOLS, *ARITHMETIC, *PARTS, "cat", "concat", "getitem"}
)
"""ATen operations that have a C form, convolutions and linear layers apart."""


SAID = (
    "convolutions, transposed ones, linear layers, ReLU and clamps, additions, factors and shifts of channels, "
    "pooling, concatenation of channels, slices, zero padding and flatten"
)


def integer_network(network: PackedNetwork) -> IntegerNetwork:
    """A packed network in integers, step by step.

    Args:
        network: with activations of 1 to 8 bits, as read from a packed file.

    Raises:
        DeviceCodeError: activations are floats or have more bits, or an operation has no C form.
    """
    if network.activation_bits > MOST_BITS:
        found = "floats" if network.activation_bits == 32 else f"{network.activation_bits} bits"
        remedy = "search with --activation-bits 8 or fewer, and with data to calibrate them on"
        raise DeviceCodeError("C computes with activations of 1 to 8 bits", f"activations of {found}", remedy)
    if network.batch not in (None, 1):
        rule, remedy = "C computes one image at a time", "build the network so that it takes any number of images"
        raise DeviceCodeError(rule, f"{network.name} takes {network.batch} images at once", remedy)
    return with_blocks(_Reader(network).read())


class _Recorder(Interpreter):
    """Runs a graph once and keeps every value: sizes of activations, and constants."""

    def __init__(self, network: PackedNetwork) -> None:
        super().__init__(network.graph, graph=network.graph.graph)  # type: ignore[arg-type]
        self.kept: dict[Node, Any] = {}
        with torch.inference_mode():
            self.run(*(torch.zeros(1, *shape) for shape in network.inputs))

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        self.kept[n] = value
        return value


class _Reader:
    """Goes through the nodes in order; ``_values`` says what each stands for."""

    def __init__(self, network: PackedNetwork) -> None:
        self._network = network
        self._recorded = _Recorder(network).kept
        self._values: dict[Node, Any] = {}
        self._builder = Builder()
        self._inputs: list[int] = []
        self._spread = spread_inputs(network.graph, network.nodes)
        self._read_by_layers = {step for spread in self._spread.values() for step in spread.steps}

    def read(self) -> IntegerNetwork:
        """The network."""
        outputs: list[int] = []
        for node in self._network.nodes:
            if node.op == "output":
                outputs = [self._output(one) for one in _returned(node)]
            else:
                self._values[node] = self._value(node)
        tensors, steps = tuple(self._builder.tensors), tuple(self._builder.steps)
        return IntegerNetwork(self._network.name, tensors, steps, tuple(self._inputs), tuple(outputs))

    def _output(self, node: Node) -> int:
        """The number of the tensor of floats that a returned node is."""
        value = self._values[node]
        if not _is_activation(value):
            self._refuse(node, "an input or a constant that is returned as it is")
        return self._builder.rounded(value, None).tensor

    def _value(self, node: Node) -> Any:
        """What a node stands for: a part of a tensor, a sum, joined parts, the node of an input, or a constant."""
        if node.op == "placeholder":
            return node
        if not node.users or node in self._read_by_layers:
            return None  # such as the places of maxima, which pooling gives too
        sources = [self._values[source] for source in self._sources(node)]
        is_computed = any(_is_activation(one) or isinstance(one, Node) for one in sources)
        if node.op == "get_attr" or not is_computed or not isinstance(self._recorded[node], (Tensor, tuple, list)):
            return self._recorded[node]  # stored, computed of constants alone, or a size
        if node.op == "call_module":
            return self._layer(node)
        if node.target is fake_quantize:
            return self._rounded(node)
        if isinstance(sources[0], Node):
            self._refuse(node, "an input that is not rounded")
        return self._operation(node, operation_name(node))

    def _rounded(self, node: Node) -> Part:
        source, levels = node.all_input_nodes[0], Levels(*node.args[1:])  # type: ignore[arg-type]
        value = self._values[source]
        if not isinstance(value, Node):
            return self._builder.rounded(value, levels)
        self._inputs.append(self._builder.new(str(value.name), self._size(node), levels))
        return Part.whole(self._inputs[-1], self._size(node))

    def _operation(self, node: Node, kind: str) -> Any:
        source = self._values[node.all_input_nodes[0]]
        if kind in SAME or (kind == "getitem" and node.args[1] == 0):
            return source
        if kind in VIEWS:
            return self._view(node, source)
        if kind in LIMITS:
            low, high = LIMITS[kind](arguments(node))
            limits = (-np.inf if low is None else float(low), np.inf if high is None else float(high))
            return self._sum(source, node).clipped(*limits)
        if kind in ARITHMETIC:
            return self._arithmetic(node, kind)
        if kind in MAX_POOLS or kind in SUM_POOLS:
            return self._pool(node, kind, source)
        if kind in ("cat", "concat"):
            return self._joined(node)
        if kind in ("slice", "narrow") or is_zero_padding(node):
            found = geometry.cut(self._part(source, node), node, self._rank(node.all_input_nodes[0]))
            return found or self._refuse(node)
        return self._refuse(node)

    def _refuse(self, node: Node, what: str = "") -> NoReturn:
        shapes = [tuple(self._recorded[one].shape) for one in node.all_input_nodes if _is_tensor(self._recorded[one])]
        of_shapes = f", of {', '.join(map(str, shapes))}" if shapes else ""
        found = f"{what or operation_name(node)} at {node.name}{of_shapes}"
        raise DeviceCodeError(f"C is written for {SAID}", found, "build the network without it")

    # ---- what nodes give

    def _sources(self, node: Node) -> list[Node]:
        """What a node reads; of a transposed convolution the values, which C puts the zeros between."""
        return [self._spread[node].source] if node in self._spread else node.all_input_nodes

    def _rank(self, node: Node) -> int:
        return len(self._recorded[node].shape)

    def _size(self, node: Node) -> Size:
        """Height, width and channels of one image."""
        value = self._recorded[node]
        size = geometry.size_of(tuple((value if _is_tensor(value) else value[0]).shape))
        if size is None:
            self._refuse(node, f"{operation_name(node)} that gives no (1, c, H, W), (1, c, L) or (1, c)")
        return size

    def _layer(self, node: Node) -> Sum:
        step = self._network.graph.get_submodule(str(node.target))
        assert isinstance(step, PackedStep)  # noqa: S101
        shape, (source,) = step.shape, self._sources(node)
        part = self._part(self._values[source], node)
        if step.linear and self._rank(source) != 2:
            self._refuse(node, "a linear layer at several places")
        if not part.is_padded_in_space:
            part = Part.whole(self._builder.whole(part), part.out)
        levels = self._builder.levels(part)
        largest = max(levels.zero_point, (1 << levels.bits) - 1 - levels.zero_point)
        packed = replace(self._network.layers[step.name], shape=shape)
        coded = coded_filters(packed, largest, step.name)
        (top, _), (left, _) = shape.pads
        spread = self._spread.get(node)
        stride, (top, left) = (shape.stride, (top, left)) if spread is None else (spread.stride, spread.lead)
        apart = (1, 1) if spread is None else spread.stride  # places from one value to the next, zeros around them too
        pad = top + apart[0] * part.before[0], left + apart[1] * part.before[1]
        window = Window(part.full[:2], shape.output_size, shape.kernel, stride, shape.dilation, pad)
        self._check_window(node, shape.groups, *stride, *shape.dilation, *pad)
        make_step = conv_step if spread is None or spread.is_plain else TransposedStep

        def make(finish: Finish, output: int) -> Step:
            taken = part.tensor, part.full[2], shape.groups, window, zero_level(levels)
            return make_step(step.name, output, *taken, coded, str(packed.scheme), finish)

        size = (*shape.output_size, shape.out_channels)
        return Sum(step.name, make, size, levels.scale * coded.units * step.follows.factors, step.follows.shifts)

    def _check_window(self, node: Node, *numbers: int) -> None:
        """Refuses groups, strides, dilations and padding that C's structures do not hold."""
        if any(abs(number) > MOST_NARROW for number in numbers):
            self._refuse(node, f"groups, a stride, a dilation or padding of more than {MOST_NARROW:,}")

    def _view(self, node: Node, source: Any) -> Any:
        before, after = source.out if isinstance(source, Part) else source.size, self._size(node)
        if before == after:
            return source
        in_order = geometry.in_order(before) and geometry.in_order(after)
        if isinstance(source, Sum) and in_order:
            return replace(source, size=after)
        if not isinstance(source, Part) or not geometry.in_order(after):
            self._refuse(node)
        tensor = self._builder.whole(source)
        if not in_order:
            height, width, channels = before
            copied = self._builder.new(node.name, after, self._builder.levels(source))
            self._builder.steps.append(FlattenStep(node.name, copied, tensor, height * width, channels))
            tensor = copied
        return Part.whole(tensor, after)

    def _arithmetic(self, node: Node, kind: str) -> Sum:
        given = arguments(node)
        one, other = (self._values[it] if isinstance(it, Node) else it for it in (given["self"], given["other"]))
        if given.get("alpha", 1) != 1 or given.get("rounding_mode") is not None:
            self._refuse(node)
        if _is_activation(one) and _is_activation(other):
            return self._added(node, one, other, -1.0 if kind == "sub" else 1.0, kind)
        if not _is_activation(one):
            one, other = other, one
            if kind in ("sub", "div"):
                self._refuse(node)
        values, total = geometry.channel_values(other, self._size(node), self._rank(node)), self._sum(one, node)
        if values is None or not isinstance(total, Sum) or total.is_clipped or total.size != self._size(node):
            self._refuse(node)
        if kind in ("add", "sub"):
            return total.plus(values if kind == "add" else -values)
        if total.is_addition and len(values) > 1:
            self._refuse(node)
        return total.times(values if kind == "mul" else 1 / values)

    def _added(self, node: Node, one: Any, other: Any, sign: float, kind: str) -> Sum:
        first, second = self._part(one, node), self._part(other, node)
        if first.out != second.out or kind not in ("add", "sub"):
            self._refuse(node)
        parts = [Part.whole(self._builder.whole(part), part.out) for part in (first, second)]
        levels = [self._builder.levels(part) for part in parts]
        sources, zeros = (parts[0].tensor, parts[1].tensor), (zero_level(levels[0]), zero_level(levels[1]))

        def make(finish: Finish, output: int) -> Step:
            return AddStep(node.name, output, sources, zeros, finish)

        factors = np.array([levels[0].scale, sign * levels[1].scale])
        return Sum(node.name, make, first.out, factors, np.zeros(1), is_addition=True)

    def _pool(self, node: Node, kind: str, source: Any) -> Any:
        part = self._part(source, node)
        pooled = geometry.pool_window(node, kind, part.out, self._size(node), self._rank(node.all_input_nodes[0]))
        if pooled is None:
            self._refuse(node)
        window, count = pooled
        self._check_window(node, *window.dilation, *window.pad)
        tensor, levels, channels = self._builder.whole(part), self._builder.levels(part), part.out[2]
        size = (*window.output_size, channels)
        if kind in MAX_POOLS:
            output = self._builder.new(node.name, size, levels)
            self._builder.steps.append(MaxPoolStep(node.name, output, tensor, channels, window))
            return Part.whole(output, size)

        def make(finish: Finish, output: int) -> Step:
            return SumPoolStep(node.name, output, tensor, channels, window, zero_level(levels), finish)

        return Sum(node.name, make, size, np.array([levels.scale / count]), np.zeros(1))

    def _joined(self, node: Node) -> Joined:
        given = arguments(node)
        parts = tuple(self._part(self._values[one], node) for one in given["tensors"])
        if given["dim"] % self._rank(node) != 1 or any(part.out[:2] != parts[0].out[:2] for part in parts):
            self._refuse(node)
        return Joined(node.name, parts, self._size(node))

    # ---- parts and sums

    def _part(self, value: Any, node: Node) -> Part:
        """A value that lies in memory."""
        if not isinstance(value, Part):
            self._refuse(node, f"{operation_name(node)} of values that are not rounded")
        return value

    def _sum(self, value: Any, node: Node) -> Sum | Joined:
        """A value as one that is still to be rounded."""
        if isinstance(value, (Sum, Joined)):
            return value
        return self._builder.sum_of(self._part(value, node), node.name)


def _returned(node: Node) -> list[Node]:
    """What an output node returns, in order."""
    (found,) = node.args
    return list(found) if isinstance(found, (tuple, list)) else [found]  # type: ignore[arg-type, list-item]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _is_activation(value: Any) -> bool:
    return isinstance(value, (Part, Sum, Joined))
