"""Palettized weights trained: every weight takes the value of its palette that is nearest to its proxy.

W = s * p[k], with k the value nearest to x / s. Gradients: dW/dx = 1 where x / s lies within the palette, else 0; dW/dp
= s at the value that is taken; dW/ds = p[k] with k held fixed. The values are trained over a unit, the mean scale, as
`explorer.forms.straight_through.QuantizedTensor` trains codes at a fixed step; halves are rounded straight-through. The
scale is the fitted one times exp(f), with f trained from 0.

Sources: Han, Mao & Dally, Deep Compression, ICLR 2016 (the gradient of a value is the sum over its weights); proxies
that may change their value as Cho et al., DKM, ICLR 2022, arXiv 2108.12659, with the nearest value in place of an
attention over all.
"""

from typing import final

import torch
from torch import Tensor, nn

from costmodels.codes import code_dtype
from explorer.forms.compressed_layer import CompressedLayer, floats, stored
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.selection import Selection
from explorer.forms.straight_through import positive, round_to_codes, rounded_scales, straight_through

__all__ = ["PalettizedLayer"]


@final
class PalettizedLayer(CompressedLayer):
    """`costmodels.schemes.Palettized`: trains the weights' proxies (n, c/g*kh*kw), the palettes, and the scales where
    the scheme stores any. The proxies start at the module's own weights where these take the fitted values.

    Attributes:
        of_filter: (n,) the palette of each filter.
        unit: of the palettes' values.
    """

    of_filter: Tensor
    scales: Tensor
    unit: Tensor

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        own = module.get_parameter("weight").detach().reshape(self.shape.out_channels, -1)
        has_scales = "scales" in fitted.arrays
        scales = floats(fitted.arrays["scales"], own) if has_scales else torch.ones(1).to(own)
        self.register_buffer("of_filter", torch.from_numpy(self.scheme.palette_of(self.shape)).to(own.device))
        self.register_buffer("scales", scales.reshape(-1, 1))
        self.register_buffer("unit", positive(scales.abs().mean()))
        self.factor = nn.Parameter(torch.zeros_like(self.scales)) if has_scales else None
        self.selection = Selection()
        palette = floats(fitted.arrays["palette"], own)
        self.values = nn.Parameter(palette * self.unit)
        index = torch.from_numpy(fitted.arrays["index"].reshape(own.shape).astype("int64")).to(own.device)
        taken = palette[self.of_filter].gather(1, index)
        agree = palette[self.of_filter].gather(1, self._nearest(own / positive(self.scales), palette)) == taken
        self.proxies = nn.Parameter(torch.where(agree, own, taken * self.scales).clone())

    @property
    def scale(self) -> Tensor:
        """s: (n or 1, 1), as it is stored."""
        if self.factor is None:
            return self.scales
        return rounded_scales(self.scales * self.factor.exp(), self.scheme.scale_bits)

    def palette(self) -> Tensor:
        """p: (palettes, 2^b), as it is stored."""
        values = self.values / self.unit
        if self.scheme.value_bits == 8:
            return straight_through(values, round_to_codes(values.detach(), 8))
        if self.scheme.value_bits == 16:
            greatest = torch.finfo(torch.float16).max
            return straight_through(values, values.detach().clamp(-greatest, greatest).half().to(values))
        return values

    def _nearest(self, units: Tensor, palette: Tensor) -> Tensor:
        """(n, values) the place of the nearest value."""
        ordered, places = palette.sort(dim=1, stable=True)
        middles = ((ordered[:, 1:] + ordered[:, :-1]) / 2)[self.of_filter].contiguous()
        ranks = torch.searchsorted(middles, units.contiguous())
        return places[self.of_filter].gather(1, ranks)

    def _taken(self) -> tuple[Tensor, Tensor]:
        """The index, and the values in units of the scale with the gradient of proxies and palettes."""
        palette, units = self.palette(), self.proxies / positive(self.scale.detach())
        index = self.selection.choose(lambda: self._nearest(units, palette))
        own = palette[self.of_filter]
        if self.selection.is_frozen:
            return index, own.gather(1, index)
        low, high = own.detach().amin(1, keepdim=True), own.detach().amax(1, keepdim=True)
        passed = units.clamp(low, high)
        return index, own.gather(1, index) + (passed - passed.detach())

    def weight(self) -> Tensor:
        """s * p[k]."""
        return (self._taken()[1] * self.scale).reshape(self.shape.weight_shape)

    @torch.no_grad()
    def arrays(self) -> Arrays:
        """``palette``, ``index`` and, where the scheme has any, ``scales``."""
        index = self._taken()[0].reshape(self.shape.weight_shape).cpu().numpy().astype("uint8")
        palette = stored(self.palette()).astype(code_dtype(8 if self.scheme.value_bits == 8 else 32))
        arrays = {"palette": palette, "index": index}
        return arrays if self.factor is None else arrays | {"scales": stored(self.scale.flatten())}
