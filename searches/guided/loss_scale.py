"""The scale on which losses are modelled: where between the best and the worst measured they are, as a logit.

So what is learned does not depend on the unit of the objective, and a network that has collapsed is as bad as another
that has.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["LossScale"]

EDGE = 0.01
"""Share of the range of losses that is left beyond the least and the greatest."""

WORST_WEIGHT = 0.5
"""Weight of designs as bad as the worst: how bad they are is not seen any more."""


@dataclass(frozen=True)
class LossScale:
    """Losses between the best and the worst measured, on the logit scale.

    Args:
        best: the least loss measured.
        worst: the greatest.
    """

    best: float
    worst: float

    @classmethod
    def of(cls, losses: np.ndarray) -> "LossScale":
        """The scale of these losses."""
        return cls(float(losses.min()), float(losses.max()))

    @property
    def edge(self) -> float:
        """What is left beyond both ends."""
        return EDGE * (self.worst - self.best) or 1.0

    def to(self, losses: np.ndarray) -> np.ndarray:
        """z of losses."""
        return np.asarray(np.log((losses - self.best + self.edge) / (self.worst - losses + self.edge)))

    def back(self, z: np.ndarray) -> np.ndarray:
        """Losses of z."""
        whole = self.worst - self.best + 2 * self.edge
        return np.asarray(self.best - self.edge + whole / (1 + np.exp(-np.clip(z, -50, 50))))

    def weights(self, losses: np.ndarray) -> np.ndarray:
        """How much an observation of each loss counts."""
        return np.where(losses >= self.worst - 2 * self.edge, WORST_WEIGHT, 1.0)
