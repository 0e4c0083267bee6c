"""From an exported graph to a NetworkSpec: every step counted as a layer, free with its reason, or unknown."""

import math
from collections import Counter
from dataclasses import replace

import torch

from costmodels.network import COUNTED, FREE, UNKNOWN, LayerSpec, NetworkSpec, Operation, TensorSpec
from explorer.networks.layer_nodes import (
    arguments,
    dimensions,
    is_layer,
    layer_shape,
    module_path,
    operation_name,
    weight_of,
)
from explorer.networks.operations import FUSED, VIEW, WRITES, OperationRule, rule_of

__all__ = ["GraphReader"]

_LAYER = OperationRule(COUNTED, "", WRITES)
_FOLDED = OperationRule(FREE, "batch normalization that folds into the layer before it, no MAC", FUSED)


class GraphReader:
    """Reads the nodes of a graph in execution order.

    Args:
        graph: the exported graph, parameters and buffers as ``get_attr`` nodes.
        batch: the number of images that it was traced with.

    Raises:
        NetworkError: a convolution's input has no batch dimension.
    """

    def __init__(self, graph: torch.fx.Graph, batch: int) -> None:
        self._batch = batch
        self._layers: dict[str, LayerSpec] = {}
        self._operations: list[Operation] = []
        self._tensors: dict[torch.fx.Node, TensorSpec] = {}
        self._rules: dict[torch.fx.Node, OperationRule] = {}
        self._layer_of: dict[torch.fx.Node, str] = {}
        self._normalizations: dict[str, object] = {}
        self._stored: set[torch.fx.Node] = set()  # known before inference: depends on parameters and buffers alone
        self._names: Counter[str] = Counter()
        self._inputs: list[str] = []
        self._outputs: list[str] = []
        for node in graph.nodes:
            self._read(node)

    def spec(self, name: str) -> NetworkSpec:
        """The network as read, under that name."""
        return NetworkSpec(
            name=name,
            layers=tuple(self._layers.values()),
            tensors=tuple(dict.fromkeys(self._tensors.values())),
            operations=tuple(self._operations),
            inputs=tuple(self._inputs),
            outputs=tuple(self._outputs),
        )

    def values(self) -> dict[str, str]:
        """Node name -> tensor name, for every node that materialises an activation.

        Views have no values of their own, and neither has a step whose only reader is fused into it.
        """
        return {node.name: self._tensors[node].name for node in self._tensors if self._materialises(node)}

    def _materialises(self, node: torch.fx.Node) -> bool:
        value = node.meta["val"]
        if not isinstance(value, torch.Tensor) or not value.is_floating_point():
            return False
        if node.op == "placeholder":
            return True
        if node not in self._rules or self._rules[node].effect == VIEW:
            return False
        readers = list(node.users)
        return len(readers) != 1 or readers[0] not in self._rules or self._rules[readers[0]].effect != FUSED

    def _read(self, node: torch.fx.Node) -> None:
        sources = node.all_input_nodes
        if node.op == "output":
            self._outputs = [self._tensors[source].name for source in sources if source in self._tensors]
        elif node.op == "get_attr" or (sources and self._stored.issuperset(sources)):
            self._stored.add(node)
        elif (elements := self._elements(node)) is None:
            return
        elif self._is_partial_slice(node, elements):
            self._tensors[node] = self._tensors[sources[0]]
        elif node.op == "placeholder":
            self._tensors[node] = TensorSpec(self._unique(node.name), elements)
            self._inputs.append(self._tensors[node].name)
        else:
            self._read_operation(node, elements)

    def _elements(self, node: torch.fx.Node) -> int | None:
        """Elements of one image in what a node computes, all parts together; None where it computes no tensor."""
        value = node.meta.get("val")
        parts = value if isinstance(value, (tuple, list)) else [value]
        tensors = [part for part in parts if isinstance(part, torch.Tensor)]
        return sum(math.prod(dimensions(tensor, self._batch)) for tensor in tensors) if tensors else None

    def _is_partial_slice(self, node: torch.fx.Node, elements: int) -> bool:
        """A slice that takes everything, or that the next slice continues: all dimensions are sliced in one copy."""
        if operation_name(node) != "slice":
            return False
        followed = [operation_name(reader) for reader in node.users] == ["slice"]
        return followed or elements == self._elements(node.all_input_nodes[0])

    def _read_operation(self, node: torch.fx.Node, elements: int) -> None:
        kind = operation_name(node)
        layer, rule = self._read_layer(node)
        name = self._unique(layer or module_path(node))
        self._rules[node] = rule
        reads = dict.fromkeys(self._tensors[source].name for source in node.all_input_nodes if source in self._tensors)
        self._tensors[node] = TensorSpec(name, elements)
        self._operations.append(
            Operation(name, kind, tuple(reads), name, rule.status, rule.reason, layer, reuses=rule.effect != WRITES)
        )

    def _read_layer(self, node: torch.fx.Node) -> tuple[str | None, OperationRule]:
        """The name of a node's layer, None for another operation; and the rule that holds for the node."""
        weight = weight_of(node)
        if weight is None or not is_layer(node, weight.meta["val"].shape):
            return None, self._other_rule(node)
        if weight.op != "get_attr":
            return None, _unknown("the weights of this layer are computed in the graph, not stored as a parameter")
        given = arguments(node)
        shape, runs = layer_shape(
            node, dimensions(given["input"].meta["val"], self._batch), tuple(weight.meta["val"].shape)
        )
        parameter = str(weight.target)
        name = parameter.removesuffix(".weight")
        known = self._layers.get(name)
        if known is None:
            known = LayerSpec(name, shape, parameter, bias=given["bias"] is not None, calls=0)
        elif known.shape != shape:
            return None, _unknown(f"layer {name} runs again with another shape, {shape}; counted as {known.shape} only")
        self._layers[name] = replace(known, calls=known.calls + runs)
        self._layer_of[node] = name
        return name, _LAYER

    def _other_rule(self, node: torch.fx.Node) -> OperationRule:
        """The rule of a node that is no layer."""
        if operation_name(node) == "batch_norm" and self._folds(node):
            return _FOLDED
        rule = rule_of(operation_name(node))
        stored = [source.name for source in node.all_input_nodes if source in self._stored and _size(source) > 1]
        if rule.status == FREE and stored:
            return _unknown(f"{operation_name(node)} reads stored values that are counted nowhere")
        return rule

    def _folds(self, node: torch.fx.Node) -> bool:
        """Whether a batch normalization folds into the layer that it follows directly and alone; notes it there."""
        given = arguments(node)
        source = given["input"]
        name = self._layer_of.get(source)
        if name is None or given["training"] or len(source.users) > 1:
            return False
        if operation_name(source) == "linear" and source.meta["val"].ndim != 2:
            return False
        if self._normalizations.setdefault(name, given["running_mean"]) is not given["running_mean"]:
            return False
        self._layers[name] = replace(self._layers[name], normalization=True)
        return True

    def _unique(self, name: str) -> str:
        """The name, with ``#2`` and so on where it was given before."""
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}#{self._names[name]}"


def _unknown(reason: str) -> OperationRule:
    return OperationRule(UNKNOWN, reason, WRITES)


def _size(node: torch.fx.Node) -> int:
    """Values in a stored tensor."""
    value = node.meta.get("val")
    return int(value.numel()) if isinstance(value, torch.Tensor) else 0
