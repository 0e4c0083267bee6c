"""Biases of few bits in a network: which layers can have them, and the values that a network computes with then.

A layer stores its bias or, where a batch normalization folds into it, the shift beta + gamma (b - mean) / sigma that
this leaves. What is rounded is what is stored. In the network a rounded bias takes the bias' place; a rounded shift is
brought about by beta: what rounding adds to the shift is added to beta.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import attrgetter

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import Node

from costmodels.bias_values import round_biases
from costmodels.conventions import FLOAT_BITS
from costmodels.layer_spec import LayerCall
from explorer.networks.layer_nodes import arguments, value_readers, weight_of
from explorer.networks.normalization_values import factors_and_shifts
from explorer.networks.trace import TracedNetwork

__all__ = ["rounded_biases", "with_bias_bits"]


def with_bias_bits(traced: TracedNetwork, bits: int) -> TracedNetwork:
    """The same network whose layers store biases in so many bits, where they can.

    With fewer than 32, a layer keeps 32 whose bias or normalization is computed, or has no parameter that a rounded
    value could be put into: a normalization without a bias, or one whose bias calls of other shifts share.

    Args:
        traced: the network; it is not changed.
        bits: 32 or 16.

    Raises:
        CostModelError: there are no biases of so many bits.
    """
    layers = None if bits == FLOAT_BITS else _roundable(traced)
    return replace(traced, spec=traced.spec.with_bias_bits(bits, layers))


def rounded_biases(traced: TracedNetwork, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The biases that a network has when those of its layers with few bits are rounded.

    Args:
        traced: the network, from `with_bias_bits`.
        values: tensors by name, used in place of those that the graph holds.

    Returns:
        By the name of the parameter, in its type; empty where all layers have 32 bits. Of a layer whose values are not
        finite they are left out.
    """
    bits = {layer.weight: layer.bias_bits for layer in traced.spec.layers}
    found: dict[str, Tensor] = {}

    def tensor_of(node: Node) -> Tensor:
        name = str(node.target)
        tensor = found[name] if name in found else values.get(name)
        return attrgetter(name)(traced.graph).detach() if tensor is None else tensor

    def read(node: Node) -> np.ndarray:
        array: np.ndarray = tensor_of(node).detach().cpu().double().numpy()
        return array

    calls = [(node, call) for node, call in _calls(traced) if bits[str(_weight(node).target)] < FLOAT_BITS]
    for node, call in sorted(calls, key=lambda item: bool(item[1].normalization)):  # which read rounded biases
        taker = _taker(node, call)
        if taker is None:
            continue
        bias = arguments(node)["bias"]
        stored = read(bias) if bias is not None else np.zeros(call.shape.out_channels)
        if call.normalization:
            (normalization,) = value_readers(node)
            _, stored = factors_and_shifts(normalization, read, stored)
        own = tensor_of(taker)
        with np.errstate(over="ignore"):
            is_finite = np.isfinite(stored.astype(np.float32)).all()
        if is_finite:
            rounded = read(taker) + (round_biases(stored, bits[str(_weight(node).target)]) - stored)
            found[str(taker.target)] = torch.from_numpy(rounded).to(own)
    return found


def _roundable(traced: TracedNetwork) -> frozenset[str]:
    """The names of the layers all of whose stored biases and shifts can be rounded."""
    names = {layer.weight: layer.name for layer in traced.spec.layers}
    users: dict[str, dict[tuple[str, str], set[str]]] = {}
    refused = set()
    for node, call in _calls(traced):
        layer, taker = names[str(_weight(node).target)], _taker(node, call)
        if taker is not None and _is_parameter(traced.graph, taker):
            origins = users.setdefault(str(taker.target), {})
            origins.setdefault((call.bias, call.normalization), set()).add(layer)
        elif call.bias or call.normalization:
            refused.add(layer)
    for origins in users.values():
        if len(origins) > 1:
            refused.update(*origins.values())
    return frozenset(names.values()) - refused


def _calls(traced: TracedNetwork) -> Iterator[tuple[Node, LayerCall]]:
    """The nodes that run a layer of the description, and what belongs to each."""
    for node in traced.graph.graph.nodes:
        if node.name in traced.calls:
            yield node, traced.calls[node.name]


def _weight(node: Node) -> Node:
    weight = weight_of(node)
    assert weight is not None  # noqa: S101 (of a layer's call)
    return weight


def _taker(node: Node, call: LayerCall) -> Node | None:
    """The node of the parameter that a rounded value of a call is put into; None where there is none."""
    if call.normalization:
        (normalization,) = value_readers(node)
        taker = arguments(normalization)["bias"]
    else:
        taker = arguments(node)["bias"]
    return taker if isinstance(taker, Node) and taker.op == "get_attr" else None


def _is_parameter(graph: nn.Module, node: Node) -> bool:
    return isinstance(attrgetter(str(node.target))(graph), nn.Parameter)
