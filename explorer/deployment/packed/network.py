"""A network that runs from packed layers: the traced graph, a kernel in place of every convolution and linear layer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node

from costmodels.bias_values import round_biases
from costmodels.kernels.engine.windows import one_blas_thread
from costmodels.kernels.packing import PackedLayer, pack_layer
from costmodels.layer_spec import LayerCall
from costmodels.units import format_bytes
from explorer.data.pixels import Normalization, normalised
from explorer.deployment.packed.levels import Levels
from explorer.deployment.packed.normalizations import (
    normalization_affine,
    scale_and_shift_normalizations,
    stored_values,
)
from explorer.deployment.packed.step import Affine, PackedStep
from explorer.forms.fitting import FittedLayer
from explorer.measurement.activation_ranges import ActivationRanges, fake_quantize
from explorer.measurement.quantized_graph import quantized_graph
from explorer.measurement.rounded_nodes import keeps_levels
from explorer.networks.layer_nodes import arguments, operation_name, value_readers, weight_of
from explorer.networks.trace import TracedNetwork
from explorer.system.errors import NetworkError

__all__ = ["PackedNetwork", "levels_of_node", "pack_network"]

FLOATS = ActivationRanges(32, {})


@dataclass(frozen=True, eq=False, repr=False)
class PackedNetwork:
    """A network, ready to run.

    Args:
        name: of the network.
        graph: a module with the operations as its ``graph``, a `PackedStep` in place of each call of a layer.
        layers: layer name -> how it is stored. The weights of a layer are nowhere else.
        activation_bits: of rounded activations; 32 for none.
        inputs: the shape of one image of each input.
        batch: images that it takes at once; None where any will do.
        normalization: by which pixels become inputs; None where they are taken as they come.
    """

    name: str
    graph: nn.Module
    layers: Mapping[str, PackedLayer]
    activation_bits: int
    inputs: tuple[tuple[int, ...], ...]
    batch: int | None = None
    normalization: Normalization | None = None

    def __repr__(self) -> str:
        shapes = ", ".join(str((self.batch or "N", *shape)).replace("'", "") for shape in self.inputs)
        activations = "float" if self.activation_bits == FLOATS.bits else f"{self.activation_bits}-bit"
        size = format_bytes(sum(layer.payload_bytes for layer in self.layers.values()))
        return f"<Packed {self.name}: {len(self.layers)} layers in {size}, {activations} activations, takes {shapes}>"

    def __call__(self, *inputs: Tensor) -> Any:
        """What the module returns for inputs (N, ...): a tensor, or several in a tuple, in the module's order.

        Pixels, as bytes, are normalized first where the file says how. Operations that are no layers run in torch, on
        as many threads as torch is set to.

        Raises:
            NetworkError: the inputs have other shapes than those of the network.
            KernelError: activations are not finite, or do not fit a layer.
        """
        batches = {len(tensor) for tensor in inputs if tensor.ndim}
        if tuple(tuple(tensor.shape[1:]) for tensor in inputs) != self.inputs or len(batches) != 1:
            expected = ", ".join(str((self.batch or "N", *shape)) for shape in self.inputs).replace("'", "")
            found = ", ".join(str(tuple(tensor.shape)) for tensor in inputs)
            raise NetworkError(f"{self.name} takes {expected}", found or "nothing", "give images of this shape")
        if self.batch not in (None, *batches):
            raise NetworkError(f"{self.name} takes {self.batch} images at once", batches.pop(), "give so many")
        with torch.inference_mode(), one_blas_thread():  # once for all layers: setting it takes as long as a small one
            return self.graph(*map(self.normalized, inputs))

    def normalized(self, images: Tensor) -> Tensor:
        """Pixels as the file's normalization makes inputs of them; anything else as it is.

        Args:
            images: (N, ...) of an input.
        """
        if self.normalization is None or images.dtype != torch.uint8:
            return images
        return torch.from_numpy(normalised(images.numpy(force=True), *self.normalization))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The operations in the order in which they run."""
        graph = self.graph.graph
        assert isinstance(graph, Graph)  # noqa: S101
        return tuple(graph.nodes)

    @property
    def steps(self) -> dict[str, PackedStep]:
        """The steps by name, in the order in which they run."""
        modules = dict(self.graph.named_modules())
        called = [str(node.target) for node in self.nodes if node.op == "call_module"]
        return {name: step for name in called if isinstance(step := modules[name], PackedStep)}


def pack_network(
    traced: TracedNetwork,
    layers: Mapping[str, PackedLayer | FittedLayer],
    ranges: ActivationRanges = FLOATS,
    executions: Mapping[str, str] | None = None,
    threads: int = 1,
) -> PackedNetwork:
    """A traced network with packed layers in place of its own.

    It computes what `explorer.measurement.activation_ranges.quantized_graph` computes with the weights that the layers
    stand for: the input of a layer that is rounded to levels goes to its kernel as these levels.

    Args:
        traced: the network; it is not changed.
        layers: layer name -> its compressed form, for every layer.
        ranges: of rounded activations, from `explorer.measurement.activation_ranges`; none by default.
        executions: layer name -> one of its scheme's executions; the cheapest for those that are not named.
        threads: that compute the output of a layer for one image.

    Raises:
        NetworkError: a layer is missing, unknown or of another shape.
        KernelError: a packed layer is damaged, or its scheme has no such execution.
    """
    packed = {name: _packed(layer) for name, layer in layers.items()}
    _check(traced, packed, executions or {})
    names = {layer.weight: layer.name for layer in traced.spec.layers}
    graph = quantized_graph(traced, ranges)
    calls = [traced.calls[node.name] for node, _ in _layer_nodes(traced.graph, names)]
    for count, ((node, name), call) in enumerate(zip(list(_layer_nodes(graph, names)), calls, strict=True)):
        follows, end = _follows(graph, node, call, traced.spec.layer(name).bias_bits)
        step = PackedStep(
            replace(packed[name], shape=call.shape),
            levels_of_node(arguments(node)["input"]),
            follows,
            (executions or {}).get(name),
            threads,
            linear=operation_name(node) == "linear",
            name=name,
        )
        _replace(graph, node, end, f"packed_{count}", step)
    scale_and_shift_normalizations(graph)
    inputs = _input_shapes(traced)
    return PackedNetwork(traced.spec.name, _without_unused(graph), packed, ranges.bits, inputs, traced.fixed_batch)


def _input_shapes(traced: TracedNetwork) -> tuple[tuple[int, ...], ...]:
    """The shape of one image of each input."""
    placeholders = [node for node in traced.graph.graph.nodes if node.op == "placeholder"]
    return tuple(tuple(int(size) for size in node.meta["val"].shape[1:]) for node in placeholders)


def _packed(layer: PackedLayer | FittedLayer) -> PackedLayer:
    return layer if isinstance(layer, PackedLayer) else pack_layer(layer.shape, layer.scheme, layer.arrays)


def _check(traced: TracedNetwork, packed: Mapping[str, PackedLayer], executions: Mapping[str, str]) -> None:
    """Refuses layers that are not the network's."""
    known = [layer.name for layer in traced.spec.layers]
    for wrong, rule in (
        (sorted({*packed, *executions} - {*known}), f"packed layers are layers of {traced.spec.name}"),
        ([name for name in known if name not in packed], f"every layer of {traced.spec.name} is packed"),
    ):
        if wrong:
            raise NetworkError(rule, ", ".join(wrong), f"pack {', '.join(known)}")
    for layer in traced.spec.layers:
        if packed[layer.name].shape != layer.shape:
            raise NetworkError(f"{layer.name} is {layer.shape}", str(packed[layer.name].shape), "pack the layer again")


def _layer_nodes(graph: GraphModule, names: Mapping[str, str]) -> Iterator[tuple[Node, str]]:
    """The nodes that call a layer, and its name."""
    for node in graph.graph.nodes:
        weight = weight_of(node) if node.op == "call_function" else None
        if weight is not None and str(weight.target) in names:
            yield node, names[str(weight.target)]


def levels_of_node(node: Node) -> Levels | None:
    """The levels that a node's values are rounded to: by itself, or by what it takes them from as they are."""
    while node.target is not fake_quantize:
        if not keeps_levels(node) or len(node.all_input_nodes) != 1:
            return None
        (node,) = node.all_input_nodes
    _, scale, zero_point, bits = node.args
    return Levels(scale, zero_point, bits)  # type: ignore[arg-type]


def _follows(graph: GraphModule, node: Node, call: LayerCall, bias_bits: int) -> tuple[Affine, Node]:
    """A call's bias and the normalization that folds into it, as they are stored; and the last node of these."""
    bias, end, origin = arguments(node)["bias"], node, (call.bias, call.normalization)
    outputs = call.shape.out_channels
    factors, shifts = np.ones(outputs), np.zeros(outputs) if bias is None else stored_values(graph, bias)
    if call.normalization:
        (end,) = value_readers(node)
        normalization = normalization_affine(graph, end, shifts)
        factors, shifts = normalization.factors, normalization.shifts
    return Affine(factors, round_biases(shifts, bias_bits) if bias_bits < FLOATS.bits else shifts, origin), end


def _replace(graph: GraphModule, node: Node, end: Node, name: str, step: PackedStep) -> None:
    """Puts a step in place of the nodes from ``node`` to ``end``."""
    graph.add_submodule(name, step)
    with graph.graph.inserting_before(node):
        made = graph.graph.call_module(name, (arguments(node)["input"],))
    end.replace_all_uses_with(made)
    if end is not node:
        graph.graph.erase_node(end)
        node.replace_all_uses_with(made)  # what reads its size alone
    graph.graph.erase_node(node)


def _without_unused(graph: GraphModule) -> GraphModule:
    """The graph without stored tensors that nothing reads, such as the layers' own weights."""
    for node in list(graph.graph.nodes):
        if node.op == "get_attr" and not node.users:
            graph.graph.erase_node(node)
    return GraphModule(graph, graph.graph)
