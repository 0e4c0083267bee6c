"""Dense weights in torch."""

import torch
from torch.nn import functional

from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors

__all__ = ["direct"]


def direct(layer: Layer) -> Expansion:
    """One convolution; with padding as text, as torch takes it."""
    shape, weights = layer.shape, layer.tensor("weights")

    def run(image: torch.Tensor) -> Tensors:
        if isinstance(shape.padding, str):
            padding, groups = shape.padding, shape.groups
            output = functional.conv2d(image[None], weights, None, shape.stride, padding, shape.dilation, groups)
            return (output[0],)
        return (layer.convolve(layer.pad(image), weights, shape.groups),)

    return Expansion([Phase(run, layer.scheme.weight_bits, layer.activation_bits)], layer.output_scales())
