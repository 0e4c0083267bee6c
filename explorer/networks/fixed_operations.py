"""Multiply-accumulates of operations that have no compressed form.

They are transposed and three-dimensional convolutions, layers whose weights are computed, and matrix products.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch.fx import Node

from explorer.networks.layer_nodes import arguments, operation_name
from explorer.networks.sizes import ImageSizes

__all__ = ["FIXED_OPERATIONS", "fixed_macs", "operands_of"]

_CONVOLUTIONS = ("conv1d", "conv2d", "conv3d", "convolution")
_TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
_PRODUCTS = {"matmul": ("self", "other"), "mm": ("self", "mat2"), "bmm": ("self", "mat2"), "addmm": ("mat1", "mat2")}
_PRODUCTS |= {"baddbmm": ("batch1", "batch2"), "mv": ("self", "vec"), "dot": ("self", "tensor")}
_ATTENTION = "scaled_dot_product_attention"


def operands_of(node: Node) -> tuple[Node, Node]:
    """The input of an operation of `FIXED_OPERATIONS`, and what takes the place of its weights."""
    given, kind = arguments(node), operation_name(node)
    if kind == _ATTENTION:
        return given["query"], given["key"]
    first, second = _PRODUCTS.get(kind, ("input", "weight"))
    return given[first], given[second]


def fixed_macs(node: Node, sizes: ImageSizes) -> int:
    """Multiply-accumulates for one image.

    A convolution or linear layer takes the weights of one output at every output; a transposed convolution the weights
    of one input channel at every input; a product of matrices the length of a row at every output; attention two
    products, of queries with keys and of their weights with values.

    Args:
        node: of one of `FIXED_OPERATIONS`.
        sizes: of its graph.
    """
    return _COUNTS[operation_name(node)](node, sizes)


def _convolution(node: Node, sizes: ImageSizes) -> int:
    source, weight = operands_of(node)
    size = sizes.of(weight)[0]
    # Weights are (n, c/g, ...), transposed ones (c, n/g, ...).
    transposed = operation_name(node) in _TRANSPOSED or bool(arguments(node).get("transposed"))
    return sizes.elements(source if transposed else node) * math.prod(size[1:])


def _product(node: Node, sizes: ImageSizes) -> int:
    source, _ = operands_of(node)
    return sizes.elements(node) * sizes.of(source)[0][-1]


def _attention(node: Node, sizes: ImageSizes) -> int:
    given = arguments(node)
    (*rows, length), (*_, keys, _) = sizes.of(given["query"])[0], sizes.of(given["key"])[0]
    return math.prod(rows) * keys * (length + sizes.of(given["value"])[0][-1])


_COUNTS: Mapping[str, Callable[[Node, ImageSizes], int]] = MappingProxyType(
    dict.fromkeys((*_CONVOLUTIONS, *_TRANSPOSED, "linear"), _convolution)
    | dict.fromkeys(_PRODUCTS, _product)
    | {_ATTENTION: _attention}
)
FIXED_OPERATIONS = frozenset(_COUNTS)
"""ATen operations with multiply-accumulates that are counted where they are no layer with compressed forms."""
