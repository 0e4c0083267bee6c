"""What levels cost in bits, from how often each is taken, and the bits of all."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from costmodels.layout.entropy.streams import CHECK_BITS, huffman_bits, table_of

__all__ = ["Rates", "smooth_costs"]


@dataclass(frozen=True)
class Rates:
    """The bits of a coder.

    Args:
        coder: its name.
        bits: b, of a code.
    """

    coder: str
    bits: int

    def costs(self, counts: np.ndarray) -> np.ndarray:
        """(2^b,) bits of each level in the table for these counts; infinite where it has no code.

        Args:
            counts: (2^b,) how often each level is taken.
        """
        first, table = table_of(self.coder, counts)
        costs, own = np.full(len(counts), np.inf), table.costs()
        costs[first : first + len(own)] = own
        return costs

    def total(self, counts: np.ndarray) -> float:
        """Bits of the stream: exact of Huffman codes, within a few bits of rANS."""
        if self.coder == "huffman":
            return huffman_bits(counts, self.bits)
        first, table = table_of(self.coder, counts)
        own = table.costs()
        taken = counts[first : first + len(own)]
        return float(CHECK_BITS + 2 * self.bits + table.table_bits + own[taken > 0] @ taken[taken > 0] + 1)


def smooth_costs(counts: np.ndarray) -> np.ndarray:
    """Bits of each level under a code without rounding, half a count more for each between the least and the greatest:
    none of these is lost for good. Infinite beyond."""
    used = np.flatnonzero(counts)
    own = counts[used[0] : used[-1] + 1] + 0.5
    costs = np.full(len(counts), np.inf)
    costs[used[0] : used[-1] + 1] = np.log2(own.sum() / own)
    return costs


Costs = Callable[[np.ndarray], np.ndarray]
"""Counts of levels -> bits of each."""
