"""Activations rounded in training as they will be in use, with a straight-through gradient.

Sources: B. Jacob et al., CVPR 2018, arXiv 1712.05877, section 2.1 (the levels); S. K. Esser et al., Learned Step Size
Quantization, ICLR 2020 (a learned scale); I. Hubara et al., Binarized Neural Networks, NeurIPS 2016 (one bit).
"""

from typing import final

import torch
from torch import Tensor, nn

from explorer.forms.straight_through import signs, straight_through
from explorer.measurement.activation_ranges import ActivationRange, fake_quantize

__all__ = ["ActivationQuantizer", "SignActivation"]


@final
class ActivationQuantizer(nn.Module):
    """x^ = scale * (clip(round(x / scale) + zero, 0, 2^b - 1) - zero), exactly
    `explorer.measurement.activation_ranges.fake_quantize`.

    One bit is a sign, in the middle between its two levels, and the gradient below is the clipped one of a sign.

    Gradient: dx^/dx is 1 where x / scale lies between the lowest and the highest level, else 0. With v = x / scale,
    dx^/dscale is the level less v between them, and the level outside. A learned scale is the calibrated one times
    exp(f), with f trained from 0 and the zero point as calibrated.

    Args:
        found: the calibrated range.
        bits: b, 1 to 16.
        learned: whether the scale is trained.
    """

    scale_start: Tensor

    def __init__(self, found: ActivationRange, bits: int, learned: bool = False) -> None:
        super().__init__()
        self.bits, self.zero_point = bits, found.zero_point(bits)
        self.register_buffer("scale_start", torch.tensor(found.scale(bits), dtype=torch.float64))
        self.factor = nn.Parameter(torch.zeros((), dtype=torch.float64)) if learned else None

    @property
    def scale(self) -> Tensor:
        """The distance of two levels, a scalar in float64."""
        return self.scale_start if self.factor is None else self.scale_start * self.factor.exp()

    def forward(self, values: Tensor) -> Tensor:
        """The values, each rounded to its level; same shape."""
        low, high = -self.zero_point, 2**self.bits - 1 - self.zero_point
        rounded = fake_quantize(values.detach(), float(self.scale.detach()), self.zero_point, self.bits)
        if not torch.is_grad_enabled():
            return rounded
        scale = self.scale.to(values.dtype)
        units = values / scale
        carrier = scale * straight_through(units, units.detach().round().clamp(low, high), low, high)
        return straight_through(carrier, rounded)

    def extra_repr(self) -> str:
        """Bits, zero point and whether the scale is trained."""
        return f"{self.bits} bits, zero point {self.zero_point}{', learned scale' if self.factor is not None else ''}"


@final
class SignActivation(nn.Module):
    """-1 below zero, else 1: activations of one bit. The gradient is 1 where |x| <= 1, else 0."""

    def forward(self, values: Tensor) -> Tensor:
        """The signs; same shape."""
        return straight_through(values, signs(values.detach()), -1, 1)
