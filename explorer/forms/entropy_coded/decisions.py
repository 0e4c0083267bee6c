"""Which level a value takes when levels cost bits: intervals of the real line, found at once for all values.

A value u in units of the scale takes the level q of least (u - q)^2 + rho*bits(q). These are parabolas of one width, so
the values that take a level are an interval, and levels that cost much for what they bring have none: the lower
envelope of the parabolas, which a stack finds in one pass over the levels.

Source: entropy-constrained scalar quantization, Chou, Lookabaugh & Gray, IEEE Trans. ASSP 37(1), 1989.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Decisions"]


@dataclass(frozen=True, eq=False)
class Decisions:
    """The levels that are taken, and where one gives way to the next.

    Args:
        levels: (k,) ascending, float64.
        costs: (k,) rho*bits of each.
        edges: (k - 1,) values at which the next level begins.
    """

    levels: np.ndarray
    costs: np.ndarray
    edges: np.ndarray

    @classmethod
    def of_costs(cls, levels: np.ndarray, bits: np.ndarray, rho: float) -> "Decisions":
        """The envelope.

        Args:
            levels: ascending.
            bits: of each; infinite where a level has no code.
            rho: the price of a bit.
        """
        finite = np.isfinite(bits)
        kept: list[tuple[float, float]] = []
        edges: list[float] = []
        for level, cost in zip(levels[finite].tolist(), (rho * bits[finite]).tolist(), strict=True):
            while kept:
                edge = (kept[-1][0] + level) / 2 + (cost - kept[-1][1]) / (2 * (level - kept[-1][0]))
                if not edges or edge > edges[-1]:
                    edges.append(edge)
                    break
                kept.pop()
                edges.pop()
            kept.append((level, cost))
        taken, costs = np.array(kept).T
        return cls(taken, costs, np.array(edges))

    def take(self, units: np.ndarray) -> np.ndarray:
        """The level of each value."""
        taken: np.ndarray = self.levels[np.searchsorted(self.edges, units, side="right")]
        return taken

    def take_rows(self, units: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """The level of each value of rows whose prices are shares of the one of the envelope, near it: levels that the
        envelope lacks are taken by no row.

        Args:
            units: (rows, values).
            shares: (rows,).
        """
        middles, steps = (self.levels[1:] + self.levels[:-1]) / 2, np.diff(self.levels)
        edges = middles + shares[:, None] * (np.diff(self.costs) / (2 * steps))
        edges = np.maximum.accumulate(edges, axis=1)
        places = np.zeros(units.shape, np.int16)
        for place in range(edges.shape[1]):
            places += units >= edges[:, place, None]
        taken: np.ndarray = self.levels[places]
        return taken
