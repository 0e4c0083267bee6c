"""Canonical Huffman codes of limited length.

Sources: D. A. Huffman, Proc. IRE 40(9), 1952; L. L. Larmore and D. S. Hirschberg, A fast algorithm for optimal
length-limited Huffman codes, Journal of the ACM 37(3), 1990 (package-merge). Canonical: codes of one length are
consecutive numbers in the order of the symbols, shorter codes come first; so the lengths alone are the table.
"""

import heapq
from collections.abc import Sequence

import numpy as np

from costmodels.errors import KernelError
from costmodels.layout.entropy.bits import DAMAGED, BitReader, field_bits
from costmodels.numbers import ceil_log2

__all__ = ["LIMITS", "HuffmanTable", "code_lengths"]

LIMITS = (3, 7, 15)
"""Longest codes that are tried: a table takes 2, 3 or 4 bits a symbol."""

WIDTH_BITS = 3
"""Bits that say how many bits a length of the table has."""


class HuffmanTable:
    """The code of every symbol.

    Args:
        lengths: (symbols,) bits of the codes, 0 for a symbol that does not occur; the only symbol has 1.
    """

    scratch_bits = 0

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths.astype(np.int64)

    @classmethod
    def of_counts(cls, counts: np.ndarray) -> "HuffmanTable":
        """The table with which table and codes take fewest bits together.

        Args:
            counts: (symbols,) how often each occurs, the first and the last at least once.
        """
        if len(counts) == 1:
            return cls(np.ones(1, np.int64))
        used, found = int(np.count_nonzero(counts)), list[HuffmanTable]()
        for limit in LIMITS:
            if used <= 1 << limit:
                table = cls(code_lengths(counts.tolist(), limit))
                found.append(table)
                if table.lengths.max() < limit:
                    break
        return min(found, key=lambda table: table.table_bits + table.stream_bits(counts))

    @property
    def width(self) -> int:
        """Bits of a length in the stored table: L2(longest + 1); 0 for a lone symbol."""
        return 0 if len(self.lengths) == 1 else ceil_log2(int(self.lengths.max()) + 1)

    @property
    def table_bits(self) -> int:
        """Bits of the stored table."""
        return WIDTH_BITS + self.width * len(self.lengths)

    def stream_bits(self, counts: np.ndarray) -> int:
        """Bits of the codes of symbols that occur so often."""
        return int(self.lengths @ counts)

    def costs(self) -> np.ndarray:
        """Bits of each symbol, infinite where it has no code."""
        costs: np.ndarray = np.where(self.lengths > 0, self.lengths, np.inf)
        return costs

    def stored(self) -> np.ndarray:
        """The table in bits."""
        sizes = np.concatenate([[WIDTH_BITS], np.full(len(self.lengths), self.width)])
        return field_bits(np.concatenate([[self.width], self.lengths]), sizes)

    @classmethod
    def read(cls, reader: BitReader, symbols: int) -> "HuffmanTable":
        """The inverse of `stored`.

        Raises:
            KernelError: these are no lengths of a complete code, or could be stored in fewer bits.
        """
        width = reader.number(WIDTH_BITS)
        table = cls(reader.numbers(width, symbols) if width else np.ones(1, np.int64))
        whole = len(table.lengths) == symbols and table.width == width
        shares = 0.5 ** table.lengths[table.lengths > 0]
        if not whole or (symbols > 1 and float(shares.sum()) != 1):
            raise KernelError("code lengths are those of a complete code", "others", DAMAGED)
        return table

    def codes(self) -> np.ndarray:
        """(symbols,) the canonical code of each symbol as a number of its length."""
        codes, code, before = np.zeros(len(self.lengths), np.int64), 0, 0
        order = np.lexsort((np.arange(len(self.lengths)), self.lengths))
        for symbol in order[self.lengths[order] > 0]:
            code <<= int(self.lengths[symbol]) - before
            before = int(self.lengths[symbol])
            codes[symbol] = code
            code += 1
        return codes

    def lookup(self) -> np.ndarray:
        """(2^longest, 2) int16: by the next bits of a stream, the highest first, the symbol and its length; length 0
        where no code begins so."""
        longest = int(self.lengths.max())
        table = np.zeros((1 << longest, 2), np.int16)
        for symbol, (code, length) in enumerate(zip(self.codes().tolist(), self.lengths.tolist(), strict=True)):
            if length:
                table[code << longest - length : code + 1 << longest - length] = symbol, length
        return table

    def encode(self, symbols: np.ndarray) -> np.ndarray:
        """The bits of symbols, each of which has a code."""
        return field_bits(self.codes()[symbols], self.lengths[symbols])

    def decode(self, bits: np.ndarray, count: int) -> np.ndarray:
        """The inverse of `encode`: ``count`` symbols.

        Raises:
            KernelError: the bits are no codes, or of another number of symbols.
        """
        lookup = self.lookup()
        longest = int(self.lengths.max())
        padded = np.concatenate([bits, np.zeros(longest, np.uint8)])
        windows = np.zeros(len(bits), np.int32)
        for place in range(longest):
            windows = windows << 1 | padded[place : place + len(bits)]
        sizes: list[int] = lookup[windows, 1].tolist()
        found: list[int] = []
        place = 0
        while place < len(bits) and len(found) < count:
            found.append(place)
            place += sizes[place] or len(bits) + 1
        if place != len(bits) or len(found) != count:
            raise KernelError("an entropy-coded stream is codes of all weights", "other bits", DAMAGED)
        symbols: np.ndarray = lookup[windows[found], 0]
        return symbols


def code_lengths(counts: Sequence[int], limit: int) -> np.ndarray:
    """Lengths of an optimal prefix code, none above ``limit``; 0 for symbols that do not occur.

    Args:
        counts: how often each symbol occurs; at least one does, and at most 2^limit.
        limit: longest code.

    >>> code_lengths([5, 1, 1, 0], 15).tolist()
    [1, 2, 2, 0]
    """
    used = [symbol for symbol, count in enumerate(counts) if count > 0]
    lengths = np.zeros(len(counts), np.int64)
    if len(used) == 1:
        lengths[used] = 1
        return lengths
    own = _unlimited([counts[symbol] for symbol in used])
    if max(own) > limit:
        own = _limited([counts[symbol] for symbol in used], limit)
    lengths[used] = own
    return lengths


def _unlimited(counts: Sequence[int]) -> list[int]:
    """Huffman's own: the two rarest are joined again and again; of equal counts the first."""
    heap: list[tuple[int, int, tuple[int, ...]]] = [(count, place, (place,)) for place, count in enumerate(counts)]
    heapq.heapify(heap)
    lengths, made = [0] * len(counts), len(counts)
    while len(heap) > 1:
        (first, _, left), (second, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        for place in left + right:
            lengths[place] += 1
        heapq.heappush(heap, (first + second, made, left + right))
        made += 1
    return lengths


def _limited(counts: Sequence[int], limit: int) -> list[int]:
    """Package-merge: of ``limit`` rows of symbols and pairs from the row before, the cheapest 2*(symbols - 1)."""
    symbols: list[tuple[int, tuple[int, ...]]] = sorted((count, (place,)) for place, count in enumerate(counts))
    row = symbols
    for _ in range(limit - 1):
        pairs = [(a + b, left + right) for (a, left), (b, right) in zip(row[::2], row[1::2], strict=False)]
        row = sorted(symbols + pairs)
    lengths = [0] * len(counts)
    for _, places in row[: 2 * (len(counts) - 1)]:
        for place in places:
            lengths[place] += 1
    return lengths
