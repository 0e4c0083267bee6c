"""Convolution and linear nodes of an exported graph as layer shapes."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch

from costmodels.shapes import ConvShape, Pair
from explorer.networks.operations import LAYERS
from explorer.system.errors import NetworkError

__all__ = [
    "NORMALIZATION_VALUES",
    "arguments",
    "folded_normalization",
    "is_layer",
    "is_zero_padding",
    "layer_shape",
    "module_path",
    "normalization_name",
    "operation_name",
    "pads_zeros",
    "spread_steps",
    "value_name",
    "value_readers",
    "weight_of",
]


NORMALIZATION_VALUES = ("running_mean", "running_var", "weight", "bias")
"""What a batch normalization reads in addition to its input; the last two may be none."""

_READS_SIZES = frozenset({"sym_size", "_assert_tensor_metadata", "_guards_fn"})


def operation_name(node: torch.fx.Node) -> str:
    """The ATen name without namespace, overload and in-place underscore; the full name outside ATen.

    For a node that calls no function, what it is: ``placeholder``, ``get_attr``, ``output`` or ``call_module``.
    """
    if node.op != "call_function":
        return node.op
    if node.target is operator.getitem:
        return "getitem"
    if isinstance(node.target, torch._ops.OpOverload):
        namespace, _, name = node.target._schema.name.partition("::")
        return name.rstrip("_") if namespace == "aten" else f"{namespace}::{name}"
    return str(node.target)


def arguments(node: torch.fx.Node) -> Mapping[str, Any]:
    """The arguments of an ATen node by name, defaults filled in."""
    schema = cast(torch._ops.OpOverload, node.target)._schema.arguments
    given = dict(zip((argument.name for argument in schema), node.args, strict=False)) | node.kwargs
    return {argument.name: given.get(argument.name, argument.default_value) for argument in schema}


def weight_of(node: torch.fx.Node) -> torch.fx.Node | None:
    """The node of a layer's weight; None for an operation that is no layer."""
    return arguments(node)["weight"] if operation_name(node) in LAYERS else None


def module_path(node: torch.fx.Node) -> str:
    """A name for a step: the path of the module that runs it, and the operation where that module has several steps."""
    path, kind = next(reversed((node.meta.get("nn_module_stack") or {"": ("", "")}).values()))
    if path and str(kind).startswith("torch.nn.modules."):
        return str(path)
    return f"{path}.{operation_name(node)}" if path else operation_name(node)


def value_readers(node: torch.fx.Node) -> list[torch.fx.Node]:
    """The nodes that read what a node computes, and not its size alone."""
    return [reader for reader in node.users if operation_name(reader) not in _READS_SIZES]


def folded_normalization(node: torch.fx.Node) -> torch.fx.Node | None:
    """The batch normalization that folds into a call of a layer: it alone reads the call, and by stored numbers.

    Args:
        node: the call of a layer.
    """
    (reader, *others) = value_readers(node) or [node]
    if others or operation_name(reader) != "batch_norm" or arguments(reader)["input"] is not node:
        return None
    given = arguments(reader)
    channels_last = operation_name(node) == "linear" and node.meta["val"].ndim != 2
    own = [given[name] for name in NORMALIZATION_VALUES]
    stored = None not in own[:2] and all(value is None or value.op == "get_attr" for value in own)
    return reader if stored and not given["training"] and not channels_last else None


def value_name(node: torch.fx.Node) -> str:
    """The name of a stored value, or that of the step that computes it."""
    return str(node.target) if node.op == "get_attr" else node.name


def normalization_name(node: torch.fx.Node) -> str:
    """The name of a batch normalization, equal for calls with the same statistics, weights and biases."""
    given = arguments(node)
    names = [value_name(given[name]) for name in NORMALIZATION_VALUES if given[name] is not None]
    paths = {name.rpartition(".")[0] for name in names}
    return paths.pop() if len(paths) == 1 else " ".join(names)


def is_zero_padding(node: torch.fx.Node) -> bool:
    """Whether a node adds zeros around its input and does nothing else."""
    return pads_zeros(node) and all(pad >= 0 for pad in arguments(node)["pad"])


def pads_zeros(node: torch.fx.Node) -> bool:
    """Whether a node adds zeros around its input, or cuts values off where it adds less than none."""
    kind = operation_name(node)
    if kind not in ("pad", "constant_pad_nd"):
        return False
    given = arguments(node)
    pads = given["pad"]
    return (
        not given.get("value")
        and given.get("mode", "constant") == "constant"
        and all(isinstance(pad, int) for pad in pads)
    )


def spread_steps(node: torch.fx.Node) -> list[torch.fx.Node]:
    """Where the input of a convolution has zeros between its values: the node of the values, (N, c, ...), and the steps
    that put zeros between and around them, each read by the next alone. None otherwise.

    Every dimension is given one more, which is padded with zeros and then taken together with it.

    Args:
        node: any; a convolution has such steps.
    """
    if operation_name(node) not in ("conv1d", "conv2d"):
        return []
    dimensions, steps = node.meta["val"].ndim - 2, [arguments(node)["input"]]
    expected = [pads_zeros, *[_is("flatten")] * dimensions, pads_zeros, *[_is("unsqueeze")] * dimensions]
    for is_expected in expected:
        if not is_expected(steps[0]) or len(value_readers(steps[0])) > 1:
            return []
        steps.insert(0, steps[0].all_input_nodes[0])
    return steps


def _is(name: str) -> Callable[[torch.fx.Node], bool]:
    return lambda node: operation_name(node) == name


def is_layer(node: torch.fx.Node, weight_size: Sequence[int]) -> bool:
    """Whether a node is a linear layer or a plain convolution of one or two dimensions."""
    if operation_name(node) not in LAYERS:
        return False
    return operation_name(node) == "linear" or (len(weight_size) in (3, 4) and not arguments(node).get("transposed"))


def layer_shape(
    node: torch.fx.Node,
    input_size: tuple[int, ...],
    weight_size: tuple[int, ...],
    input_values: tuple[int, ...] | None = None,
) -> tuple[ConvShape, int]:
    """The shape of a layer node, and how often one image runs it.

    Args:
        node: one that `is_layer` accepts.
        weight_size: shape of its weight.
        input_size: shape of its input for one image: (T, c, H, W), (T, c, L) or (..., c). T is 1 where the batch
            dimension holds the images alone, and the frames of one image where a module folds them into the batch.
        input_values: shape of what the input has zeros between, see `spread_steps`; None where it has none.

    Raises:
        NetworkError: the input of a convolution has no batch dimension.
    """
    if operation_name(node) == "linear":
        return ConvShape.linear(weight_size[0], weight_size[1], math.prod(input_size[:-1])), 1
    if len(input_size) != len(weight_size):
        raise NetworkError(
            "a convolution's input has a batch dimension first",
            f"{node.name} on {input_size}",
            "give an example input of shape (1, ...)",
        )
    given = arguments(node)
    flat = len(weight_size) == 3

    def pair(sizes: Sequence[int], neutral: int) -> Pair:
        return (neutral, sizes[0]) if flat else (sizes[0], sizes[-1])

    shape = ConvShape(
        out_channels=weight_size[0],
        in_channels=input_size[1],
        kernel=pair(weight_size[2:], 1),
        input_size=pair(input_size[2:], 1),
        stride=pair(given["stride"], 1),
        padding=given["padding"] if isinstance(given["padding"], str) else pair(given["padding"], 0),
        dilation=pair(given["dilation"], 1),
        groups=given["groups"],
        input_values=None if input_values is None else pair(input_values[2:], 1),
    )
    return shape, input_size[0]
