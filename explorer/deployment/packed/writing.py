"""From a packed network to the content of a packed file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from torch.fx import Node
from torch.utils import _pytree as pytree

from costmodels.bias_values import bias_bytes
from costmodels.conventions import FLOAT_BITS
from costmodels.kernels.packing import PackedLayer
from costmodels.layout.bitstream import BitStream
from costmodels.network import NetworkSpec
from costmodels.schemes.base import Scheme
from explorer.data.pixels import Normalization
from explorer.deployment.packed.folding import folded
from explorer.deployment.packed.graph_json import encode, operation_json
from explorer.deployment.packed.manifest import shape_json
from explorer.deployment.packed.network import PackedNetwork
from explorer.deployment.packed.step import Affine, PackedStep
from explorer.measurement.activation_ranges import fake_quantize
from explorer.system.container import write_container
from explorer.system.errors import PackedFileError

__all__ = ["packed_content"]


def packed_content(
    network: PackedNetwork, spec: NetworkSpec, design: str = "", normalization: Normalization | None = None
) -> bytes:
    """The content of the packed file of a network.

    Args:
        network: ready to run.
        spec: what the cost models know of it.
        design: its id.
        normalization: by which pixels become its inputs; None where inputs come as they are.

    Raises:
        PackedFileError: it has an operation or argument that the format does not know, or returns what is no tensor.
    """
    writer = _Writer(network, spec)
    nodes = list(writer.nodes())
    facts = {
        "network": spec.name,
        "network_sha256": spec.digest(),
        "design": design,
        "activation_bits": network.activation_bits,
        "inputs": [list(shape) for shape in network.inputs],
        "batch": network.batch,
        "layers": {name: writer.layer_json(name) for name in writer.layers},
        "shared": writer.shared,
        "nodes": nodes,
        "normalization": normalization,
    }
    return write_container(writer.tensors, {key: value for key, value in facts.items() if value not in (None, {})})


@dataclass
class _Writer:
    """Gathers tensors by name while it goes through the layers and the nodes."""

    network: PackedNetwork
    spec: NetworkSpec
    tensors: dict[str, np.ndarray] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    layers: dict[str, PackedLayer] = field(default_factory=dict)
    _executions: dict[str, str] = field(default_factory=dict)
    _affines: dict[str, list[Affine]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for step in self.network.steps.values():
            self._executions[step.name] = step.layer.execution
            known = self._affines.setdefault(step.name, [])
            if step.follows.origin not in [affine.origin for affine in known]:
                known.append(step.follows)
        for name, packed in self.network.layers.items():
            self.layers[name] = self._folded(name, packed)

    def _folded(self, name: str, packed: PackedLayer) -> PackedLayer:
        """The layer, its one normalization's factor taken up by what it stores where that can be."""
        if len(self._affines[name]) == 1 and self.spec.layer(name).normalization:
            (affine,) = self._affines[name]
            taken = folded(packed, affine.factors)
            if taken is not None:
                self._affines[name] = [replace(affine, factors=np.ones_like(affine.factors))]
                return taken
        return packed

    def layer_json(self, name: str) -> dict[str, Any]:
        """The facts of a layer; its streams become tensors."""
        packed = self.layers[name]
        keys = _shared_keys(packed.scheme, packed)
        plain = {
            "shape": shape_json(packed.shape),
            "scheme": str(packed.scheme),
            "execution": self._executions[name],
            "streams": {part: self._add(f"{name}/{part}", stream) for part, stream in packed.streams.items()},
            "uncounted": {part: self._add(f"{name}/{part}", stream) for part, stream in packed.uncounted.items()},
            "shared": {part: self._share(keys[part], stream) for part, stream in packed.shared.items()},
        }
        return {key: value for key, value in plain.items() if value != {}}

    def _add(self, name: str, stream: BitStream) -> int:
        self.tensors[name] = stream.array()
        return stream.bits

    def _share(self, key: str, stream: BitStream) -> str:
        """Stores what layers share once.

        Raises:
            PackedFileError: they do not share the same.
        """
        data = stream.array()
        if not np.array_equal(self.tensors.setdefault(key, data), data):
            remedy = "fit the layers with one codebook"
            raise PackedFileError(f"layers that share the {key} have the same", "different ones", remedy)
        self.shared[key] = stream.bits
        return key

    def nodes(self) -> Iterator[list[Any]]:
        """The nodes of the graph as plain data, constants and what follows a layer added to the tensors."""
        places: dict[Node, int] = {}
        for node in self.network.nodes:
            if node.op == "output":
                yield self._output(node, places)
            elif not _is_check(node):
                places[node] = len(places)
                yield self._node(node, places)

    def _node(self, node: Node, places: Mapping[Node, int]) -> list[Any]:
        if node.op == "placeholder":
            return ["input"]
        if node.op == "get_attr":
            return ["constant", self._constant(str(node.target))]
        if node.op == "call_module":
            step = self.network.graph.get_submodule(str(node.target))
            assert isinstance(step, PackedStep)  # noqa: S101
            (source,) = node.all_input_nodes
            kind, layer = "linear" if step.linear else "layer", self.layers[step.name]
            other = [] if step.shape == layer.shape else [shape_json(step.shape)]
            return [kind, step.name, places[source], *self._follows(step), *other]
        if node.target is fake_quantize:
            (source,) = node.all_input_nodes
            return ["round", places[source], *node.args[1:]]
        keywords = {name: encode(value, places) for name, value in node.kwargs.items()}
        return [*operation_json(node), encode(node.args, places), keywords]

    def _follows(self, step: PackedStep) -> tuple[str | None, str | None]:
        """The names of the tensors of a step's shift and factor."""
        affines, (bias, normalization) = self._affines[step.name], step.follows.origin
        number = [affine.origin for affine in affines].index(step.follows.origin)
        affine, suffix = affines[number], "" if number == 0 else f" {number + 1}"
        shift = f"{step.name}/shift{suffix}" if bias or normalization else None
        one = len(affines) == 1
        is_stored = normalization and not (one and (affine.factors == 1).all() and self._takes(step.name))
        factor = f"{step.name}/factor{suffix}" if is_stored else None
        if shift is not None:
            is_narrow = self.spec.layer(step.name).bias_bits < FLOAT_BITS
            self.tensors[shift] = bias_bytes(affine.shifts) if is_narrow else affine.shifts.astype(np.float32)
        if factor is not None:
            self.tensors[factor] = affine.factors.astype(np.float32)
        return shift, factor

    def _takes(self, name: str) -> bool:
        return self.layers[name].scheme.takes_channel_scale

    def _constant(self, target: str) -> str:
        name = f"constant/{target}"
        values = attrgetter(target)(self.network.graph).detach().cpu()
        values = values.float() if values.is_floating_point() else values
        self.tensors[name] = np.ascontiguousarray(values.numpy())
        return name

    def _output(self, node: Node, places: Mapping[Node, int]) -> list[Any]:
        found = pytree.tree_leaves(node.args[0], is_leaf=lambda value: isinstance(value, Node))
        if not found or not all(isinstance(value, Node) for value in found):
            kinds = ", ".join("a tensor" if isinstance(value, Node) else repr(value) for value in found) or "nothing"
            raise PackedFileError("a packed network returns tensors", kinds, "wrap the network to return tensors alone")
        return ["output", *(places[value] for value in found)]


def _shared_keys(scheme: Scheme, packed: PackedLayer) -> dict[str, str]:
    """Component -> the key under which the network stores it once."""
    return dict(zip(packed.shared, scheme.shared_storage(packed.shape), strict=True))


def _is_check(node: Node) -> bool:
    """Whether a node checks sizes or types and computes nothing."""
    if node.op == "call_module":
        return str(node.target) == "_guards_fn"
    is_operation = isinstance(node.target, torch._ops.OpOverload)
    return is_operation and "_assert" in str(node.target) and not node.users
