"""Activations as bit planes, channels along the bits of 64-bit words."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from costmodels.errors import KernelError
from costmodels.schemes.base import FLOAT_BITS
from costmodels.shapes import ConvShape

__all__ = ["WORD_BITS", "Planes", "check_activations", "pack_planes"]

WORD_BITS = 64
SIGN_PLANE = 7


@dataclass(frozen=True, eq=False)
class Planes:
    """Integer activations as bit planes.

    Args:
        words: (blocks, H + pads, W + pads, words, planes), uint64; the channels of a block along the bits.
        factors: (planes,), what each plane counts.
        signs: whether the values are +-1: 1 less 2 where the plane is set.
    """

    words: np.ndarray
    factors: np.ndarray
    signs: bool


def _octets(image: np.ndarray, count: int) -> np.ndarray:
    """The lowest bytes of the values, (count, c, H, W)."""
    if image.itemsize == count == 1:
        return image.view(np.uint8)[None]
    return np.stack([(image >> 8 * byte).astype(np.uint8) for byte in range(count)])


@njit(cache=True, nogil=True)
def _extent(values: np.ndarray) -> tuple[int, int, bool]:
    """The least and the greatest value, and whether one is zero."""
    lowest = highest = values[0]
    has_zero = False
    for value in values:
        lowest, highest = min(lowest, value), max(highest, value)
        has_zero |= value == 0
    return lowest, highest, has_zero


def pack_planes(image: np.ndarray, bits: int, shape: ConvShape, blocks: int) -> Planes:
    """Packs an image, its padding included.

    Args:
        image: (c, H, W) in C order, integers of ``bits`` bits: from 0 on, in two's complement, or with one bit -1
            and 1.
        bits: of a value, 1 to 16.
        shape: the layer.
        blocks: equal parts of the channels, each starting a word: groups, or the segments of each.

    Raises:
        KernelError: values have more bits.
    """
    lowest, signs = check_activations(image, bits)
    factors = np.left_shift(1, np.arange(bits))
    if lowest < 0:
        factors[-1] *= -2 if signs else -1
    (top, bottom), (left, right) = shape.pads
    channels, (height, width) = shape.in_channels // blocks, shape.input_size
    sizes = height + top + bottom, width + left + right
    words = np.zeros((blocks, *sizes, -(-channels // WORD_BITS), bits), np.uint64)
    _pack(_octets(image, -(-bits // 8)), SIGN_PLANE if signs else 0, channels, (top, left), words)
    return Planes(words, factors, signs)


def check_activations(image: np.ndarray, bits: int) -> tuple[int, bool]:
    """The least value, and whether the values are -1 and 1 in one bit.

    Args:
        image: integers of ``bits`` bits, as for `pack_planes`; any numbers at 32.
        bits: of a value.

    Raises:
        KernelError: values have more bits, or are none of integers.
    """
    if bits == FLOAT_BITS:
        return 0, False
    if image.dtype.kind not in "iub":
        remedy = "quantize the image, or pass activation_bits=32"
        raise KernelError(f"activations of {bits} bits are integers", str(image.dtype), remedy)
    lowest, highest, has_zero = (int(found) for found in _extent(image.reshape(-1)))
    if bits == 1 and lowest == -1 and highest == 1 and not has_zero:
        return lowest, True
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if lowest < 0 else (0, (1 << bits) - 1)
    if lowest < least or highest > most:
        found = f"{lowest} to {highest}"
        remedy = "quantize the image, or pass more bits" + (", or -1 and 1 alone" if bits == 1 else "")
        raise KernelError(f"activations of {bits} bits are {least} to {most}", found, remedy)
    return lowest, False


@njit(cache=True, nogil=True)
def _pack(image: np.ndarray, lowest: int, channels: int, start: tuple[int, int], words: np.ndarray) -> None:
    """Eight channels to a byte and eight bytes to a word, the pixels along the inner loops.

    Args:
        image: (bytes of a value, c, H, W) uint8.
        lowest: plane of a value.
        channels: of a block.
        start: row and column of the first pixel.
        words: the result, as `Planes.words`; zeros before.
    """
    blocks, _, _, count, planes = words.shape
    height, width = image.shape[2:]
    pixels = height * width
    rows = image.reshape(image.shape[0], image.shape[1], pixels)
    octet = np.empty(pixels, np.uint8)
    packed = np.empty(pixels, np.uint64)
    for block in range(blocks):
        for word in range(count):
            for plane in range(planes):
                packed[:] = 0
                for first in range(64 * word, min(64 * word + 64, channels), 8):
                    octet[:] = 0
                    for bit in range(min(8, channels - first)):
                        _add_bit(rows[plane // 8, block * channels + first + bit], (lowest + plane) % 8, bit, octet)
                    shift = np.uint64(first % 64)
                    for pixel in range(pixels):
                        packed[pixel] |= np.uint64(octet[pixel]) << shift
                for y in range(height):
                    line = words[block, y + start[0], :, word, plane]
                    for x in range(width):
                        line[x + start[1]] = packed[y * width + x]


@njit(cache=True, nogil=True)
def _add_bit(values: np.ndarray, plane: int, bit: int, octet: np.ndarray) -> None:
    mask, value = np.uint8(1 << plane), np.uint8(1 << bit)
    for pixel in range(len(octet)):
        octet[pixel] |= value if values[pixel] & mask else np.uint8(0)
