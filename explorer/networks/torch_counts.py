"""Multiply-accumulates of operations that have no formula here, as torch counts those of their parts."""

from typing import Any

import torch
from torch import Tensor
from torch.fx import Node
from torch.fx.node import map_arg
from torch.utils.flop_counter import FlopCounterMode

from explorer.networks.sizes import ImageSizes

__all__ = ["torch_macs"]


def torch_macs(node: Node, sizes: ImageSizes) -> int:
    """Multiply-accumulates for one image of the matrix products and convolutions that an operation is made of.

    The operation is run on tensors without values, and torch's FlopCounterMode counts what it calls: a recurrent layer
    calls a product at every step, Einstein's notation is products. An operation that calls none that it knows, or that
    does not run without values, has 0.

    Args:
        node: calls a function.
        sizes: of its graph.
    """

    def without_values(source: Node) -> Any:
        value = source.meta.get("val")
        if not isinstance(value, Tensor):
            return sizes.number(source)
        return torch.empty(sizes.of(source)[0], dtype=value.dtype, device="meta")

    try:
        arguments, named = map_arg((node.args, node.kwargs), without_values)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            node.target(*arguments, **named)  # type: ignore[operator]
    except (RuntimeError, TypeError, NotImplementedError, ValueError):
        return 0
    return int(counter.get_total_flops()) // 2
