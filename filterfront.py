"""Which compressed form of a CNN fits that device, at what loss, and how far is that from the best possible?

>>> import filterfront as ff
>>> ff.cost("resnet20-cifar", "stacked-binary(segments=2, filters=1/4)", keep="first")
<resnet20-cifar under stacked-binary(segments=2, filters=1/4), 8-bit activations: 20 layers, ...>

`cost` counts what a network costs under a scheme, `search` finds the designs that fit a device, `load_run` reads a
finished search, `compare` puts several side by side, `load` runs a packed network. Everything is loaded when it is
first used. ``python -m filterfront`` is the command.
"""

from typing import TYPE_CHECKING, Any

from explorer.api import __all__ as _names

if TYPE_CHECKING:
    from explorer.api import Comparison as Comparison
    from explorer.api import ConvShape as ConvShape
    from explorer.api import CostTable as CostTable
    from explorer.api import Dense as Dense
    from explorer.api import Device as Device
    from explorer.api import FilterfrontError as FilterfrontError
    from explorer.api import LayerCost as LayerCost
    from explorer.api import LegoNet as LegoNet
    from explorer.api import LinearRepresentation as LinearRepresentation
    from explorer.api import NetworkCost as NetworkCost
    from explorer.api import NetworkSpec as NetworkSpec
    from explorer.api import Pruned as Pruned
    from explorer.api import Run as Run
    from explorer.api import Scheme as Scheme
    from explorer.api import SparseBasis as SparseBasis
    from explorer.api import StackedBinary as StackedBinary
    from explorer.api import TunedDesign as TunedDesign
    from explorer.api import WhatIf as WhatIf
    from explorer.api import compare as compare
    from explorer.api import cost as cost
    from explorer.api import devices as devices
    from explorer.api import layer_cost as layer_cost
    from explorer.api import load as load
    from explorer.api import load_device as load_device
    from explorer.api import load_run as load_run
    from explorer.api import network_cost as network_cost
    from explorer.api import networks as networks
    from explorer.api import parse_scheme as parse_scheme
    from explorer.api import schemes as schemes
    from explorer.api import search as search
    from explorer.api import trace as trace

__all__ = [*_names]


def __getattr__(name: str) -> Any:
    import explorer.api

    if name == "__version__":
        from importlib.metadata import version

        return version("filterfront")
    if name.startswith("_"):
        raise AttributeError(f"module 'filterfront' has no attribute '{name}'")
    return getattr(explorer.api, name)


def __dir__() -> list[str]:
    return sorted(_names)


if __name__ == "__main__":
    from explorer.cli import main

    main()
