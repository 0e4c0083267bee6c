"""Vector-quantized layers in C: a codeword for every vector, or the sum of one of each of two codebooks."""

import numpy as np

from costmodels.kernels.packing import PackedLayer, locate, unpack_layer
from explorer.deployment.device_code.forms.coded_filters import (
    CodedFilters,
    in_one_unit,
    layer_facts,
    narrowed,
    numbers_of,
    stream_of,
)

__all__ = ["vector_filters"]


def vector_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a vector-quantized layer: (first*alpha + second*beta) less the lowest bits."""
    arrays, located, shape = unpack_layer(packed), locate(packed), packed.shape
    words = numbers_of(located["codebook"], arrays["codebook"])
    index = arrays["index"].astype(np.int64)  # (M, n, S)
    chosen = [words.values[book][of_vectors] for book, of_vectors in enumerate(index)]
    units = words.unit * (arrays["scales"].astype(np.float64) if "scales" in arrays else np.ones(len(index)))
    alpha, beta, unit, total = 1, 0, float(units[0]), chosen[0]
    if len(chosen) == 2:
        alpha, beta, unit = in_one_unit(chosen[0], chosen[1], float(units[0]), float(units[1]))
        total = chosen[0] * alpha + chosen[1] * beta
    filters, shift = narrowed(total.reshape(shape.weight_shape), largest_input)
    facts = {
        "codebook": words.fact,
        "codewords": arrays["codebook"].shape[1],
        "codebooks": len(index),
        "alpha": alpha,
        "beta": beta,
        "index": stream_of(located["index"]),
        "index_start": located["index"].start,
        "index_width": located["index"].field.values.width,
        "filters": shape.out_channels,
        "segments": index.shape[2],
        **layer_facts(filters, shift),
    }
    return CodedFilters("vectors", facts, filters, np.full(shape.out_channels, unit * 2.0**shift))
