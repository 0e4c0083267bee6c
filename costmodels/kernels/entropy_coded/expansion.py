"""Entropy-coded weights in torch."""

from costmodels.kernels.phases import Expansion, Layer, convolution

__all__ = ["direct"]


def direct(layer: Layer) -> Expansion:
    """One convolution with the decoded weights."""
    return convolution(layer, layer.tensor("weights"), layer.scheme.weight_bits)
