"""The one structure behind all three papers: a bank of shared low-dimensional filters, then a sparse 1x1 mixing.

A group of n/g filters over c/g channels is cut into S segments of s channels. A bank of k filters, each s x kh x kw, is
convolved with every segment (the transform): the S*k shared maps. Each output filter mixes some of them.

- stacked binary filters: 1-bit bank, one map per (filter, segment), weight 1 or a scale;
- sparse linear combinations of a quantized basis: b-bit bank, any number of maps per (filter, segment), with
coefficients;
- linear representation: s = 1, every kernel mixes two maps, its template's and the all-ones filter's (the box sum).

Legend: as in `costmodels.schemes.base`.
"""

from costmodels.conventions import ACCUMULATOR_BITS
from costmodels.numbers import Count, ceil_log2, select
from costmodels.scales import scale_storage_bits
from costmodels.shapes import ConvShape

__all__ = [
    "bank_bits",
    "maps_bound",
    "mixing_positions",
    "quantizer_scale_bits",
    "row_scratch_bytes",
    "segments",
    "sparse_bits",
    "transform_count",
]


def segments(shape: ConvShape, segment_channels: Count) -> Count:
    """S, the segments of a group."""
    return shape.group_inputs // segment_channels


def bank_bits(shape: ConvShape, segment_channels: Count, filters: Count, bits: Count) -> Count:
    """Bits of the banks of all groups: g * b*k*s*d^2."""
    return shape.groups * bits * filters * segment_channels * shape.kernel_area


def maps_bound(shape: ConvShape, segment_channels: Count, filters: Count) -> Count:
    """g*S*k: the shared maps when every segment is convolved with the whole bank."""
    return shape.groups * segments(shape, segment_channels) * filters


def transform_count(shape: ConvShape, segment_channels: Count, maps: Count) -> Count:
    """Accumulations that compute the maps: s*d^2 for each map at each output position, or at each value that a
    transposed convolution reads.

    With all g*S*k maps this is k*c*d^2*H'W' of the formulas.
    """
    return maps * segment_channels * shape.kernel_area * shape.weight_uses


def mixing_positions(shape: ConvShape, segment_channels: Count, filters: Count) -> Count:
    """Z = n*S*k, the places where a mixing coefficient may stand."""
    return shape.out_channels * segments(shape, segment_channels) * filters


def row_scratch_bytes(shape: ConvShape, segment_channels: Count, filters: Count) -> Count:
    """Working memory of the shared maps, run group by group and one output row at a time: S*k*W' values of 32 bits.

    Derived: a map's value at a position is read only by outputs at that position, so a row of maps can be merged and
    forgotten before the next one is computed, with no operation more. The whole maps would take S*k*H'W' values.
    """
    return segments(shape, segment_channels) * filters * shape.output_size[1] * (ACCUMULATOR_BITS // 8)


def sparse_bits(
    form: str, places: Count, rows: Count, row_places: Count, nonzeros: Count, value_bits: Count
) -> tuple[Count, Count]:
    """(value bits, index bits) of sparse values in one of the three forms.

    Args:
        form: ``dense`` stores every place; ``bitmap`` one bit a place and the non-zero values; ``index`` the position
            of each non-zero in its row, and a row count.
        places: Z, all places.
        rows: number of rows.
        row_places: places of a row.
        nonzeros: values that are not zero.
        value_bits: bits of a stored value.
    """
    if form == "dense":
        return value_bits * places, 0
    if form == "bitmap":
        return value_bits * nonzeros, places
    return value_bits * nonzeros, nonzeros * ceil_log2(row_places) + rows * ceil_log2(row_places + 1)


def quantizer_scale_bits(value_bits: Count, scales: Count, scale_bits: Count) -> Count:
    """Bits of so many scales of ``scale_bits`` bits, none where the values are 32-bit floats already."""
    return select(value_bits == 32, 0, scale_storage_bits(scale_bits, scales))
