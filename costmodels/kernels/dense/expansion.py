"""Dense weights in torch."""

import torch

from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors, convolution
from costmodels.schemes.base import ACCUMULATOR_BITS

__all__ = ["direct"]


def direct(layer: Layer) -> Expansion:
    """One convolution; where there are zero points, another by ones for each group, and a matrix product of both."""
    plain = convolution(layer, layer.tensor("weights"), layer.scheme.weight_bits)
    if "zeros" not in layer.arrays:
        return plain
    shape = layer.shape
    zeros = layer.tensor("zeros").expand(shape.out_channels).reshape(shape.groups, -1, 1)
    ones = torch.ones(shape.groups, shape.group_inputs, *shape.kernel, dtype=zeros.dtype)
    (convolve,) = plain.phases

    def with_sums(image: torch.Tensor) -> Tensors:
        return image, *convolve.run(image)

    def add_up(image: torch.Tensor, sums: torch.Tensor) -> Tensors:
        return sums, layer.convolve(layer.pad(image), ones, shape.groups)

    def take_off(sums: torch.Tensor, inputs: torch.Tensor) -> Tensors:
        by_group = zip(sums.reshape(shape.groups, shape.group_outputs, -1), zeros, inputs.flatten(1), strict=True)
        return (layer.output([torch.addmm(own, zero, total[None], alpha=-1) for own, zero, total in by_group]),)

    phases = [
        Phase(with_sums, convolve.weight_bits, convolve.value_bits),
        Phase(add_up, 1, layer.activation_bits),
        Phase(take_off, layer.scheme.zero_width, ACCUMULATOR_BITS),
    ]
    return Expansion(phases, plain.requantization)
