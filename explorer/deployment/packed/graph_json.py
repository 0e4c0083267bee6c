"""The graph of a packed network as plain data, and back: a list of nodes, each a list that begins with its kind.

    ["input"]                                          an input of the network
    ["layer", layer, node, shift, factor]              a packed convolution, then times factor plus shift by channel
    ["linear", layer, node, shift, factor]             a packed linear layer: channels last
    [..., shape]                                       either of another shape than the layer's first call
    ["round", node, scale, zero point, bits]           activations rounded to levels
    ["constant", tensor]                               a tensor of the file
    ["aten", operation, arguments, named arguments]    any other operation, by its name in torch
    ["python", operation, arguments, named arguments]  arithmetic on sizes
    ["output", node, ...]

A node is named by its place in the list. Where an argument is one it is ``{"node": place}``; types and infinite numbers
are objects of one key too. Operations are looked up in tables: nothing that a file holds is run as code.
"""

import math
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch.fx import Node

from explorer.networks.fixed_operations import FIXED_OPERATIONS
from explorer.networks.layer_nodes import operation_name
from explorer.networks.operations import LAYERS, OPERATIONS
from explorer.system.errors import PackedFileError

__all__ = ["ARITHMETIC", "decode", "encode", "operation_json", "operation_of"]

_PYTHON: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {name: getattr(operator, name) for name in ("getitem", "add", "sub", "mul", "floordiv", "truediv", "mod", "neg")}
)
ARITHMETIC = frozenset(function for name, function in _PYTHON.items() if name != "getitem")
"""The functions of Python that compute sizes."""

_ALLOWED = frozenset({*OPERATIONS, *LAYERS, *FIXED_OPERATIONS, "sym_size"})
_NAMED: Mapping[type, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        torch.dtype: (
            "dtype",
            {
                str(kind).removeprefix("torch."): kind
                for kind in (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool)
            },
        ),
        torch.layout: ("layout", {"strided": torch.strided}),
        torch.memory_format: (
            "memory_format",
            {
                str(kind).removeprefix("torch."): kind
                for kind in (torch.contiguous_format, torch.preserve_format, torch.channels_last)
            },
        ),
        torch.device: ("device", {"cpu": torch.device("cpu")}),
    }
)
_INFINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_KINDS: Mapping[str, Mapping[str, Any]] = dict(_NAMED.values()) | {"float": _INFINITE}


def operation_json(node: Node) -> tuple[str, str]:
    """(kind, operation) of a node that calls a function.

    Raises:
        PackedFileError: a packed file cannot hold the operation.
    """
    name = operation_name(node)
    if isinstance(node.target, torch._ops.OpOverload) and name in _ALLOWED:
        return "aten", str(node.target).removeprefix("aten.")
    for python, function in _PYTHON.items():
        if node.target is function:
            return "python", python
    rule = "a packed file holds operations that filterfront knows"
    raise PackedFileError(rule, f"{name} at {node.name}", "build the network without it, or use the weights file")


def operation_of(kind: str, text: str) -> Callable[..., Any]:
    """The function that `operation_json` named.

    Raises:
        PackedFileError: there is none in the tables.
    """
    if kind == "python" and text in _PYTHON:
        return _PYTHON[text]
    name, _, overload = text.partition(".")
    if kind == "aten" and name.rstrip("_") in _ALLOWED:
        packet = getattr(torch.ops.aten, name, None)
        if packet is not None and overload in packet.overloads():
            found: Callable[..., Any] = getattr(packet, overload)
            return found
    raise PackedFileError("a packed file holds operations that filterfront knows", f"{kind} {text}", "export it again")


def encode(value: Any, places: Mapping[Node, int]) -> Any:
    """An argument as plain data.

    Raises:
        PackedFileError: it is of a kind that a packed file cannot hold.
    """
    if isinstance(value, Node):
        return {"node": places[value]}
    if isinstance(value, (list, tuple)):
        return [encode(item, places) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    kind, names = _NAMED.get(type(value), ("", {}))
    for name, known in names.items():
        if value == known:
            return {kind: name}
    raise PackedFileError("a packed file holds plain arguments", repr(value), "build the network without it")


def decode(value: Any, nodes: list[Node]) -> Any:
    """The inverse of `encode`.

    Raises:
        PackedFileError: it is none.
    """
    if isinstance(value, list):
        return [decode(item, nodes) for item in value]
    if not isinstance(value, dict):
        return value
    (kind, name), *more = value.items()
    if not more and kind == "node":
        return node_at(name, nodes)
    if more or name not in _KINDS.get(kind, ()):
        raise PackedFileError("a packed file holds plain arguments", str(value), "export it again")
    return _KINDS[kind][name]


def node_at(place: Any, nodes: list[Node]) -> Node:
    """The node at a place of the list, which has to come before.

    Raises:
        PackedFileError: there is none.
    """
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(nodes):
        raise PackedFileError("a node reads nodes before it", str(place), "export it again")
    return nodes[place]
