"""Low rank in torch: a convolution and a matrix product of its maps; or filters put together by one, and convolved."""

import torch

from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors
from costmodels.schemes.base import ACCUMULATOR_BITS, FLOAT_BITS

__all__ = ["direct", "shared_maps"]


def direct(layer: Layer) -> Expansion:
    """The coefficients scaled, the filters put together as matrix products, and convolved."""
    shape, scheme, scaled = layer.shape, layer.scheme, "basis_scales" in layer.arrays
    basis, coefficients = layer.tensor("basis").flatten(2), _coefficients(layer)

    def scale(image: torch.Tensor) -> Tensors:
        return image, coefficients * layer.tensor("basis_scales")[:, None]

    def rebuild(image: torch.Tensor, factors: torch.Tensor = coefficients) -> Tensors:
        return image, torch.cat([own @ bank for own, bank in zip(factors, basis, strict=True)])

    def convolve(image: torch.Tensor, weights: torch.Tensor) -> Tensors:
        return (layer.convolve(layer.pad(image), weights.reshape(shape.weight_shape), shape.groups),)

    factor_bits = FLOAT_BITS if scaled else scheme.coefficient_bits
    phases = [Phase(rebuild, scheme.basis_bits, factor_bits), Phase(convolve, FLOAT_BITS, layer.activation_bits)]
    if scaled:
        phases.insert(0, Phase(scale, FLOAT_BITS, ACCUMULATOR_BITS))
    return Expansion(phases, layer.output_scales())


def shared_maps(layer: Layer) -> Expansion:
    """The maps of all filters, scaled, then each group's combinations as a matrix product."""
    shape, scheme = layer.shape, layer.scheme
    basis, coefficients = layer.tensor("basis"), _coefficients(layer)

    def transform(image: torch.Tensor) -> Tensors:
        return (layer.convolve(layer.pad(image), basis.flatten(0, 1), shape.groups),)

    def scale(maps: torch.Tensor) -> Tensors:
        return (maps * layer.tensor("basis_scales").reshape(-1, 1, 1),)

    def mix(maps: torch.Tensor) -> Tensors:
        by_group = maps.reshape(shape.groups, scheme.filters, -1)
        return (layer.output([own @ values for own, values in zip(coefficients, by_group, strict=True)]),)

    phases = [
        Phase(transform, scheme.basis_bits, layer.activation_bits),
        Phase(mix, scheme.coefficient_bits, ACCUMULATOR_BITS),
    ]
    if "basis_scales" in layer.arrays:
        phases.insert(1, Phase(scale, FLOAT_BITS, ACCUMULATOR_BITS))
    return Expansion(phases, layer.output_scales())


def _coefficients(layer: Layer) -> torch.Tensor:
    """(g, n/g, r)."""
    return layer.tensor("coefficients", layer.shape.groups, -1, layer.scheme.filters)
