"""Palettized weights in torch."""

import numpy as np
import torch

from costmodels.kernels.phases import Expansion, Layer, convolution

__all__ = ["direct"]


def direct(layer: Layer) -> Expansion:
    """The values of each filter's palette, and one convolution."""
    which = torch.from_numpy(layer.scheme.palette_of(layer.shape))[:, None, None, None]
    weights = layer.tensor("palette")[which, torch.from_numpy(layer.arrays["index"].astype(np.int64))]
    return convolution(layer, weights, layer.scheme.value_bits)
