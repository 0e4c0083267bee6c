"""Convolution and linear nodes of an exported graph as layer shapes."""

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch

from costmodels.shapes import ConvShape, Pair
from explorer.errors import NetworkError
from explorer.networks.operations import LAYERS

__all__ = ["arguments", "dimensions", "is_layer", "layer_shape", "module_path", "operation_name", "weight_of"]


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


def dimensions(value: torch.Tensor, batch: int) -> tuple[int, ...]:
    """The shape of a traced value for one image.

    Args:
        value: what the node computes, traced with ``batch`` images.
        batch: B; a first dimension of B*T becomes T.
    """
    sizes = [size.node.hint if isinstance(size, torch.SymInt) else size for size in value.shape]
    symbolic = any(isinstance(size, torch.SymInt) for size in value.shape)
    for index, size in enumerate(value.shape):
        depends = isinstance(size, torch.SymInt) or (index == 0 and not symbolic)
        if depends and sizes[index] % batch == 0:
            sizes[index] //= batch
            break
    return tuple(sizes)


def is_layer(node: torch.fx.Node, weight_size: Sequence[int]) -> bool:
    """Whether a node is a linear layer or a plain convolution of one or two dimensions."""
    if operation_name(node) not in LAYERS:
        return False
    return operation_name(node) == "linear" or (len(weight_size) in (3, 4) and not arguments(node).get("transposed"))


def layer_shape(
    node: torch.fx.Node, input_size: tuple[int, ...], weight_size: tuple[int, ...]
) -> tuple[ConvShape, int]:
    """The shape of a layer node, and how often one image runs it.

    Args:
        node: one that `is_layer` accepts.
        weight_size: shape of its weight.
        input_size: shape of its input for one image: (T, c, H, W), (T, c, L) or (..., c). T is 1 where the batch
            dimension holds the images alone, and the frames of one image where a module folds them into the batch.

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
    )
    return shape, input_size[0]
