"""Pruned weights in torch."""

import torch

from costmodels.kernels.loops.sparse_rows import sparse_rows
from costmodels.kernels.phases import Expansion, Layer, Phase, Tensors, rows_output

__all__ = ["direct"]


def direct(layer: Layer) -> Expansion:
    """For each filter a matrix product of the weights kept and the values that they meet."""
    rows = sparse_rows(layer.arrays, "weights")

    def run(image: torch.Tensor) -> Tensors:
        return (rows_output(layer, rows, image),)

    return Expansion([Phase(run, layer.scheme.weight_bits, layer.activation_bits)], layer.output_scales())
