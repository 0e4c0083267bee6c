"""A design: a scheme for every layer of a network."""

import hashlib
import json
from collections.abc import Mapping

from costmodels import NetworkSpec, Scheme

__all__ = ["Design", "design_id", "methods_of"]

Design = Mapping[str, Scheme]
"""The scheme by layer name."""


def design_id(design: Design) -> str:
    """Ten hexadecimal digits that tell designs apart: the same schemes give the same name on every machine."""
    plain = json.dumps({name: str(scheme) for name, scheme in design.items()}, sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:10]


def methods_of(network: NetworkSpec, design: Design) -> list[str]:
    """Names of the schemes in the design, the one that holds most weights first."""
    weights: dict[str, int] = {}
    for layer in network.layers:
        name = design[layer.name].name
        weights[name] = weights.get(name, 0) + layer.shape.weights
    return sorted(weights, key=lambda name: (-weights[name], name))
