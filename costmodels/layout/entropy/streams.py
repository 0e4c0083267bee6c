"""Entropy-coded streams of codes: a checksum, the range of ranks, a table, and the codes.

| bits | what |
|---|---|
| 16 | CRC-16 (polynomial 0x1021) of the bytes that follow, the last filled up with zeros |
| b, b | the lowest rank that has a code, and how many ranks from it on the table covers, less one |
| 3, then L2(longest + 1) a rank | Huffman: bits of a length, and the length of each rank's code |
| 4, then that many less one | rANS, a rank but the last: the bits of its frequency, and those after the highest |
| 16 | rANS: the state that the decoder starts from |
| the rest | the codes, in the order of the weights |

Numbers have their highest bit first. Every bit counts as storage.
"""

import binascii
from typing import Protocol, Self

import numpy as np

from costmodels.errors import KernelError
from costmodels.layout.bitstream import BitStream
from costmodels.layout.entropy.bits import DAMAGED, BitReader, field_bits
from costmodels.layout.entropy.huffman import WIDTH_BITS, HuffmanTable
from costmodels.layout.entropy.rans import SIZE_BITS, STATE_BITS, TOTAL_BITS, RansTable

__all__ = ["CHECK_BITS", "CODERS", "Table", "coded_bits", "decode", "encode", "least_bits", "open_stream", "table_of"]

CHECK_BITS = 16

WEIGHTS_A_BIT = 64
"""No stream holds more weights for a bit: checked before memory is taken for them."""


class Table(Protocol):
    """What a coder makes of counts."""

    @classmethod
    def of_counts(cls, counts: np.ndarray) -> Self:
        """For symbols that occur so often."""

    @classmethod
    def read(cls, reader: BitReader, symbols: int) -> Self:
        """From a stream."""

    @property
    def table_bits(self) -> int:
        """Bits that a table takes, whatever it codes."""

    def stored(self) -> np.ndarray:
        """In bits."""

    def costs(self) -> np.ndarray:
        """Bits of each symbol."""

    def encode(self, symbols: np.ndarray) -> np.ndarray:
        """Symbols to bits."""

    def decode(self, bits: np.ndarray, count: int) -> np.ndarray:
        """Bits to symbols."""


CODERS: dict[str, type[HuffmanTable] | type[RansTable]] = {"huffman": HuffmanTable, "rans": RansTable}
"""The coders by name."""


def least_bits(coder: str, rank_bits: int, count: int) -> int:
    """Bits of the shortest stream of so many codes: those of one value.

    Args:
        coder: of `CODERS`.
        rank_bits: b.
        count: codes; an int, or a column of them.
    """
    head = CHECK_BITS + 2 * rank_bits
    if coder == "huffman":
        return head + WIDTH_BITS + count
    # two frequencies, and 1 bit for 44 codes, the rest for what the state drifts by
    return head + SIZE_BITS + TOTAL_BITS + STATE_BITS + count // 32 + 32


def table_of(coder: str, counts: np.ndarray) -> tuple[int, HuffmanTable | RansTable]:
    """The first rank of the table, and the table.

    Args:
        coder: of `CODERS`.
        counts: (2^b,) how often each rank occurs.
    """
    used = np.flatnonzero(counts)
    first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
    if coder == "rans" and first == last:
        first, last = (first, last + 1) if last + 1 < len(counts) else (first - 1, last)
    return first, CODERS[coder].of_counts(counts[first : last + 1])


def coded_bits(ranks: np.ndarray, rank_bits: int, coder: str) -> int:
    """Bits of the stream that `encode` makes.

    Args:
        ranks: as for `encode`.
        rank_bits: b.
        coder: of `CODERS`.
    """
    if coder != "huffman":
        return encode(ranks, rank_bits, coder).bits
    counts = np.bincount(ranks.reshape(-1), minlength=1 << rank_bits)
    return huffman_bits(counts, rank_bits)


def huffman_bits(counts: np.ndarray, rank_bits: int) -> int:
    """The same for Huffman codes, from how often each rank occurs."""
    first, table = table_of("huffman", counts)
    assert isinstance(table, HuffmanTable)  # noqa: S101
    own = counts[first : first + len(table.lengths)]
    return CHECK_BITS + 2 * rank_bits + table.table_bits + table.stream_bits(own)


def encode(ranks: np.ndarray, rank_bits: int, coder: str) -> BitStream:
    """The stream of ranks.

    Args:
        ranks: whole numbers from 0 to 2^b - 1, of any shape, in C order; at least one.
        rank_bits: b.
        coder: of `CODERS`.
    """
    flat = ranks.reshape(-1).astype(np.int64)
    first, table = table_of(coder, np.bincount(flat, minlength=1 << rank_bits))
    symbols = len(table.costs())
    head = field_bits(np.array([0, first, symbols - 1]), np.array([CHECK_BITS, rank_bits, rank_bits]))
    bits = np.concatenate([head, table.stored(), table.encode(flat - first)])
    data = np.packbits(bits, bitorder="little")
    check = field_bits(np.array([_checksum(data)]), np.array([CHECK_BITS]))
    data[: CHECK_BITS // 8] = np.packbits(check, bitorder="little")
    return BitStream(len(bits), data.tobytes())


def open_stream(stream: BitStream, rank_bits: int, coder: str, count: int) -> tuple[int, HuffmanTable | RansTable, int]:
    """The first rank, the table and the first bit of the codes of a stream, its checksum compared.

    Raises:
        KernelError: the stream is damaged, or too short for so many weights.
    """
    if count > WEIGHTS_A_BIT * stream.bits:
        found = f"{stream.bits} bits for {count} weights"
        raise KernelError(f"a bit stands for {WEIGHTS_A_BIT} weights at most", found, DAMAGED)
    bits = np.unpackbits(stream.array(), count=stream.bits, bitorder="little")
    reader = BitReader(bits)
    check, first, last = reader.number(CHECK_BITS), reader.number(rank_bits), reader.number(rank_bits)
    if check != _checksum(stream.array()):
        raise KernelError("an entropy-coded stream has the checksum that it states", "another", DAMAGED)
    if first + last >= 1 << rank_bits:
        raise KernelError(f"a table covers ranks below {1 << rank_bits}", f"{first + last}", DAMAGED)
    table = CODERS[coder].read(reader, last + 1)
    return first, table, stream.bits - len(reader.rest)


def decode(stream: BitStream, rank_bits: int, coder: str, count: int) -> np.ndarray:
    """The inverse of `encode`: (count,) ranks.

    Raises:
        KernelError: the stream is damaged: no layer has it.
    """
    first, table, start = open_stream(stream, rank_bits, coder, count)
    bits = np.unpackbits(stream.array(), count=stream.bits, bitorder="little")[start:]
    ranks: np.ndarray = table.decode(bits, count).astype(np.int32) + first
    if not np.array_equal(encode(ranks, rank_bits, coder).array(), stream.array()):
        raise KernelError("an entropy-coded stream has the table of its codes", "another", DAMAGED)
    return ranks


def _checksum(data: np.ndarray) -> int:
    return binascii.crc_hqx(data[CHECK_BITS // 8 :].tobytes(), 0xFFFF)
