"""N:M sparse weights in torch."""

import torch

from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors, rows_output
from costmodels.layout import places_of_ranks

__all__ = ["direct"]


def direct(layer: Layer) -> Expansion:
    """For each filter a matrix product of the weights kept and the values that they meet."""
    shape, scheme = layer.shape, layer.scheme
    ranks = layer.arrays["index"].reshape(shape.out_channels, shape.kernel_area, -1)
    weights = layer.arrays["weights"].reshape(*ranks.shape, scheme.kept)
    places = places_of_ranks(scheme.kept, scheme.group)[ranks]
    rows = [
        [
            ((first * scheme.group + int(place)) * shape.kernel_area + element, float(weight))
            for element in range(ranks.shape[1])
            for first in range(ranks.shape[2])
            for place, weight in zip(places[i, element, first], weights[i, element, first], strict=True)
        ]
        for i in range(shape.out_channels)
    ]

    def run(image: torch.Tensor) -> Tensors:
        return (rows_output(layer, rows, image),)

    return Expansion([Phase(run, scheme.weight_bits, layer.activation_bits)], layer.output_scales())
