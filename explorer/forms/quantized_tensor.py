"""QuantizedTensor: codes times a step, with a float proxy that is trained in their place.

With v = x / step and a window [low, high] of the codes, dQ/dv stands for 1 inside the window and 0 outside
(`explorer.forms.straight_through`).

Sources: S. K. Esser et al., Learned Step Size Quantization, ICLR 2020; Y. Bhalgat et al., LSQ+, arXiv 2004.09576.
"""

import numpy as np
import torch
from torch import Tensor, nn

from costmodels.codes import code_dtype
from explorer.forms.selection import Selection
from explorer.forms.straight_through import code_window, positive, round_to_codes, rounded_scales

__all__ = ["QuantizedTensor"]


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
        self.selection, self.zero_selection = Selection(), Selection()
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
        zeros, bits = self.zeros, self.zero_bits
        return self.zero_selection.codes(zeros, lambda: round_to_codes(zeros, bits), *code_window(bits))

    def codes(self, kept: Tensor | None = None) -> Tensor:
        """Q(x / step + z) with the straight-through gradient, zero where not ``kept``; x at 32 bits.

        The gradient also reaches values that are not kept, so that these can come back.
        """
        if self.bits == 32:
            return self.values
        units = self.values / positive(self.step) + self.zero_points()

        def choice() -> Tensor:
            codes = round_to_codes(units, self.bits)
            return codes if kept is None else codes * kept

        return self.selection.codes(units, choice, *code_window(self.bits))

    def forward(self, kept: Tensor | None = None) -> Tensor:
        """x^, as `codes`."""
        codes = self.codes(kept)
        return codes if self.bits == 32 else (codes - self.zero_points()) * self.step

    def stored_codes(self, kept: Tensor | None = None) -> np.ndarray:
        """The codes as they are stored."""
        return self.codes(kept).detach().cpu().numpy().astype(code_dtype(self.bits))
