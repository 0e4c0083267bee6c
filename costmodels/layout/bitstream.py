"""Little-endian bit streams: numbers of any width, one after the other, without a gap.

Bit i of a stream is bit i % 8 (the lowest is 0) of byte i // 8. A field of w bits that starts at bit i holds its
number's lowest bit at i. The last byte is filled up with zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from costmodels.errors import KernelError
from costmodels.units import bytes_of_bits

__all__ = ["BitStream", "cut", "join", "pack_unsigned", "unpack_unsigned"]

LANES = 8
"""Fields of w bits that fill w whole bytes, whatever w is."""

BLOCK = 1 << 18
"""Numbers that are packed at once, a multiple of `LANES`; bounds the working memory."""

DAMAGED = "read the packed layer again from its source"


@dataclass(frozen=True)
class BitStream:
    """Bits with their exact number.

    Args:
        bits: how many bits count.
        data: the bytes that hold them, the bits beyond them zero.

    Raises:
        KernelError: ``data`` is too short, too long or has a bit set beyond the last that counts.
    """

    bits: int = 0
    data: bytes = b""

    def __post_init__(self) -> None:
        if not isinstance(self.data, bytes) or not isinstance(self.bits, int):
            found = f"{type(self.bits).__name__} and {type(self.data).__name__}"
            raise KernelError("a bit stream is a whole number of bits, and bytes", found, "pass both")
        if len(self.data) != bytes_of_bits(self.bits):
            found = f"{len(self.data)} bytes for {self.bits} bits"
            raise KernelError("a bit stream has as many bytes as hold its bits", found, DAMAGED)
        if self.bits % 8 and self.data[-1] >> self.bits % 8:
            raise KernelError("the bits that fill up the last byte are zero", f"byte {self.data[-1]:#04x}", DAMAGED)

    @property
    def padding_bits(self) -> int:
        """Bits that fill up the last byte."""
        return 8 * len(self.data) - self.bits

    def array(self) -> np.ndarray:
        """The bytes as a read-only array of uint8, without a copy."""
        return np.frombuffer(self.data, np.uint8)


def pack_unsigned(numbers: np.ndarray, width: int) -> BitStream:
    """Whole numbers from 0 to 2^width - 1, of any shape, in C order.

    Args:
        numbers: integers or booleans in that range; the callers see to it.
        width: 0 to 32.
    """
    flat = numbers.reshape(-1)
    packed = np.zeros((-(-flat.size // LANES), width), np.uint8)
    for start in range(0, flat.size if width else 0, BLOCK):
        part = flat[start : start + BLOCK]
        block = packed[start // LANES :][: BLOCK // LANES]
        for lane in range(LANES):
            fields = part[lane::LANES].astype(np.uint64)
            rows = block[: len(fields)]
            for byte, shift in _bytes_of_lane(lane, width):
                rows[:, byte] |= _shifted(fields, -shift).astype(np.uint8)
    bits = flat.size * width
    return BitStream(bits, packed.tobytes()[: bytes_of_bits(bits)])


def unpack_unsigned(stream: BitStream, width: int, count: int) -> np.ndarray:
    """The inverse of `pack_unsigned`: (count,) numbers in the smallest unsigned type that holds ``width`` bits.

    Raises:
        KernelError: the stream is not ``count * width`` bits long.
    """
    if stream.bits != count * width:
        found = f"{stream.bits} bits for {count} fields of {width} bits"
        raise KernelError("a stream is as long as its fields", found, DAMAGED)
    numbers = np.zeros(count, np.min_scalar_type((1 << width) - 1))
    packed = np.zeros((-(-count // LANES), width), np.uint8)
    packed.reshape(-1)[: len(stream.data)] = stream.array()
    for start in range(0, count if width else 0, BLOCK):
        part = numbers[start : start + BLOCK]
        block = packed[start // LANES :][: BLOCK // LANES]
        for lane in range(LANES):
            rows = block[: len(part[lane::LANES])]
            fields = np.zeros(len(rows), np.uint64)
            for byte, shift in _bytes_of_lane(lane, width):
                fields |= _shifted(rows[:, byte].astype(np.uint64), shift)
            part[lane::LANES] = fields & np.uint64((1 << width) - 1)
    return numbers


def join(streams: Sequence[BitStream]) -> BitStream:
    """The streams one after the other, without a gap."""
    bits = sum(stream.bits for stream in streams)
    joined = np.zeros(bytes_of_bits(bits) + 1, np.uint8)
    end = 0
    for stream in streams:
        byte, shift = divmod(end, 8)
        source = stream.array()
        joined[byte : byte + len(source)] |= source << np.uint8(shift)
        if shift:
            joined[byte + 1 : byte + 1 + len(source)] |= source >> np.uint8(8 - shift)
        end += stream.bits
    return BitStream(bits, joined.tobytes()[: bytes_of_bits(bits)])


def cut(stream: BitStream, start: int, bits: int) -> BitStream:
    """The ``bits`` bits of a stream from bit ``start`` on.

    Raises:
        KernelError: the stream ends before.
    """
    if start + bits > stream.bits:
        raise KernelError("a stream is as long as its fields", f"{stream.bits} bits for {start + bits}", DAMAGED)
    byte, shift = divmod(start, 8)
    length = bytes_of_bits(bits)
    source = np.zeros(length + 1, np.uint8)
    found = stream.array()[byte : byte + length + 1]
    source[: len(found)] = found
    part = source[:-1] >> np.uint8(shift)
    if shift:
        part |= source[1:] << np.uint8(8 - shift)
    if bits % 8:
        part[-1] &= (1 << bits % 8) - 1
    return BitStream(bits, part.tobytes())


def _bytes_of_lane(lane: int, width: int) -> list[tuple[int, int]]:
    """(byte, place of that byte's lowest bit within the field) for each byte that a field reaches into."""
    start, end = lane * width, (lane + 1) * width
    return [(byte, 8 * byte - start) for byte in range(start // 8, -(-end // 8))]


def _shifted(numbers: np.ndarray, places: int) -> np.ndarray:
    """Shifted to the left, or to the right where ``places`` is negative."""
    return numbers << np.uint64(places) if places >= 0 else numbers >> np.uint64(-places)
