"""Compiled decoders of entropy-coded streams (`costmodels.layout.entropy`), for streams that are known to be sound."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodels.kernels.engine.streams import Stream, _field
from costmodels.kernels.packing import Located
from costmodels.layout import CodedField
from costmodels.layout.entropy.huffman import HuffmanTable
from costmodels.layout.entropy.rans import STATE_BITS, TOTAL_BITS
from costmodels.layout.entropy.streams import open_stream

__all__ = ["CodedWeights"]

LOWEST, SLOTS = 1 << STATE_BITS, (1 << TOTAL_BITS) - 1


@dataclass(frozen=True, eq=False)
class CodedWeights:
    """The codes of a layer as they are stored, and the table that they are decoded with.

    Args:
        words: of the stream, uint64.
        start: the first bit of the codes.
        first: the code of symbol 0.
        count: codes.
        lookup: Huffman: (2^longest, 2) int16, by the next bits, the first the lowest, a symbol and the length of its
            code. rANS: (4096, 1), the symbol of a slot.
        frequencies: rANS: (symbols, 2) int64, frequencies and sums of those before; none of Huffman.
    """

    words: np.ndarray
    start: int
    first: int
    count: int
    lookup: np.ndarray
    frequencies: np.ndarray | None = None

    @classmethod
    def of(cls, located: Located) -> "CodedWeights":
        """Of a located `costmodels.layout.CodedField`.

        Raises:
            KernelError: the head of the stream is damaged.
        """
        field = located.field
        assert isinstance(field, CodedField)  # noqa: S101
        width, words = field.values.width, Stream.of(located).words
        rank, table, start = open_stream(located.stream, width, field.coder, field.count)
        first = rank - (1 << width - 1)
        if isinstance(table, HuffmanTable):
            lookup = table.lookup()
            return cls(words, start, first, field.count, lookup[_reversed(len(lookup))])
        frequencies = np.stack([table.frequencies, table.starts], axis=1)
        return cls(words, start, first, field.count, table.lookup()[:, None], frequencies)

    def into(self, out: np.ndarray) -> np.ndarray:
        """All codes, in the type of ``out``, which is filled and returned."""
        flat = out.reshape(-1)
        if self.frequencies is None:
            _read_huffman(self.words, self.start, self.first, self.lookup, flat)
        else:
            _read_rans(self.words, self.start, self.first, self.lookup[:, 0], self.frequencies, flat)
        return out


def _reversed(count: int) -> np.ndarray:
    """The numbers below a power of two with their bits in reverse."""
    places = np.zeros(1, np.int64)
    while len(places) < count:
        places = np.concatenate([2 * places, 2 * places + 1])
    return places


@njit(cache=True, nogil=True)
def _read_huffman(words: np.ndarray, start: int, first: int, lookup: np.ndarray, out: np.ndarray) -> None:
    longest = 0
    while 1 << longest < len(lookup):
        longest += 1
    for place in range(len(out)):
        entry = lookup[np.int64(_field(words, start, longest))]
        out[place] = first + entry[0]
        start += entry[1]


@njit(cache=True, nogil=True)
def _read_rans(
    words: np.ndarray, start: int, first: int, lookup: np.ndarray, frequencies: np.ndarray, out: np.ndarray
) -> None:
    state = np.int64(1)
    for _ in range(STATE_BITS):
        state = state << 1 | np.int64(_field(words, start, 1))
        start += 1
    for place in range(len(out)):
        slot = state & SLOTS
        symbol = np.int64(lookup[slot])
        out[place] = first + symbol
        state = frequencies[symbol, 0] * (state >> TOTAL_BITS) + slot - frequencies[symbol, 1]
        while state < LOWEST:
            state = state << 1 | np.int64(_field(words, start, 1))
            start += 1
