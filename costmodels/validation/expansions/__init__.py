"""Every execution as plain torch operations: convolutions, matrix products and elementwise steps, phase by phase.

Written from the definitions of the schemes and not from their formulas, so that other counters can count them. The
arrays are those of a packed layer. What no counter counts (padding, im2col, gathering, concatenating) is no arithmetic;
the requantization of the output is free by convention and left out of the phases.
"""

from collections.abc import Callable, Mapping

from costmodels.cost import DIRECT, SHARED_MAPS
from costmodels.schemes import Dense, LegoNet, LinearRepresentation, Pruned, Scheme, SparseBasis, StackedBinary
from costmodels.validation.expansions import dense, linear_representation, sparse_basis, stacked
from costmodels.validation.expansions.base import Expansion, Layer, Phase

__all__ = ["EXPANSIONS", "Expansion", "Layer", "Phase"]

EXPANSIONS: Mapping[type[Scheme], Mapping[str, Callable[[Layer], Expansion]]] = {
    Dense: {DIRECT: dense.direct},
    Pruned: {DIRECT: dense.pruned},
    StackedBinary: {DIRECT: stacked.direct, SHARED_MAPS: stacked.shared_maps},
    LegoNet: {DIRECT: stacked.direct, SHARED_MAPS: stacked.shared_maps},
    LinearRepresentation: {
        DIRECT: linear_representation.direct,
        "convolve-then-add": linear_representation.convolve_then_add,
        "add-then-convolve": linear_representation.add_then_convolve,
    },
    SparseBasis: {DIRECT: sparse_basis.direct, SHARED_MAPS: sparse_basis.shared_maps},
}
"""By scheme: its methods, as `costmodels.schemes.base.Scheme.methods` names them."""
