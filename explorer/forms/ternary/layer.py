"""Ternary weights trained with a learned scale for each filter or layer.

W = s * Q(x / s) with the nearest of -1, 0 and 1 as Q: a weight is not zero where |x| > s/2, the threshold that is best
for its scale. Gradients: dW/dx = 1 where |x / s| is within `WINDOW`, else 0; dW/ds = Q(x / s), the threshold held
fixed, so that dL/ds = sum(dL/dW * Q) over the weights of a scale. The scale is the fitted one times exp(f), with f
trained from 0: it keeps its sign and moves by shares of itself.

No more weights are ever non-zero than the fitted layer has, as each of them costs an addition: after a step the
smallest of those beyond that number are drawn to the edge of zero, from where they can come back.

Sources: Li & Liu, Ternary Weight Networks, arXiv 1605.04711 (a scale and a threshold over float proxies); Zhu et al.,
Trained Ternary Quantization, ICLR 2017, arXiv 1612.01064, equations 7 and 8 (the scale's gradient, and proxies that get
theirs beyond the scale); the limit is ours.
"""

from typing import final

import torch
from torch import Tensor, nn

from explorer.forms.compressed_layer import CompressedLayer, floats, stored
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.selection import Selection
from explorer.forms.straight_through import positive, rounded_scales

__all__ = ["TernaryLayer"]

WINDOW = 3.0
"""Scales beyond which a proxy gets no gradient. At one of it, the mean size of the weights that are not zero, two in
five of these would get none where weights are Gaussian."""

EDGE = 0.5
"""In scales, the largest proxy that rounds to zero (halves round to even)."""


@final
class TernaryLayer(CompressedLayer):
    """`costmodels.schemes.Ternary`: trains the weights' proxies (n, c/g, kh, kw), and the scales where the scheme
    stores any. The proxies start at the module's own weights where these round to the fitted codes.

    Attributes:
        limit: most non-zero weights.
    """

    scales: Tensor

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        own = module.get_parameter("weight").detach().reshape(self.shape.weight_shape)
        codes = floats(fitted.arrays["weights"], own)
        has_scales = "scales" in fitted.arrays
        scales = floats(fitted.arrays["scales"], own) if has_scales else torch.ones(1).to(own)
        self.register_buffer("scales", scales.reshape(-1, 1, 1, 1))
        self.factor = nn.Parameter(torch.zeros_like(self.scales)) if has_scales else None
        self.selection = Selection()
        self.limit = int(torch.count_nonzero(codes))
        agree = _nearest(own / positive(self.scales)) == codes
        self.values = nn.Parameter(torch.where(agree, own, codes * self.scales).clone())

    @property
    def scale(self) -> Tensor:
        """s: (n or 1, 1, 1, 1), as it is stored."""
        if self.factor is None:
            return self.scales
        return rounded_scales(self.scales * self.factor.exp(), self.scheme.scale_bits)

    def codes(self) -> Tensor:
        """Q(x / s), with the gradient of x / s at a fixed s."""
        units = self.values / positive(self.scale.detach())
        return self.selection.codes(units, lambda: _nearest(units), -WINDOW, WINDOW)

    def weight(self) -> Tensor:
        """s * Q(x / s)."""
        return self.codes() * self.scale

    @torch.no_grad()
    def after_step(self) -> None:
        """Draws the smallest proxies of the non-zero weights beyond `limit` to the edge of zero."""
        scale = positive(self.scale)
        units = self.values / scale
        sizes = torch.where(_nearest(units) != 0, units.abs(), torch.inf).flatten()
        surplus = int(torch.isfinite(sizes).sum()) - self.limit
        if surplus > 0:
            least = sizes.sort(stable=True).indices[:surplus]
            edges = (units.sign() * EDGE * scale).flatten()
            self.values.view(-1)[least] = edges[least]

    def arrays(self) -> Arrays:
        """``weights`` and, where the scheme has any, ``scales``."""
        codes = {"weights": self.codes().detach().cpu().numpy().astype("int8")}
        return codes if self.factor is None else codes | {"scales": stored(self.scale.flatten())}


def _nearest(units: Tensor) -> Tensor:
    """The nearest of -1, 0 and 1."""
    return units.round().clamp(-1, 1)
