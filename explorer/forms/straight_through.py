"""The straight-through estimator: rounded values forward, the gradient of what they were rounded from backward.

With codes Q(v) and a window [low, high] it stands for dQ/dv = 1 inside the window and 0 outside.

Sources: Y. Bengio, N. Leonard and A. Courville, arXiv 1308.3432, section 4 (the estimator); I. Hubara et al., Binarized
Neural Networks, NeurIPS 2016 (its window); S. K. Esser et al., Learned Step Size Quantization, ICLR 2020 (the step).
"""

import math

import torch
from torch import Tensor

from costmodels.codes import code_levels, has_zero
from costmodels.scales import round_scales

__all__ = [
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
