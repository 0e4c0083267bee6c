"""Sparse linear combinations of a quantized basis, trained through the quantizer and projected onto L1 balls.

W_i = concat over segments j of sum_l A_ijl * B_l, with B = step_B * Q(x_B / step_B) of b bits, and A likewise of b_A
bits where it is quantized; gradients as in `explorer.forms.straight_through` and `explorer.forms.bank_layer`. A
coefficient that is zero gets its gradient too, <dL/dW_ij, B_l>, and can come back.

After every optimizer step the coefficients of each filter are projected onto the L1 ball of the filter's radius, by
default the norm of its fitted coefficients. Density is an outcome of the radius; the fitted layer's count of non-zeros,
which the flash budget and the operations were counted with, is kept as a limit: beyond it the smallest are dropped. A
coefficient can stand only where the fitted layer computes the map, so that no map is added.

Sources: Lan, Cheung, Lan, Jiang & Hu, IEEE TNNLS 2024, doi 10.1109/TNNLS.2024.3457943 (estimator and projection);
J. Duchi et al., ICML 2008, figure 1 (the projection); the limit is ours.
"""

from collections.abc import Mapping
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from costmodels.codes import has_zero
from costmodels.schemes import SparseBasis
from explorer.forms.bank_layer import BankLayer
from explorer.forms.compressed_layer import floats, stored
from explorer.forms.fitted_layer import Arrays, FittedLayer
from explorer.forms.places import pack_places, spread_values
from explorer.forms.quantized_tensor import QuantizedTensor
from explorer.forms.sparse_basis.l1_ball import project_l1_ball
from explorer.forms.straight_through import rounded_scales

__all__ = ["SparseBasisLayer"]


@final
class SparseBasisLayer(BankLayer):
    """`costmodels.schemes.SparseBasis`: trains the basis (g, m, s*kh*kw), the coefficients (g, M, m) and their steps.

    Only the product of both steps is stored. They start so that basis values have a root mean square of 1.

    Attributes:
        radius: (n,), of each filter's L1 ball; a smaller one can be put in its place.
        allowed: (g, M, m) booleans, where the fitted layer computes the map.
        limit: most non-zeros.
    """

    radius: Tensor
    allowed: Tensor

    def __init__(self, module: nn.Module, fitted: FittedLayer) -> None:
        super().__init__(module, fitted)
        scheme, shape, arrays = self.scheme, self.shape, fitted.arrays
        own = module.get_parameter("weight").detach()
        basis = floats(arrays["basis"], own).flatten(2)
        rows = shape.out_channels * shape.group_inputs // scheme.segment_channels
        spread = spread_values("coefficients", arrays, rows, scheme.filters)
        coefficients = floats(spread, own).reshape(shape.groups, -1, scheme.filters)
        steps = _first_steps(basis, arrays, scheme)
        if scheme.basis_bits == 32:
            basis = basis / steps[1]
        self.basis = QuantizedTensor(basis, steps[0], scheme.basis_bits)
        self.coefficients = QuantizedTensor(coefficients, steps[1].transpose(1, 2), scheme.coefficient_bits)
        self.limit = int(np.count_nonzero(arrays["coefficients"]))
        self._can_be_zero = scheme.coefficients != "dense" or has_zero(scheme.coefficient_bits)
        self.register_buffer("radius", self._filter_rows().detach().abs().sum(1))
        by_filter = (coefficients != 0).reshape(shape.groups, shape.group_outputs, -1, scheme.filters)
        used = by_filter.any(1, keepdim=True).expand_as(by_filter)
        self.register_buffer("allowed", used.reshape(coefficients.shape).clone())

    def _filter_rows(self) -> Tensor:
        """The coefficients of each filter, (n, S*m)."""
        return self.coefficients.values.reshape(self.shape.out_channels, -1)

    def _kept(self) -> Tensor | None:
        """(g, M, m) of 0 and 1, where there is a coefficient; none where each of them is stored and has no zero."""
        return (self.coefficients.values.detach() != 0).to(self.radius) if self._can_be_zero else None

    def bank(self) -> Tensor:
        """The basis: codes, or floats."""
        basis = self.basis.codes()
        return basis.reshape(*basis.shape[:2], self.scheme.segment_channels, *self.shape.kernel)

    def mixing(self) -> Tensor:
        """The coefficients times both steps."""
        codes = self.coefficients.codes(self._kept())
        return torch.where(self.allowed, codes, torch.zeros_like(codes)) * self._product().transpose(1, 2)

    def _product(self) -> Tensor:
        """The product of both steps, (g, 1, 1) or (g, m, 1), as it is stored."""
        product = self.coefficients.step.transpose(1, 2) * self.basis.step
        return product if self.scheme.basis_bits == 32 else rounded_scales(product, self.scheme.scale_bits)

    @torch.no_grad()
    def freeze(self) -> None:
        """As `CompressedLayer.freeze`; coefficients of 32 bits stay trained, each where it stands."""
        super().freeze()
        if self._can_be_zero and self.scheme.coefficient_bits == 32:
            self.allowed &= self.coefficients.values != 0

    @torch.no_grad()
    def after_step(self) -> None:
        """Projects each filter's coefficients onto its L1 ball, then keeps the `limit` largest of the layer."""
        if not self._can_be_zero or self.coefficients.selection.is_frozen:
            return
        values = self.coefficients.values
        values.mul_(self.allowed)
        rows = self._filter_rows().detach().cpu().numpy()
        projected = torch.from_numpy(project_l1_ball(rows, self.radius.cpu().numpy()))
        values.copy_(projected.reshape(values.shape))
        if int(torch.count_nonzero(values)) > self.limit:
            order = values.abs().flatten().sort(descending=True, stable=True).indices
            values.view(-1)[order[self.limit :]] = 0

    def arrays(self) -> Arrays:
        """``basis``, ``coefficients`` with their places and, where the basis is quantized, ``scales``."""
        scheme, kept = self.scheme, self._kept()
        rows = self.coefficients.stored_codes(kept) * self.allowed.cpu().numpy()
        product = self._product()
        kernel = scheme.segment_channels, *self.shape.kernel
        if scheme.basis_bits == 32:
            basis, scales = stored(self.basis.values * product), {}
        else:
            basis, scales = self.basis.stored_codes(), {"scales": stored(product[:, :, 0])}
        packed = pack_places("coefficients", rows.reshape(-1, scheme.filters), scheme.coefficients)
        return {"basis": basis.reshape(*basis.shape[:2], *kernel)} | packed | scales


def _first_steps(basis: Tensor, arrays: Mapping[str, np.ndarray], scheme: SparseBasis) -> tuple[Tensor, Tensor]:
    """First steps of basis and coefficients, each (g, 1, 1) or (g, m, 1); their product is what is stored."""
    squares = basis.square().mean(2, keepdim=True)
    sizes = (squares if scheme.basis_scale == "filter" else squares.mean(1, keepdim=True)).sqrt()
    sizes = torch.where(sizes > 0, sizes, torch.ones_like(sizes))
    ones = torch.ones_like(sizes)
    product = floats(arrays["scales"], basis)[:, :, None] if "scales" in arrays else ones
    if scheme.coefficient_bits == 32:
        return product, ones
    return (ones, sizes) if scheme.basis_bits == 32 else (1 / sizes, product * sizes)
