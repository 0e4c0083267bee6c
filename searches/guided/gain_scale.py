"""The scales on which a gain counts: logarithms, so that equal ratios count alike at every size.

In bytes and shares themselves nearly all of the hypervolume that is left to gain lies where a network hardly answers
any more: there a few bytes change much. Who wants a design looks at ratios: a tenth fewer bytes, half of what was lost.
"""

from dataclasses import dataclass

import numpy as np

from searches.guided.problem_tables import ProblemTables

__all__ = ["GainScale", "known_scale", "loss_scale"]

EDGE, SPREADS = 0.01, 1.0
"""Share of the range of losses, and standard deviations of what is measured around them: together that below which
differences from the best one do not matter."""

LEAST_SHARE = 1e-3
"""Of its greatest value, below which differences of a known figure do not matter."""


@dataclass(frozen=True)
class GainScale:
    """log(value - origin + edge).

    Args:
        origin: the best value.
        edge: positive.
    """

    origin: float
    edge: float

    def to(self, values: np.ndarray | float) -> np.ndarray:
        """The logarithms of values; what is better than the origin by more than half of the edge counts as by half."""
        return np.asarray(np.log(np.maximum(values - self.origin, -self.edge / 2) + self.edge))


def known_scale(tables: ProblemTables, name: str) -> GainScale:
    """That of a known objective: differences count as shares of its value and the least that a design can have."""
    is_sum = name in tables.sums
    lowest = [float(np.min((one.sums if is_sum else one.peaks)[name])) for one in tables.variables]
    least = sum(lowest) if is_sum else max(lowest)
    origin = min(least, 0.0)
    return GainScale(origin, max(least, LEAST_SHARE * (tables.greatest(name) - origin)) or 1.0)


def loss_scale(losses: np.ndarray, spread: float = 0.0) -> GainScale:
    """That of the measured objective: differences count as shares of what is lost against the best measured.

    Args:
        losses: measured, finite.
        spread: standard deviation of what is measured of designs that are as good as the best.
    """
    best = float(losses.min())
    return GainScale(best, EDGE * (float(losses.max()) - best) + SPREADS * spread or 1.0)
