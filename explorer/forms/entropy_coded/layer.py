"""Entropy-coded weights trained with learned step sizes, within the bits of the fitted layer.

W = step * Q(x / step), x and step as in `explorer.forms.straight_through.QuantizedTensor`. Q takes the level of least
squared distance plus a price times the bits that the level costs in the fitted layer's table. The price is zero where
the codes then fit in the fitted layer's bits; after each step it is the least with which they do. Levels between its
least and its greatest that the fitted layer does not use cost as if used half a time, those beyond `BEYOND` bits.

Sources: Esser et al., Learned Step Size Quantization, ICLR 2020 (the step and its gradient); Chou, Lookabaugh & Gray,
IEEE Trans. ASSP 37(1), 1989 (the decision); the price after each step is ours.
"""

from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from costmodels.codes import code_dtype, code_levels, ranks_of_codes
from costmodels.layout.entropy import coded_bits
from explorer.forms.compressed_layer import CompressedLayer, floats, stored
from explorer.forms.entropy_coded.decisions import Decisions
from explorer.forms.entropy_coded.rates import smooth_costs
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.quantized_tensor import QuantizedTensor
from explorer.forms.straight_through import code_window, positive

__all__ = ["EntropyCodedLayer"]

PRICES = -14.0, 18.0
"""Octaves within which the price of a bit is sought, in squared steps; at the greatest all weights have one value."""

HALVINGS = 15

BEYOND = 32.0


@final
class EntropyCodedLayer(CompressedLayer):
    """`costmodels.schemes.EntropyCoded`: trains the weights' proxies (n, c/g, kh, kw), and the steps where the scheme
    stores any.

    Attributes:
        most_bits: of the stream.
        price: of a bit, in squared steps.
    """

    price: Tensor

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        own, codes = module.get_parameter("weight").detach().reshape(self.shape.weight_shape), fitted.arrays["weights"]
        has_scales, bits = "scales" in fitted.arrays, self.scheme.weight_bits
        step = floats(fitted.arrays["scales"], own) if has_scales else torch.ones(1).to(own)
        scale_bits = self.scheme.scale_bits if has_scales else 32
        as_floats = floats(codes, own)
        self.quantized = QuantizedTensor(as_floats, step.reshape(-1, 1, 1, 1), bits, own, has_scales, scale_bits)
        ranks = ranks_of_codes(codes, bits)
        self.most_bits = coded_bits(ranks, bits, self.scheme.coder)
        costs = smooth_costs(np.bincount(ranks.reshape(-1), minlength=1 << bits))
        self._costs = np.where(np.isfinite(costs), costs, BEYOND)
        self.register_buffer("price", torch.zeros((), dtype=torch.float64))

    def codes(self) -> Tensor:
        """Q(x / step) with the straight-through gradient."""
        units, selection = self.quantized.values / positive(self.quantized.step), self.quantized.selection
        window = code_window(self.scheme.weight_bits)
        return selection.codes(units, lambda: self._decided(units, float(self.price)), *window)

    def _decided(self, units: Tensor, price: float) -> Tensor:
        """The level of each value, at a price of a bit."""
        levels = code_levels(self.scheme.weight_bits).astype(np.float64)
        taken = Decisions.of_costs(levels, self._costs, price).take(units.detach().cpu().numpy().astype(np.float64))
        return torch.from_numpy(taken).to(units)

    def weight(self) -> Tensor:
        """step * Q(x / step)."""
        return self.codes() * self.quantized.step

    @torch.no_grad()
    def after_step(self) -> None:
        """Sets the price of a bit."""
        units = self.quantized.values / positive(self.quantized.step)
        low, high = PRICES
        self.price.zero_()
        if self.quantized.selection.is_frozen or self._fits(units, 0.0):
            return
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if self._fits(units, 2.0**middle):
                high = middle
            else:
                low = middle
        self.price.fill_(2.0**high)

    def _fits(self, units: Tensor, price: float) -> bool:
        bits = self.scheme.weight_bits
        codes = self._decided(units, price).cpu().numpy().astype(np.int64)
        return coded_bits(ranks_of_codes(codes, bits), bits, self.scheme.coder) <= self.most_bits

    def arrays(self) -> Arrays:
        """``weights`` and, where the scheme has any, ``scales``."""
        codes = self.codes().detach().cpu().numpy().astype(code_dtype(self.scheme.weight_bits))
        scales = {"scales": stored(self.quantized.step.flatten())} if self.scheme.scale != "none" else {}
        return {"weights": codes} | scales
