"""Entropy-coded layers in C: the stream as it is packed, its table read once a call into scratch."""

import numpy as np

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from costmodels.layout import CodedField
from costmodels.layout.entropy.huffman import WIDTH_BITS, HuffmanTable
from costmodels.layout.entropy.streams import CHECK_BITS, open_stream
from explorer.deployment.device_code.forms.coded_filters import (
    CodedFilters,
    layer_facts,
    narrowed,
    scale_units,
    stream_of,
)

__all__ = ["entropy_coded_filters"]

WORD_BYTES, LENGTHS = 4, 16


def entropy_coded_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of an entropy-coded layer."""
    arrays, located = unpack_layer(packed), locate(packed)["weights"]
    field = located.field
    assert isinstance(field, CodedField)  # noqa: S101
    bits = field.values.width
    rank, table, codes = open_stream(located.stream, bits, field.coder, field.count)
    filters, shift = narrowed(arrays["weights"].astype(np.int64), largest_input)
    is_huffman = isinstance(table, HuffmanTable)
    symbols = len(table.costs())
    facts = {
        "stream": stream_of(located),
        "table": CHECK_BITS + 2 * bits + (WIDTH_BITS if is_huffman else 0),
        "codes": codes,
        "symbols": symbols,
        "first": rank - (1 << bits - 1),
        "is_huffman": int(is_huffman),
        "length_width": table.width if isinstance(table, HuffmanTable) else 0,
        **layer_facts(filters, shift),
    }
    words = LENGTHS + symbols if is_huffman else 1 + symbols
    return CodedFilters("coded", facts, filters, scale_units(arrays, filters, 2.0**shift), WORD_BYTES * words)
