"""The straight-through estimator: rounded values forward, the gradient of what they were rounded from backward.

With codes Q(v) and a window [low, high] it stands for dQ/dv = 1 inside the window and 0 outside.

Sources: Y. Bengio, N. Leonard and A. Courville, arXiv 1308.3432, section 4 (the estimator); I. Hubara et al., Binarized
Neural Networks, NeurIPS 2016 (its window); S. K. Esser et al., Learned Step Size Quantization, ICLR 2020 (the step).
"""

import math

import numpy as np
import torch
from torch import Tensor, nn

from costmodels.codes import code_dtype, code_levels, has_zero
from costmodels.scales import round_scales

__all__ = [
    "QuantizedTensor",
    "code_window",
    "positive",
    "round_to_codes",
    "rounded_scales",
    "signs",
    "straight_through",
]

SIGN_WINDOW = 3.0
"""Steps beyond which a one-bit value gets no gradient. At one step, which is the mean magnitude where it fits best, two
in five Gaussian values would get none."""


def straight_through(values: Tensor, codes: Tensor, low: float = -math.inf, high: float = math.inf) -> Tensor:
    """Exactly ``codes``, with the gradient of ``values`` clipped to [low, high].

    >>> values = torch.tensor([-2.0, 0.4], requires_grad=True)
    >>> rounded = straight_through(values, signs(values), -1, 1)
    >>> rounded.sum().backward()
    >>> rounded.tolist(), values.grad.tolist()
    ([-1.0, 1.0], [0.0, 1.0])
    """
    passed = values.clamp(low, high)
    return codes.detach() + (passed - passed.detach())


def signs(values: Tensor) -> Tensor:
    """-1 below zero, else 1."""
    return torch.where(values < 0, -1.0, 1.0).to(values.dtype)


def positive(steps: Tensor) -> Tensor:
    """Steps to divide by: 1 in place of 0."""
    return torch.where(steps > 0, steps, torch.ones_like(steps))


def rounded_scales(scales: Tensor, bits: int) -> Tensor:
    """The scales of a layer as they are stored in ``bits`` bits (`costmodels.scales.round_scales`), with the gradient
    of the scales."""
    if bits == 32:
        return scales
    values = round_scales(scales.detach().cpu().numpy(), bits)
    return straight_through(scales, torch.from_numpy(values).to(scales))


def round_to_codes(values: Tensor, bits: int) -> Tensor:
    """The nearest level of ``bits`` bits (1 to 16), as `explorer.forms.quantizer.round_to_codes`."""
    half = 1 << (bits - 1)
    if bits == 1:
        return signs(values)
    if has_zero(bits):
        return values.round().clamp(-half, half - 1)
    return 2 * (values / 2).floor().clamp(-half, half - 1) + 1


def code_window(bits: int) -> tuple[float, float]:
    """Least and greatest value, in steps, that a gradient passes: those of the levels; `SIGN_WINDOW` for one bit."""
    levels = code_levels(bits)
    return (-SIGN_WINDOW, SIGN_WINDOW) if bits == 1 else (float(levels[0]), float(levels[-1]))


class QuantizedTensor(nn.Module):
    """A tensor of b-bit codes times a step, x^ = step * Q(x / step), with its full-precision proxy x.

    Gradient, with v = x / step: dx^/dx is 1 inside the window of the codes and 0 outside; dx^/dstep is Q(v) - v inside
    and Q(v) outside (Esser et al., equations 3 and 5; their scaling of the step's gradient is left out, since AdamW
    undoes it). The step is reference * exp(f) with f trained from 0, so that it keeps its sign and moves by shares of
    itself; a reference of zero stays zero, and so do its values. At 32 bits there is no step, and x^ is x.

    Args:
        codes: of `costmodels.codes`, or floats at 32 bits; any shape.
        step: broadcasts with it; ignored at 32 bits.
        bits: b.
        learned_step: whether f is trained.
        scale_bits: of a stored step, to which it is rounded wherever it is used.
        start: float values that the proxy takes where they round to the codes; elsewhere it takes codes * step.
        zeros: zero points z, whole numbers that broadcast with the step: x^ is step * (Q(x / step + z) - z). They are
            trained as well, rounded to codes of ``zero_bits`` bits (Bhalgat et al., LSQ+, arXiv 2004.09576): where
            Q(v) lies outside the window, dx^/dz is -step.
        zero_bits: of a stored zero point.
    """

    reference: Tensor

    def __init__(
        self,
        codes: Tensor,
        step: Tensor,
        bits: int,
        start: Tensor | None = None,
        learned_step: bool = True,
        scale_bits: int = 32,
        zeros: Tensor | None = None,
        zero_bits: int = 0,
    ) -> None:
        super().__init__()
        self.bits, self.scale_bits, self.zero_bits = bits, scale_bits, zero_bits
        self.zeros = None if zeros is None else nn.Parameter(zeros.detach().clone())
        shift = 0 if zeros is None else zeros
        values = codes if bits == 32 else (codes - shift) * step
        if start is not None and bits != 32:
            values = torch.where(round_to_codes(start / positive(step) + shift, bits) == codes, start, values)
        self.values = nn.Parameter(values.detach().clone())
        self.register_buffer("reference", step.detach().clone())
        self.factor = nn.Parameter(torch.zeros_like(step)) if learned_step and bits != 32 else None

    @property
    def step(self) -> Tensor:
        """The step; ones at 32 bits."""
        if self.bits == 32:
            return torch.ones_like(self.reference)
        exact = self.reference if self.factor is None else self.reference * self.factor.exp()
        return rounded_scales(exact, self.scale_bits)

    def zero_points(self) -> Tensor:
        """z, rounded with the straight-through gradient; 0 where there are none."""
        if self.zeros is None:
            return self.reference.new_zeros(())
        codes = round_to_codes(self.zeros.detach(), self.zero_bits)
        return straight_through(self.zeros, codes, *code_window(self.zero_bits))

    def codes(self, kept: Tensor | None = None) -> Tensor:
        """Q(x / step + z) with the straight-through gradient, zero where not ``kept``; x at 32 bits.

        The gradient also reaches values that are not kept, so that these can come back.
        """
        if self.bits == 32:
            return self.values
        units = self.values / positive(self.step) + self.zero_points()
        codes = round_to_codes(units.detach(), self.bits)
        return straight_through(units, codes if kept is None else codes * kept, *code_window(self.bits))

    def forward(self) -> Tensor:
        """x^."""
        return self.codes() if self.bits == 32 else (self.codes() - self.zero_points()) * self.step

    def stored_codes(self, kept: Tensor | None = None) -> np.ndarray:
        """The codes as they are stored."""
        return self.codes(kept).detach().cpu().numpy().astype(code_dtype(self.bits))
