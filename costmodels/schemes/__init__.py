"""The compressed forms: a file or a folder each, and the registry by the name they have in text."""

from costmodels.schemes.base import ACCUMULATOR_BITS, COMPONENTS, FLOAT_BITS, LayerUsage, Operations, Scheme
from costmodels.schemes.dense import Dense
from costmodels.schemes.entropy_coded import EntropyCoded
from costmodels.schemes.linear_representation import LinearRepresentation
from costmodels.schemes.low_rank import LowRank
from costmodels.schemes.nm_sparse import NMSparse
from costmodels.schemes.palettized import Palettized
from costmodels.schemes.pruned import Pruned
from costmodels.schemes.registry import scheme_registry
from costmodels.schemes.sparse_basis import SparseBasis, learned_filter_basis
from costmodels.schemes.stacked import LegoNet, StackedBinary
from costmodels.schemes.ternary import Ternary
from costmodels.schemes.vector_quantized import VectorQuantized

__all__ = [
    "ACCUMULATOR_BITS",
    "COMPONENTS",
    "FLOAT_BITS",
    "SCHEMES",
    "Dense",
    "EntropyCoded",
    "LayerUsage",
    "LegoNet",
    "LinearRepresentation",
    "LowRank",
    "NMSparse",
    "Operations",
    "Palettized",
    "Pruned",
    "Scheme",
    "SparseBasis",
    "StackedBinary",
    "Ternary",
    "VectorQuantized",
    "learned_filter_basis",
]

SCHEMES = scheme_registry(
    (
        Dense,
        Pruned,
        StackedBinary,
        LegoNet,
        LinearRepresentation,
        SparseBasis,
        Ternary,
        Palettized,
        VectorQuantized,
        EntropyCoded,
        NMSparse,
        LowRank,
    )
)
"""Every compressed form by its name; everything that runs over the forms reads it."""
