"""The one formula of flash: every stored part in whole bytes.

A part is what lies in memory by itself: a storage component of a layer, the biases and folded normalizations of its
output channels, a codebook that layers share, a constant that an operation which is no layer reads. Layers, columns of
candidates, networks, bounds and packed files are all sized by `flash_bytes`.
"""

from collections.abc import Iterable, Mapping

from costmodels.bias_values import bias_storage_bits
from costmodels.conventions import FLOAT_BITS
from costmodels.layer_spec import LayerSpec
from costmodels.numbers import Count
from costmodels.schemes.base import Scheme
from costmodels.units import bytes_of_bits

__all__ = ["channel_bits", "flash_bytes", "layer_flash_bytes"]


def flash_bytes(parts: Iterable[Count]) -> Count:
    """Flash of stored parts, each padded to whole bytes.

    Args:
        parts: bits of each part: of one layer or network, or columns of candidates, int64 of one shape.

    Returns:
        Bytes: an int, or a column.

    >>> flash_bytes([9, 8, 0])
    3
    """
    total: Count = 0
    for bits in parts:
        total = total + bytes_of_bits(bits)
    return total


def channel_bits(layer: LayerSpec, scheme: Scheme) -> tuple[int, int]:
    """(bias, normalization) bits that a layer stores for its output channels.

    A bias, or the shift of a folded normalization, is one value per output channel, of 32 bits or of 16 with an
    exponent of 8 in common. The normalization's factor is another of 32, unless the scheme stores numbers that take it
    up: of a layer whose calls differ in what follows them no numbers can, as the calls share them. What calls have in
    common is stored once.

    Args:
        layer: the layer.
        scheme: its compressed form.
    """
    channels = layer.shape.out_channels
    stored = layer.channel_values
    has_factors = len(stored) > 1 or not scheme.takes_channel_scale
    shifts = sum(bias or normalization for bias, normalization in stored)
    factors = sum(normalization for _, normalization in stored) if has_factors else 0
    return int(bias_storage_bits(layer.bias_bits, channels)) * shifts, FLOAT_BITS * channels * factors


def layer_flash_bytes(layer: LayerSpec, scheme: Scheme, storage: Mapping[str, int]) -> int:
    """What a layer alone adds to the flash of its network.

    Args:
        layer: the layer.
        scheme: its compressed form.
        storage: its bits by component. Codebooks that the network stores once are not part of it.
    """
    return int(flash_bytes((*storage.values(), *channel_bits(layer, scheme))))
