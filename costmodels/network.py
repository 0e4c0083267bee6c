"""NetworkSpec: what the cost models know of a network: its layers, and the graph of tensors between its operations."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from costmodels.bias_values import check_bias_bits
from costmodels.conventions import FLOAT_BITS
from costmodels.errors import NetworkSpecError
from costmodels.layer_spec import LayerSpec
from costmodels.operation import COUNTED, FIXED, FREE, UNKNOWN, ConstantSpec, Operation, TensorSpec

__all__ = ["COUNTED", "FIXED", "FREE", "UNKNOWN", "LayerSpec", "NetworkSpec", "Operation", "TensorSpec"]

_LATER_FIELDS: Mapping[str, Any] = {
    "variants": (),
    "views": False,
    "macs": 0,
    "weights": (),
    "operations": 0,
    "bias_bits": 32,
}
"""Fields of layers and operations that descriptions written before 0.2 do not have, at what they meant then: left out
where they say nothing else, so that these descriptions keep their digests."""


@dataclass(frozen=True)
class NetworkSpec:
    """A network as the cost models see it; batch 1.

    Args:
        name: in tables.
        layers: those with a compressed form.
        tensors: the edges of the graph.
        operations: its nodes, in the order in which they run.
        inputs: names of tensors.
        outputs: names of tensors.
        constants: what inference reads in addition to what layers store.
        given: names of inputs that lie in memory of the caller, outside the arena: they take none of it, and nothing is
            written over them.

    Raises:
        NetworkSpecError: names repeat, an operation names a tensor, layer or constant that does not exist, or a tensor
            is read before it is written.
    """

    name: str
    layers: tuple[LayerSpec, ...]
    tensors: tuple[TensorSpec, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: tuple[ConstantSpec, ...] = ()
    given: tuple[str, ...] = ()
    _by_name: Mapping[str, LayerSpec] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {layer.name: layer for layer in self.layers})
        tensors = {tensor.name for tensor in self.tensors}
        constants = {constant.name for constant in self.constants}
        if len(self._by_name) != len(self.layers) or len(tensors) != len(self.tensors):
            raise NetworkSpecError("layer and tensor names are unique", self.name, "rename the repeated ones")
        if len(constants) != len(self.constants):
            raise NetworkSpecError("names of constants are unique", self.name, "rename the repeated ones")
        for operation in self.operations:
            missing = (
                ({*operation.inputs, operation.output} - tensors)
                | ({operation.layer} - {None} - self._by_name.keys())
                | (set(operation.weights) - constants)
            )
            if missing:
                raise NetworkSpecError(
                    "operations name known tensors and layers", f"{operation.name}: {missing}", "add what is missing"
                )
        if strange := sorted({*self.inputs, *self.outputs} - tensors):
            raise NetworkSpecError("inputs and outputs are known tensors", ", ".join(strange), "add what is missing")
        if strange := sorted(set(self.given) - set(self.inputs)):
            raise NetworkSpecError("what the caller gives are inputs", ", ".join(strange), "name inputs alone")
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
    def fixed(self) -> tuple[Operation, ...]:
        """The operations whose work and weights are counted, but that have no compressed form yet."""
        return tuple(operation for operation in self.operations if operation.status == FIXED)

    @property
    def weights(self) -> int:
        """Weights of all layers and fixed operations, without biases."""
        fixed = sum(constant.elements for constant in self.constants if constant.is_weight)
        return sum(layer.shape.weights for layer in self.layers) + fixed

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates of one uncompressed inference."""
        return sum(layer.dense_macs for layer in self.layers) + sum(step.macs for step in self.fixed)

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        plain = asdict(self)
        del plain["_by_name"]
        calls = (call for layer in plain["layers"] for call in (layer, *layer["variants"]))
        for shape in (call["shape"] for call in calls):
            if shape["input_values"] is None:
                del shape["input_values"]
        for entry in (*plain["layers"], *plain["operations"]):
            for name, usual in _LATER_FIELDS.items():
                if entry.get(name) == usual:
                    del entry[name]
        for name in ("constants", "given"):
            if not plain[name]:
                del plain[name]
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
                layers=tuple(LayerSpec.from_json(layer) for layer in plain["layers"]),
                tensors=tuple(TensorSpec(**tensor) for tensor in plain["tensors"]),
                operations=tuple(_operation(step) for step in plain["operations"]),
                inputs=tuple(plain["inputs"]),
                outputs=tuple(plain["outputs"]),
                constants=tuple(ConstantSpec(**constant) for constant in plain.get("constants", ())),
                given=tuple(plain.get("given", ())),
            )
        except (KeyError, TypeError) as error:
            raise NetworkSpecError(
                "a network file has the fields that filterfront wrote", str(error), "write it again"
            ) from error

    def with_bias_bits(self, bits: int, layers: Collection[str] | None = None) -> "NetworkSpec":
        """The same network whose layers store biases, and shifts of folded normalizations, in so many bits.

        Args:
            bits: 32, or 16 with an exponent that the values of a layer have in common.
            layers: the names of those that do, the others keep 32 bits; all if not given.

        Raises:
            CostModelError: there are no biases of so many bits.
        """
        check_bias_bits(bits)
        widths = {layer.name: bits if layers is None or layer.name in layers else FLOAT_BITS for layer in self.layers}
        return replace(self, layers=tuple(replace(layer, bias_bits=widths[layer.name]) for layer in self.layers))

    def digest(self) -> str:
        """SHA-256 of the description, in hexadecimal. Which steps are views and where inputs lie is left out: both are
        conventions of counting memory, which descriptions written before 0.2 do not say, and so is what steps take that
        are no layer. How many bits biases have is a choice of how the network is stored."""
        plain = self.to_json()
        plain.pop("given", None)
        for layer in plain["layers"]:
            layer.pop("bias_bits", None)
        for step in plain["operations"]:
            step.pop("views", None)
            step.pop("operations", None)
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _operation(plain: Mapping[str, Any]) -> Operation:
    """A step from plain data, where tuples are lists."""
    return Operation(**{**plain, "inputs": tuple(plain["inputs"]), "weights": tuple(plain.get("weights", ()))})
