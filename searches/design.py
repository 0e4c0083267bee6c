"""A design: a scheme for every layer of a network and, where it chooses one, the width of its activations."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from costmodels import NetworkSpec, Scheme

__all__ = ["Design", "methods_of"]

_DIGITS = 10
_NUMBER = re.compile("[0-9]+(e[0-9]+)?")
"""What a spreadsheet, or pandas, would take for a number and write in another way: 582885e582 becomes infinite."""


@dataclass(frozen=True)
class Design:
    """What a search chooses: immutable, hashable, and equal to a design of the same schemes in any order of layers.

    Args:
        schemes: the scheme of every layer, by its name. It is copied.
        activation_bits: of every activation tensor, for tensors are shared by layers and a kernel takes one width;
            None where designs choose none and have that of the search.

    >>> from costmodels import Dense
    >>> design = Design({"stem": Dense(8), "head": Dense(4)})
    >>> design.schemes["head"].weight_bits, design.activation_bits, design.id
    (4, None, 'd0f8f60cdd')
    """

    schemes: Mapping[str, Scheme]
    activation_bits: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "schemes", MappingProxyType(dict(self.schemes)))

    def __hash__(self) -> int:
        return hash((frozenset(self.schemes.items()), self.activation_bits))

    def __reduce__(self) -> tuple[type["Design"], tuple[dict[str, Scheme], int | None]]:
        return Design, (dict(self.schemes), self.activation_bits)

    @cached_property
    def id(self) -> str:
        """Ten hexadecimal digits that tell designs apart, the same on every machine.

        The first of the SHA-256 of sorted JSON: the text of each scheme by layer and, where it is chosen, the width of
        activations. Where those read as a number, the first ten in a row that do not.
        """
        plain: dict[str, Any] = {name: str(scheme) for name, scheme in self.schemes.items()}
        if self.activation_bits is not None:
            plain = {"schemes": plain, "activation_bits": self.activation_bits}
        digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
        windows = (digest[start : start + _DIGITS] for start in range(len(digest) - _DIGITS))
        return next(window for window in windows if not _NUMBER.fullmatch(window))


def methods_of(network: NetworkSpec, schemes: Mapping[str, Scheme]) -> list[str]:
    """Names of the schemes in use.

    Args:
        network: the network.
        schemes: by layer name.

    Returns:
        Each name once, the one whose layers hold most weights first, equal ones by the alphabet.
    """
    weights: dict[str, int] = {}
    for layer in network.layers:
        name = schemes[layer.name].name
        weights[name] = weights.get(name, 0) + layer.shape.weights
    return sorted(weights, key=lambda name: (-weights[name], name))
