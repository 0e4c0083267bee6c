"""Dense weights trained at b bits with learned step sizes; binary weights with a learned scale at one bit.

W = step * (Q(x / step + z) - z), x, step and zero point z as in `explorer.forms.straight_through.QuantizedTensor`, with
a step and a zero point, if any, for each filter or layer. At one bit without zero points it is alpha * sign(x).

Sources: S. K. Esser et al., Learned Step Size Quantization, ICLR 2020; M. Rastegari et al., XNOR-Net, ECCV 2016.
"""

from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from explorer.forms.compressed_layer import CompressedLayer, floats, stored
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.quantized_tensor import QuantizedTensor

__all__ = ["DenseLayer"]


@final
class DenseLayer(CompressedLayer):
    """`costmodels.schemes.Dense`: trains the weights' proxies (n, c/g, kh, kw), and the steps and zero points where the
    scheme stores any. The proxies start at the module's own weights."""

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        own = module.get_parameter("weight").detach().reshape(self.shape.weight_shape)
        has_scales = "scales" in fitted.arrays
        step = floats(fitted.arrays["scales"], own) if has_scales else torch.ones(1).to(own)
        codes = floats(fitted.arrays["weights"], own)
        bits = self.scheme.weight_bits
        scale_bits, zero_bits = self.scheme.scale_bits if has_scales else 32, self.scheme.zero_width
        zeros = floats(fitted.arrays["zeros"], own).reshape(-1, 1, 1, 1) if zero_bits else None
        steps = step.reshape(-1, 1, 1, 1)
        self.quantized = QuantizedTensor(codes, steps, bits, own, has_scales, scale_bits, zeros, zero_bits)

    def weight(self) -> Tensor:
        """step * (Q(x / step + z) - z)."""
        weights: Tensor = self.quantized()
        return weights

    def arrays(self) -> Arrays:
        """``weights`` and, where the scheme has any, ``scales`` and ``zeros``."""
        arrays = {"weights": self.quantized.stored_codes()}
        if self.scheme.weight_bits != 32 and self.scheme.scale != "none":
            arrays["scales"] = stored(self.quantized.step.flatten())
        if self.scheme.zero_width:
            arrays["zeros"] = stored(self.quantized.zero_points().flatten()).astype(np.int8)
        return arrays
