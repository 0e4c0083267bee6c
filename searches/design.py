"""A design: a scheme for every layer of a network."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from costmodels import NetworkSpec, Scheme

__all__ = ["ActivatedDesign", "Design", "activation_bits_of", "design_id", "methods_of"]

Design = Mapping[str, Scheme]
"""The scheme by layer name."""


class ActivatedDesign(dict[str, Scheme]):
    """A design that chooses the bits of its activations, one width for the whole network.

    Args:
        schemes: by layer name.
        activation_bits: of every activation tensor.
    """

    def __init__(self, schemes: Design, activation_bits: int) -> None:
        super().__init__(schemes)
        self.activation_bits = activation_bits

    def __reduce__(self) -> Any:
        """Made again from its parts, in the processes that measure."""
        return ActivatedDesign, (dict(self), self.activation_bits)


def activation_bits_of(design: Design, otherwise: int) -> int:
    """The bits of the activations that a design chooses, or the search's where it leaves them."""
    return design.activation_bits if isinstance(design, ActivatedDesign) else otherwise


def design_id(design: Design) -> str:
    """Ten hexadecimal digits that tell designs apart: the same schemes give the same name on every machine."""
    names: dict[str, Any] = {name: str(scheme) for name, scheme in design.items()}
    if isinstance(design, ActivatedDesign):
        names = {"schemes": names, "activation_bits": design.activation_bits}
    plain = json.dumps(names, sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:10]


def methods_of(network: NetworkSpec, design: Design) -> list[str]:
    """Names of the schemes in the design, the one that holds most weights first."""
    weights: dict[str, int] = {}
    for layer in network.layers:
        name = design[layer.name].name
        weights[name] = weights.get(name, 0) + layer.shape.weights
    return sorted(weights, key=lambda name: (-weights[name], name))
