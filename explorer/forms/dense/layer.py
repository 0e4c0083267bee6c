"""Dense weights trained at b bits with learned step sizes; binary weights with a learned scale at one bit.

W = step * Q(x / step), x and step as in `explorer.forms.straight_through.QuantizedTensor`, with a step for each filter
or layer. At one bit it is alpha * sign(x).

Sources: S. K. Esser et al., Learned Step Size Quantization, ICLR 2020; M. Rastegari et al., XNOR-Net, ECCV 2016.
"""

from typing import final

import torch
from torch import Tensor, nn

from explorer.forms.compressed_layer import CompressedLayer, floats, stored
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.straight_through import QuantizedTensor

__all__ = ["DenseLayer"]


@final
class DenseLayer(CompressedLayer):
    """`costmodels.schemes.Dense`: trains the weights' proxies (n, c/g, kh, kw), and the steps where the scheme stores
    any. The proxies start at the module's own weights."""

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        own = module.get_parameter("weight").detach().reshape(self.shape.weight_shape)
        has_scales = "scales" in fitted.arrays
        step = floats(fitted.arrays["scales"], own) if has_scales else torch.ones(1).to(own)
        codes = floats(fitted.arrays["weights"], own)
        bits = self.scheme.weight_bits
        scale_bits = self.scheme.scale_bits if has_scales else 32
        self.quantized = QuantizedTensor(codes, step.reshape(-1, 1, 1, 1), bits, own, has_scales, scale_bits)

    def weight(self) -> Tensor:
        """step * Q(x / step)."""
        weights: Tensor = self.quantized()
        return weights

    def arrays(self) -> Arrays:
        """``weights`` and, where the scheme has any, ``scales``."""
        codes = {"weights": self.quantized.stored_codes()}
        has_scales = self.scheme.weight_bits != 32 and self.scheme.scale != "none"
        return codes | ({"scales": stored(self.quantized.step.flatten())} if has_scales else {})
