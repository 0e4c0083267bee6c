"""What every front is compared with: uniform quantization, every layer dense at the same bits."""

from costmodels import Dense, NetworkSpec
from costmodels.conventions import FLOAT_BITS
from searches.design import Design
from searches.space import LayerSpace, Space

__all__ = ["UNIFORM_BITS", "uniform_designs"]

UNIFORM_BITS = (1, 2, 3, 4, 5, 6, 8, 16)


def uniform_designs(network: NetworkSpec, space: Space | None = None) -> dict[str, Design]:
    """The uniformly quantized designs by name, fewest bits first.

    Args:
        network: the network.
        space: that they are compared with designs of. Where it offers narrow scales to a layer that no batch
            normalization folds into, the layer has the narrowest of them.
    """
    folds = {layer.name for layer in network.layers if layer.normalization}
    widths = {layer.name: FLOAT_BITS for layer in network.layers}
    for layer in space.layers if space else ():
        widths[layer.name] = FLOAT_BITS if layer.name in folds else _least_scale_bits(layer)
    return {
        f"dense {bits} bit{'s' if bits > 1 else ''}": Design(
            {name: Dense(bits, scale_bits=width) for name, width in widths.items()}
        )
        for bits in UNIFORM_BITS
    }


def _least_scale_bits(layer: LayerSpace) -> int:
    """The narrowest scales that a scheme of the layer may have."""
    offered = (value for parameters in layer.grid.values() for value in parameters.get("scale_bits", ()))
    return min((int(value) for value in offered), default=FLOAT_BITS)
