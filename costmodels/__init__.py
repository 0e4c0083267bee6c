"""Analytic cost models of compressed convolutional layers: storage in exact bits, operations, memory, devices.

The formulas need numpy and the standard library only.
"""

from costmodels.columns import layer_cost_columns
from costmodels.cost import LayerCost, layer_cost
from costmodels.devices import Device, list_devices, load_device
from costmodels.errors import CostModelError, FilterfrontError
from costmodels.network import LayerSpec, NetworkSpec, Operation, TensorSpec
from costmodels.network_costs import NetworkCost, network_cost
from costmodels.schemes import (
    SCHEMES,
    Dense,
    EntropyCoded,
    LayerUsage,
    LegoNet,
    LinearRepresentation,
    LowRank,
    NMSparse,
    Operations,
    Palettized,
    Pruned,
    Scheme,
    SparseBasis,
    StackedBinary,
    Ternary,
    VectorQuantized,
    learned_filter_basis,
)
from costmodels.shapes import ConvShape
from costmodels.text import parse_scheme

__all__ = [
    "SCHEMES",
    "ConvShape",
    "CostModelError",
    "Dense",
    "Device",
    "EntropyCoded",
    "FilterfrontError",
    "LayerCost",
    "LayerSpec",
    "LayerUsage",
    "LegoNet",
    "LinearRepresentation",
    "LowRank",
    "NMSparse",
    "NetworkCost",
    "NetworkSpec",
    "Operation",
    "Operations",
    "Palettized",
    "Pruned",
    "Scheme",
    "SparseBasis",
    "StackedBinary",
    "TensorSpec",
    "Ternary",
    "VectorQuantized",
    "layer_cost",
    "layer_cost_columns",
    "learned_filter_basis",
    "list_devices",
    "load_device",
    "network_cost",
    "parse_scheme",
]
