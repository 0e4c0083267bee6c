"""Pruned weights trained under a fixed mask.

W = mask * step * Q(x / step), as in `explorer.forms.dense.layer`; the gradient of a weight that was pruned is zero.
Values that get the code zero in training are not stored, so the layer costs what the fitted one did or less.

Source: S. Han, H. Mao and W. J. Dally, Deep Compression, ICLR 2016 (retraining what is left under the mask).
"""

from typing import final

import torch
from torch import Tensor, nn

from explorer.forms.compressed_layer import CompressedLayer, floats, stored
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.places import pack_places, spread_values
from explorer.forms.quantized_tensor import QuantizedTensor

__all__ = ["PrunedLayer"]


@final
class PrunedLayer(CompressedLayer):
    """`costmodels.schemes.Pruned`: trains the values that were kept, and the steps where the scheme stores any."""

    mask: Tensor

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        own = module.get_parameter("weight").detach().reshape(self.shape.out_channels, -1)
        codes = floats(spread_values("weights", fitted.arrays, *own.shape), own)
        has_scales = "scales" in fitted.arrays
        step = floats(fitted.arrays["scales"], own) if has_scales else torch.ones(1).to(own)
        self.register_buffer("mask", (codes != 0).to(own))
        # Where nothing was kept the proxy starts at the code's value, zero, whatever the module's weight is.
        start = torch.where(codes != 0, own, torch.zeros_like(own))
        bits, scale_bits = self.scheme.weight_bits, self.scheme.scale_bits if has_scales else 32
        self.quantized = QuantizedTensor(codes, step[:, None], bits, start, has_scales, scale_bits)

    def weight(self) -> Tensor:
        """mask * step * Q(x / step)."""
        weights: Tensor = (self.quantized() * self.mask).reshape(self.shape.weight_shape)
        return weights

    def arrays(self) -> Arrays:
        """``weights`` with their places and, where the scheme has any, ``scales``."""
        codes = self.quantized.stored_codes() * self.mask.cpu().numpy().astype(bool)
        packed = pack_places("weights", codes, self.scheme.coefficients)
        has_scales = self.scheme.weight_bits != 32 and self.scheme.scale != "none"
        return packed | ({"scales": stored(self.quantized.step.flatten())} if has_scales else {})
