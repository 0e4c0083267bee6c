"""Sparse rows of groups that keep the same number of places each, read as they are stored (N:M sparse weights)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from costmodels.kernels.engine.streams import Stream, _add_four, _code, _field
from costmodels.kernels.packing import Located
from costmodels.layout import places_of_ranks
from costmodels.machine.limits import ENTRIES_AT_ONCE

__all__ = ["GroupRows"]


@dataclass(frozen=True, eq=False)
class GroupRows:
    """For each filter, element of the kernel and group of channels: which are kept, and their values.

    Args:
        index: ranks of the places, or the places themselves.
        values: those kept.
        table: (C(M, N), N), the places of a rank.
        group: M.
        elements: of a kernel.
    """

    index: Stream
    values: Stream
    table: np.ndarray
    group: int
    elements: int

    @classmethod
    def of(cls, index: Located, values: Located, kept: int, group: int, elements: int) -> "GroupRows":
        """Of the located arrays of a layer that keeps ``kept`` of ``group`` channels."""
        table = places_of_ranks(kept, group).astype(np.int64)
        return cls(Stream.of(index), Stream.of(values), table, group, elements)

    def mix(self, maps: np.ndarray, out: np.ndarray) -> None:
        """Sums of the maps of places under their values.

        Args:
            maps: (g, c/g * elements, positions).
            out: (n, positions), of the type of the maps.
        """
        index, values = self.index, self.values
        layouts = (index.start, index.width), (values.start, values.width)
        are_ranks = index.parts == 1  # a single place is its own rank
        _mix((index.words, values.words), layouts, are_ranks, self.table, self.group, self.elements, maps, out)


@njit(cache=True, nogil=True, fastmath={"contract"})
def _mix(
    words: tuple[np.ndarray, np.ndarray],
    layouts: tuple[tuple[int, int], tuple[int, int]],
    are_ranks: bool,
    table: np.ndarray,
    group: int,
    elements: int,
    maps: np.ndarray,
    out: np.ndarray,
) -> None:
    """Entries are held back until there are `ENTRIES_AT_ONCE`, and then added to the output in one pass."""
    (at, index_width), (value_at, width) = layouts
    kept, groups, floats = table.shape[1], maps.shape[1] // (group * elements), np.zeros(1, np.uint32)
    places, factors = np.zeros(ENTRIES_AT_ONCE, np.int64), np.zeros(ENTRIES_AT_ONCE, out.dtype)
    rank: Any = 0
    for i in range(len(out)):
        layer_group, line, held = i // (len(out) // len(maps)), out[i], 0
        line[:] = 0
        for element in range(elements):
            for first in range(groups):
                if are_ranks:
                    rank = np.int64(_field(words[0], at, index_width))
                    at += index_width
                for k in range(kept):
                    place = table[rank, k]
                    if not are_ranks:
                        place = np.int64(_field(words[0], at, index_width))
                        at += index_width
                    bits = _field(words[1], value_at, width)
                    value_at += width
                    if width == 32:
                        floats[0] = np.uint32(bits)
                        factors[held] = floats.view(np.float32)[0]
                    else:
                        factors[held] = _code(bits, width)
                    places[held] = (first * group + place) * elements + element
                    held += 1
                    if held == ENTRIES_AT_ONCE:
                        _add_four(line, maps[layer_group], places, factors)
                        held = 0
        factors[held:] = 0
        if held:
            _add_four(line, maps[layer_group], places, factors)
