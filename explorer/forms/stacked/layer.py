"""Stacked low-dimensional filters, trained with full-precision proxies for the filters and for the selections.

W_i = concat over segments j of alpha_ij * B_idx(i,j), with B = sign(P) and idx(i,j) = argmax_l Q_ijl.

- filters: dB/dP is 1 where |P| <= 1, else 0; after each step P is clipped to [-1, 1]. LegoNet's are floats, trained as
  they are;
- selections: the one-hot choice e_ij of Q_ij passes its gradient on unchanged, dL/dQ_ijl = dL/de_ijl =
  alpha_ij * <dL/dW_ij, B_l>, also for filters that are not selected: that is how they come to be;
- scales, where the scheme has any: dL/dalpha_ij = <dL/dW_ij, B_idx(i,j)>, summed over j for a scale per filter.

A filter chooses among the filters of the bank that some filter of its group chose in the same segment of the fitted
layer. No map is computed then that the fitted layer did not compute, so additions stay within the fitted ones.

Sources: Lan & Lan, AAAI 2021 (the proxies and the estimator); LegoNet (Yang et al., ICML 2019, equations 7 to 9) for
the selection's gradient; M. Courbariaux, Y. Bengio and J.-P. David, BinaryConnect, NeurIPS 2015, section 2.4 (the
clipping). The limit to the maps of the fit is ours.
"""

from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from explorer.forms.bank_layer import BankLayer
from explorer.forms.compressed_layer import floats, stored
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.selection import Selection
from explorer.forms.straight_through import rounded_scales, signs, straight_through

__all__ = ["StackedLayer"]

MARGIN = 0.1
"""Mean magnitude of the first proxies, in the units of the window: how far training has to go to change a sign."""


@final
class StackedLayer(BankLayer):
    """`costmodels.schemes.StackedBinary` and `LegoNet`: trains filters (g, k, s, kh, kw), selections (g, M, k) and
    scales (g, n/g, 1 or S).

    The proxy of a binary filter starts at the least-squares float filter of the segments that selected it, with the
    fitted signs; that of a selection at the cosines between the module's segment and the filters, under the sign of the
    scale.
    """

    allowed: Tensor

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        arrays, shape, scheme = fitted.arrays, self.shape, self.scheme
        own = module.get_parameter("weight").detach()
        bank = floats(arrays["bank"], own)
        segments = own.reshape(shape.groups, -1, scheme.segment_channels * shape.kernel_area)
        chosen = torch.from_numpy(arrays["selection"].astype(np.int64)).to(own.device).reshape(shape.groups, -1)
        slots = shape.groups, shape.group_outputs, -1
        scales = floats(arrays["scales"], own).reshape(slots) if "scales" in arrays else None
        self.scales = None if scales is None else nn.Parameter(scales)
        one_hot = nn.functional.one_hot(chosen, scheme.filters).to(own)
        self.register_buffer("allowed", self._maps_used(one_hot))
        self.sign_selection, self.selection = Selection(), Selection()
        factors = self._factors(one_hot)
        first = bank if scheme.filter_bits != 1 else bank * _margins(segments, factors, bank.flatten(2)).view_as(bank)
        self.filters = nn.Parameter(first)
        self.selections = nn.Parameter(_first_selections(segments, factors, bank.flatten(2), one_hot))

    def _maps_used(self, one_hot: Tensor) -> Tensor:
        """(g, M, k): whether any filter of the group takes this filter of the bank in this segment."""
        by_filter = one_hot.reshape(self.shape.groups, self.shape.group_outputs, -1, self.scheme.filters)
        return (by_filter.amax(1, keepdim=True) > 0).expand_as(by_filter).reshape(one_hot.shape).clone()

    def _factors(self, one_hot: Tensor) -> Tensor:
        """alpha at the selected places of (g, M, k), zero elsewhere."""
        if self.scales is None:
            return one_hot
        segments = self.shape.group_inputs // self.scheme.segment_channels
        scales = rounded_scales(self.scales, self.scheme.scale_bits)
        return one_hot * scales.expand(-1, -1, segments).reshape(*one_hot.shape[:2], 1)

    def bank(self) -> Tensor:
        """sign(P), or LegoNet's floats."""
        if self.scheme.filter_bits != 1:
            return self.filters
        return self.sign_selection.codes(self.filters, lambda: signs(self.filters), -1, 1)

    def chosen(self) -> Tensor:
        """idx: (g, M) of int64."""
        return self.selection.choose(lambda: self.selections.masked_fill(~self.allowed, -torch.inf).argmax(2))

    def mixing(self) -> Tensor:
        """alpha at the selected filter of each segment."""
        one_hot = nn.functional.one_hot(self.chosen(), self.scheme.filters).to(self.selections)
        passed = one_hot if self.selection.is_frozen else straight_through(self.selections, one_hot)
        return self._factors(torch.where(self.allowed, passed, torch.zeros_like(passed)))

    @torch.no_grad()
    def after_step(self) -> None:
        """Clips the proxies of binary filters to [-1, 1]."""
        if self.scheme.filter_bits == 1:
            self.filters.clamp_(-1, 1)

    def arrays(self) -> Arrays:
        """``bank``, ``selection`` and, where the scheme has any, ``scales``."""
        slots = self.shape.out_channels, self.shape.group_inputs // self.scheme.segment_channels
        bank, selection = self.bank().detach().cpu().numpy(), self.chosen().cpu().numpy().reshape(slots)
        arrays = {
            "bank": bank.astype(np.int8 if self.scheme.filter_bits == 1 else np.float32),
            "selection": selection.astype(np.min_scalar_type(self.scheme.filters - 1)),
        }
        if self.scales is None:
            return arrays
        scales = stored(rounded_scales(self.scales, self.scheme.scale_bits)).reshape(self.shape.out_channels, -1)
        return arrays | {"scales": scales[:, 0].copy() if self.scheme.scale == "filter" else scales}


def _margins(segments: Tensor, factors: Tensor, bank: Tensor) -> Tensor:
    """(g, k, D): the first magnitudes of the proxies, `MARGIN` on average, those of small evidence small."""
    evidence = (factors.transpose(1, 2) @ segments) * bank
    sizes = evidence.abs().mean(2, keepdim=True)
    shares = evidence / torch.where(sizes > 0, sizes, torch.ones_like(sizes))
    shares = torch.where(sizes > 0, shares, torch.ones_like(shares))
    return (MARGIN * shares).clamp(MARGIN / 100, 1)


def _first_selections(segments: Tensor, factors: Tensor, bank: Tensor, one_hot: Tensor) -> Tensor:
    """(g, M, k): cosines, the fitted choice raised to `MARGIN` / 10 above all others."""
    lengths = segments.norm(dim=2, keepdim=True) * bank.norm(dim=2)[:, None]
    cosines = (segments @ bank.transpose(1, 2)) / torch.where(lengths > 0, lengths, torch.ones_like(lengths))
    cosines = cosines * signs(factors.sum(2, keepdim=True))
    best = cosines.amax(2, keepdim=True) + MARGIN / 10
    return torch.where(one_hot > 0, best, cosines).detach()
