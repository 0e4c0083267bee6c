"""The Python API, which ``import filterfront as ff`` offers; every name is loaded when it is first used.

>>> from explorer.api import parse_scheme
>>> str(parse_scheme("dense(weight_bits=4)"))
'dense(weight_bits=4)'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from costmodels import (
        ConvShape,
        Dense,
        Device,
        FilterfrontError,
        LayerCost,
        LegoNet,
        LinearRepresentation,
        NetworkCost,
        NetworkSpec,
        Pruned,
        Scheme,
        SparseBasis,
        StackedBinary,
        layer_cost,
        load_device,
        network_cost,
        parse_scheme,
    )
    from explorer.api.comparing import Comparison, compare
    from explorer.api.costing import cost, trace
    from explorer.api.listings import devices, networks, schemes
    from explorer.api.loading import load
    from explorer.api.run import Run, load_run
    from explorer.api.searching import search
    from explorer.api.tuned import TunedDesign
    from explorer.api.what_if import WhatIf
    from explorer.networks.cost_table import CostTable

__all__ = [
    "Comparison",
    "ConvShape",
    "CostTable",
    "Dense",
    "Device",
    "FilterfrontError",
    "LayerCost",
    "LegoNet",
    "LinearRepresentation",
    "NetworkCost",
    "NetworkSpec",
    "Pruned",
    "Run",
    "Scheme",
    "SparseBasis",
    "StackedBinary",
    "TunedDesign",
    "WhatIf",
    "compare",
    "cost",
    "devices",
    "layer_cost",
    "load",
    "load_device",
    "load_run",
    "network_cost",
    "networks",
    "parse_scheme",
    "schemes",
    "search",
    "trace",
]

_HOMES = {
    "explorer.api.comparing": ("Comparison", "compare"),
    "explorer.api.costing": ("cost", "trace"),
    "explorer.api.listings": ("devices", "networks", "schemes"),
    "explorer.api.loading": ("load",),
    "explorer.api.run": ("Run", "load_run"),
    "explorer.api.searching": ("search",),
    "explorer.api.tuned": ("TunedDesign",),
    "explorer.api.what_if": ("WhatIf",),
    "explorer.networks.cost_table": ("CostTable",),
}
_OWN = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"filterfront has no {name}; it has {', '.join(__all__)}")
    from explorer.api.progress import quiet_warnings

    with quiet_warnings():  # such as tqdm's in a notebook without widgets, where its plain bars are drawn
        found = getattr(import_module(_OWN.get(name, "costmodels")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
