"""NetworkSpec: what the cost models know of a network: its layers, and the graph of tensors between its operations."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from costmodels.errors import NetworkSpecError
from costmodels.shapes import ConvShape

__all__ = ["LayerSpec", "NetworkSpec", "Operation", "TensorSpec"]

COUNTED, FREE, UNKNOWN = "counted", "free", "unknown"


@dataclass(frozen=True)
class TensorSpec:
    """An activation tensor of one image: its name and number of elements."""

    name: str
    elements: int


@dataclass(frozen=True)
class LayerSpec:
    """A convolution or linear layer.

    Args:
        name: the dotted module path, unique in the network.
        shape: its shape on the example input. A layer called at several places is listed once per call
            only in the operations; its weights are stored once and its work is counted ``calls`` times.
        weight: the dotted name of the weight parameter; "" where a network is described without weights.
        bias: whether the layer adds a bias.
        normalization: whether a batch normalization follows that folds into the layer.
        calls: how often one inference runs the layer.
    """

    name: str
    shape: ConvShape
    weight: str = ""
    bias: bool = False
    normalization: bool = False
    calls: int = 1


@dataclass(frozen=True)
class Operation:
    """One step of the execution order.

    Args:
        name: unique name of the step.
        kind: the operation's name, for example ``conv2d`` or ``add``.
        inputs: names of the tensors it reads.
        output: name of the tensor it writes.
        status: ``counted`` (its layer is costed), ``free`` (with the reason) or ``unknown`` (warned about).
        reason: why the step is free, or what is unknown of it.
        layer: the name of its layer, for a counted step.
        reuses: the output takes the place of an input that nothing reads later (elementwise steps and views).
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    output: str
    status: str
    reason: str = ""
    layer: str | None = None
    reuses: bool = False

    def __post_init__(self) -> None:
        if self.status not in (COUNTED, FREE, UNKNOWN):
            raise NetworkSpecError("an operation is counted, free or unknown", self.status, "name one of the three")
        if (self.status == COUNTED) != (self.layer is not None):
            raise NetworkSpecError(
                "a counted operation names its layer, and only a counted one does", self.name, "set layer"
            )
        if self.status != COUNTED and not self.reason:
            raise NetworkSpecError("a free or unknown operation says why", self.name, "set reason")


@dataclass(frozen=True)
class NetworkSpec:
    """A network as the cost models see it; batch 1.

    Raises:
        NetworkSpecError: names repeat, an operation names a tensor or layer that does not exist, or a tensor is read
            before it is written.
    """

    name: str
    layers: tuple[LayerSpec, ...]
    tensors: tuple[TensorSpec, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    _by_name: Mapping[str, LayerSpec] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {layer.name: layer for layer in self.layers})
        tensors = {tensor.name for tensor in self.tensors}
        if len(self._by_name) != len(self.layers) or len(tensors) != len(self.tensors):
            raise NetworkSpecError("layer and tensor names are unique", self.name, "rename the repeated ones")
        for operation in self.operations:
            missing = ({*operation.inputs, operation.output} - tensors) | (
                {operation.layer} - {None} - self._by_name.keys()
            )
            if missing:
                raise NetworkSpecError(
                    "operations name known tensors and layers", f"{operation.name}: {missing}", "add what is missing"
                )
        if strange := sorted({*self.inputs, *self.outputs} - tensors):
            raise NetworkSpecError("inputs and outputs are known tensors", ", ".join(strange), "add what is missing")
        self._check_order()

    def _check_order(self) -> None:
        """Refuses operations that read, and outputs that name, what nothing writes before."""
        written = set(self.inputs)
        for operation in self.operations:
            if early := sorted(set(operation.inputs) - written):
                rule = "a tensor is an input of the network or written before it is read"
                raise NetworkSpecError(rule, f"{operation.name} reads {', '.join(early)}", "reorder the operations")
            written.add(operation.output)
        if unwritten := sorted(set(self.outputs) - written):
            raise NetworkSpecError("every output is written", ", ".join(unwritten), "add the operation that writes it")

    def layer(self, name: str) -> LayerSpec:
        """The layer of that name.

        Raises:
            NetworkSpecError: there is none; the message lists the names.
        """
        if name not in self._by_name:
            raise NetworkSpecError(
                f"{self.name} has no layer of that name", name, f"choose one of {', '.join(self._by_name)}"
            )
        return self._by_name[name]

    @property
    def unknown(self) -> tuple[Operation, ...]:
        """The operations whose cost nobody knows."""
        return tuple(operation for operation in self.operations if operation.status == UNKNOWN)

    @property
    def weights(self) -> int:
        """Weights of all layers, without biases."""
        return sum(layer.shape.weights for layer in self.layers)

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates of one uncompressed inference."""
        return sum(layer.shape.dense_macs * layer.calls for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        plain = asdict(self)
        del plain["_by_name"]
        return plain

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> "NetworkSpec":
        """The network that `to_json` wrote.

        Raises:
            NetworkSpecError: a field is missing or has the wrong form.
        """
        try:
            return cls(
                name=plain["name"],
                layers=tuple(LayerSpec(**{**layer, "shape": _shape(layer["shape"])}) for layer in plain["layers"]),
                tensors=tuple(TensorSpec(**tensor) for tensor in plain["tensors"]),
                operations=tuple(
                    Operation(**{**step, "inputs": tuple(step["inputs"])}) for step in plain["operations"]
                ),
                inputs=tuple(plain["inputs"]),
                outputs=tuple(plain["outputs"]),
            )
        except (KeyError, TypeError) as error:
            raise NetworkSpecError(
                "a network file has the fields that filterfront wrote", str(error), "write it again"
            ) from error

    def digest(self) -> str:
        """SHA-256 of the description, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


def _shape(plain: Mapping[str, Any]) -> ConvShape:
    """A shape from plain data, where pairs are lists."""
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return ConvShape(**fields)
