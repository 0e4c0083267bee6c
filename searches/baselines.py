"""What every front is compared with: uniform quantization, every layer dense at the same bits."""

from costmodels import Dense, NetworkSpec
from searches.design import Design

__all__ = ["UNIFORM_BITS", "uniform_designs"]

UNIFORM_BITS = (1, 2, 3, 4, 5, 6, 8, 16)


def uniform_designs(network: NetworkSpec) -> dict[str, Design]:
    """The uniformly quantized designs by name, fewest bits first."""
    return {
        f"dense {bits} bit{'s' if bits > 1 else ''}": Design({layer.name: Dense(bits) for layer in network.layers})
        for bits in UNIFORM_BITS
    }
