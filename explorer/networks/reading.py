"""From an exported graph to a NetworkSpec: every step is counted, free with its reason, or unknown."""

from collections import Counter
from typing import Literal

import torch

from costmodels.layer_spec import LayerCall
from costmodels.network import NetworkSpec
from costmodels.operation import COUNTED, FIXED, FREE, UNKNOWN, Operation, TensorSpec
from costmodels.printable import printable
from explorer.networks.called_layers import CalledLayers
from explorer.networks.fixed_operations import FIXED_OPERATIONS, fixed_macs, operands_of
from explorer.networks.layer_nodes import (
    NORMALIZATION_VALUES,
    arguments,
    is_layer,
    is_zero_padding,
    module_path,
    normalization_name,
    operation_name,
    spread_steps,
    value_readers,
    weight_of,
)
from explorer.networks.operations import FUSED, OVERWRITES, VALUES_READ, VIEW, WRITES, OperationRule, rule_of
from explorer.networks.sizes import ImageSizes
from explorer.networks.step_work import step_operations
from explorer.networks.stored import StoredValues
from explorer.networks.torch_counts import torch_macs

__all__ = ["GraphReader", "Padding"]

Padding = Literal["inside", "tensor"]
"""How zeros that the network adds before a convolution are counted: ``inside`` the convolution, which adds them while
it reads, or with the values between them as a ``tensor`` of its own."""

_PADDING_LAYERS = frozenset({"conv1d", "conv2d", "conv3d"})
_LAYER = OperationRule(COUNTED, "", WRITES)
_FOLDED = OperationRule(FREE, "batch normalization that folds into the layer before it, no MAC", FUSED)
_SCALED = OperationRule(FREE, "batch normalization as a scale and a shift of each channel, which are stored", FUSED)
_PADDED = OperationRule(FREE, "zeros that the convolution adds while it reads", VIEW)


class GraphReader:
    """Reads the nodes of a graph in execution order.

    Args:
        graph: the exported graph, parameters and buffers as ``get_attr`` nodes.
        sizes: of its values.
        padding: see `Padding`.

    Raises:
        NetworkError: a convolution's input has no batch dimension.
    """

    def __init__(self, graph: torch.fx.Graph, sizes: ImageSizes, padding: Padding = "inside") -> None:
        self._sizes, self._padding = sizes, padding
        self._layers = CalledLayers(sizes)
        self._operations: list[Operation] = []
        self._tensors: dict[torch.fx.Node, TensorSpec] = {}
        self._rules: dict[torch.fx.Node, OperationRule] = {}
        self._stored = StoredValues()
        self._names: Counter[str] = Counter()
        weights = [weight_of(node) for node in graph.nodes]
        self._layer_paths = {str(weight.target).removesuffix(".weight") for weight in weights if weight is not None}
        self._inputs: list[str] = []
        self._outputs: list[str] = []
        self._spread = {step for node in graph.nodes for step in spread_steps(node)[1:]}
        for node in graph.nodes:
            self._read(node)

    def spec(self, name: str) -> NetworkSpec:
        """The network as read, under that name."""
        return NetworkSpec(
            name=name,
            layers=self._layers.specs,
            tensors=tuple(dict.fromkeys(self._tensors.values())),
            operations=tuple(self._operations),
            inputs=tuple(self._inputs),
            outputs=tuple(self._outputs),
            constants=self._stored.constants,
            given=tuple(self._inputs),
        )

    def values(self) -> dict[str, str]:
        """Node name -> tensor name, for every node that materialises an activation.

        Views have no values of their own, and neither has a step whose only reader is fused into it.
        """
        return {node.name: self._tensors[node].name for node in self._tensors if self._materialises(node)}

    def calls(self) -> dict[str, LayerCall]:
        """Node name -> call, for every node that runs a layer."""
        return self._layers.by_node

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
        sources, kind = node.all_input_nodes, operation_name(node)
        if node.op == "output":
            self._outputs = [self._tensors[source].name for source in sources if source in self._tensors]
            self._stored.count(self._stored.known(sources))
        elif node.op == "get_attr" or self._is_known_before(node, kind):
            self._stored.learn(node)
        elif not self._sizes.of(node):
            return
        elif self._is_partial_slice(node):
            self._tensors[node] = self._tensors[sources[0]]
        elif node.op == "placeholder":
            self._tensors[node] = TensorSpec(self._unique(str(node.target)), self._sizes.elements(node))
            self._inputs.append(self._tensors[node].name)
        else:
            self._read_operation(node, kind)

    def _is_known_before(self, node: torch.fx.Node, kind: str) -> bool:
        """Whether a step computes from parameters and buffers alone what inference need not compute again; a layer that
        does is run as it is written."""
        sources = node.all_input_nodes
        return bool(sources) and kind not in ("linear", *FIXED_OPERATIONS) and all(map(self._stored.is_known, sources))

    def _is_partial_slice(self, node: torch.fx.Node) -> bool:
        """A slice that takes everything, or that the next slice continues: all dimensions are sliced in one copy."""
        if operation_name(node) != "slice" or node.all_input_nodes[0] not in self._tensors:
            return False
        followed = [operation_name(reader) for reader in node.users] == ["slice"]
        return followed or self._sizes.elements(node) == self._sizes.elements(node.all_input_nodes[0])

    def _read_operation(self, node: torch.fx.Node, kind: str) -> None:
        weight = weight_of(node)
        layer, macs = None, 0
        weights: tuple[str, ...] = ()
        if weight is not None and weight.op == "get_attr" and is_layer(node, weight.meta["val"].shape):
            layer, rule = self._layers.read(node, weight), _LAYER
            self._stored.count(self._stored.known([arguments(node)["input"]]))
        elif kind in FIXED_OPERATIONS:
            macs, (rule, weights) = fixed_macs(node, self._sizes), self._read_fixed(node)
        else:
            rule = self._other_rule(node, kind)
            if rule.status == UNKNOWN:
                macs, rule, weights = self._read_unknown(node, rule)
        path = module_path(node)
        is_beside = path in self._layer_paths and rule.status == FREE
        is_made_within = not node.all_input_nodes and path != node.name  # such as the first state of a recurrent layer
        name = self._unique(layer or (f"{path}.{kind}" if is_beside or is_made_within else path))
        self._rules[node] = rule
        reads = dict.fromkeys(self._tensors[source].name for source in self._read_by(node, kind))
        self._tensors[node] = TensorSpec(name, self._sizes.elements(node))
        views = rule.effect == VIEW and bool(reads) and not self._is_copied(node, kind)
        self._operations.append(
            Operation(
                name,
                kind,
                tuple(reads),
                name,
                rule.status,
                rule.reason,
                layer,
                reuses=rule.effect != WRITES,
                views=views,
                macs=macs,
                weights=weights,
                operations=step_operations(node, rule, self._sizes) if rule.status == FREE and rule != _FOLDED else 0,
            )
        )

    def _read_by(self, node: torch.fx.Node, kind: str) -> list[torch.fx.Node]:
        """The activations whose values a step reads."""
        sources = [source for source in node.all_input_nodes if source in self._tensors]
        return sources[: VALUES_READ.get(kind)]

    def _is_copied(self, node: torch.fx.Node, kind: str) -> bool:
        """Whether a view has more values than its source, and readers that do not repeat these by themselves."""
        grows = self._sizes.elements(node) > self._sizes.elements(node.all_input_nodes[0])
        if kind not in ("expand", "expand_as") or not grows:
            return False
        effects = {rule_of(operation_name(reader)).effect for reader in value_readers(node)}
        return not effects <= {OVERWRITES, FUSED}

    def _read_fixed(self, node: torch.fx.Node) -> tuple[OperationRule, tuple[str, ...]]:
        """The rule of a step with MAC that is no layer, and the names of its weights."""
        _, weight = operands_of(node)
        kind = operation_name(node)
        others = [one for one in node.all_input_nodes if one is not weight]
        self._stored.count(self._stored.known(others))
        weights = self._stored.count([weight], is_weight=True) if self._stored.is_known(weight) else ()
        if not weights:
            reason = "a product of activations, which has MAC and no weights"
        elif kind in ("linear", "conv1d", "conv2d") and weight.op != "get_attr":
            reason = "its weights are computed in the graph, not stored as a parameter (see remove_parametrizations)"
        else:
            reason = "an operation that has no compressed form yet"
        counted = "its MAC are counted" + (", and its weights as 32-bit floats" if weights else "")
        return OperationRule(FIXED, f"{reason}: {counted}", WRITES), weights

    def _read_unknown(self, node: torch.fx.Node, rule: OperationRule) -> tuple[int, OperationRule, tuple[str, ...]]:
        """The MAC of a step that no table has, as torch counts those of its parts; its rule; and what it reads."""
        known = self._stored.known(node.all_input_nodes)
        macs = torch_macs(node, self._sizes)
        if not macs:
            return 0, rule, self._stored.count(known)
        matrices = [one for one in known if one.meta["val"].ndim > 1]
        weights = self._stored.count(matrices, is_weight=True)
        counted = ", and its weights as 32-bit floats" if weights else ""
        reason = f"no compressed form yet: its MAC are those of the products that it is made of{counted}"
        return macs, OperationRule(FIXED, reason, WRITES), weights

    def _other_rule(self, node: torch.fx.Node, kind: str) -> OperationRule:
        """The rule of a node that has no weights."""
        if self._layers.folds(node):
            return _FOLDED
        if kind == "batch_norm" and not arguments(node)["training"] and self._is_stored(node):
            self._stored.count_scale_and_shift(normalization_name(node), self._sizes.of(node)[0][1])
            return _SCALED
        self._stored.count(self._stored.known(node.all_input_nodes))
        if node in self._spread or (
            self._padding == "inside" and is_zero_padding(node) and self._pads_convolutions(node)
        ):
            return _PADDED
        return rule_of(kind)

    def _is_stored(self, normalization: torch.fx.Node) -> bool:
        """Whether all that a batch normalization reads but its input is known before inference."""
        given = arguments(normalization)
        values = [given[name] for name in NORMALIZATION_VALUES]
        return None not in values[:2] and all(value is None or self._stored.is_known(value) for value in values)

    def _pads_convolutions(self, node: torch.fx.Node) -> bool:
        """Whether convolutions alone read the padded values."""
        readers = value_readers(node)
        return bool(readers) and all(
            operation_name(reader) in _PADDING_LAYERS and arguments(reader)["input"] is node for reader in readers
        )

    def _unique(self, name: str) -> str:
        """The name in printable text, with ``#2`` and so on where it was given before."""
        name = printable(name)
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}#{self._names[name]}"
