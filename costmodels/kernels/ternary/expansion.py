"""Ternary weights in torch."""

import torch

from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors, rows_output

__all__ = ["direct"]


def direct(layer: Layer) -> Expansion:
    """For each filter a matrix product of the weights that are not zero and the values that they meet."""
    weights = layer.arrays["weights"].reshape(layer.shape.out_channels, -1)
    rows = [[(int(place), float(row[place])) for place in row.nonzero()[0]] for row in weights]

    def run(image: torch.Tensor) -> Tensors:
        return (rows_output(layer, rows, image),)

    return Expansion([Phase(run, 1, layer.activation_bits)], layer.output_scales())
