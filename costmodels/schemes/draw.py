"""What the parameters of random schemes are drawn from: those of proofs, and those of layers to time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Draw"]


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw of parameters for a layer.

    Args:
        generator: of the further values.
        segment_channels: s, a divisor of the channels of a group.
        filters: low-dimensional filters, or templates.
        density: share of values kept.
        widths: bits to choose from.
    """

    generator: np.random.Generator
    segment_channels: int
    filters: int
    density: float
    widths: Sequence[int]

    def bits(self) -> int:
        """One of the widths."""
        return int(self.generator.choice(self.widths))

    def one_of(self, *values: Any) -> Any:
        """One of the values."""
        return values[int(self.generator.integers(len(values)))]
