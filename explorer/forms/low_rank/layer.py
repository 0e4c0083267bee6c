"""Layers of low rank trained as the two layers that they are.

W = U V, V = step_V * Q(x_V / step_V) of b_V bits with a step for each filter, U = step_U * Q(x_U / step_U) of b_U bits
with a step for each output; gradients as in `explorer.forms.straight_through` and `explorer.forms.bank_layer`.

Sources: Denton et al., NIPS 2014 (the two layers are tuned after they are fitted); S. K. Esser et al., Learned Step
Size Quantization, ICLR 2020 (the steps).
"""

from typing import final

import torch
from torch import Tensor, nn

from explorer.forms.bank_layer import BankLayer
from explorer.forms.compressed_layer import floats, stored
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.quantized_tensor import QuantizedTensor

__all__ = ["LowRankLayer"]


@final
class LowRankLayer(BankLayer):
    """`costmodels.schemes.LowRank`: trains both factors and their steps."""

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        scheme, arrays, own = self.scheme, fitted.arrays, module.get_parameter("weight").detach()
        basis = floats(arrays["basis"], own).flatten(2)
        rows = floats(arrays["coefficients"], own).reshape(self.shape.groups, -1, scheme.filters)
        ones = torch.ones(1, 1, 1).to(own)
        steps = floats(arrays["basis_scales"], own)[:, :, None] if "basis_scales" in arrays else ones
        outputs = floats(arrays["scales"], own).reshape(*rows.shape[:2], 1) if "scales" in arrays else ones
        self.basis = QuantizedTensor(basis, steps, scheme.basis_bits, scale_bits=scheme.scale_bits)
        self.coefficients = QuantizedTensor(rows, outputs, scheme.coefficient_bits, scale_bits=scheme.scale_bits)

    def bank(self) -> Tensor:
        """V, (g, r, c/g, kh, kw)."""
        basis: Tensor = self.basis()
        return basis.reshape(*basis.shape[:2], self.shape.group_inputs, *self.shape.kernel)

    def mixing(self) -> Tensor:
        """U, (g, n/g, r)."""
        mixing: Tensor = self.coefficients()
        return mixing

    def arrays(self) -> Arrays:
        """``basis``, ``coefficients``, and the scales of what is quantized."""
        basis, shape = self.basis.stored_codes(), self.shape
        found = {
            "basis": basis.reshape(*basis.shape[:2], shape.group_inputs, *shape.kernel),
            "coefficients": self.coefficients.stored_codes().reshape(shape.out_channels, -1),
        }
        if self.scheme.basis_bits != 32:
            found["basis_scales"] = stored(self.basis.step[:, :, 0])
        if self.scheme.coefficient_bits != 32:
            found["scales"] = stored(self.coefficients.step.flatten())
        return found
