"""Linear representation in C: a * template + b for every kernel, b brought into the unit of a times a template."""

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

__all__ = ["linear_filters"]


def linear_filters(packed: PackedLayer, largest_input: int) -> CodedFilters:
    """The filters of a layer of linear representation: (a*t*alpha + b*beta) less the lowest bits."""
    arrays, located, shape = unpack_layer(packed), locate(packed), packed.shape
    templates, a = (numbers_of(located[name], arrays[name]) for name in ("templates", "a"))
    b = numbers_of(located["b"], arrays["b"]) if "b" in arrays else None
    scales = arrays["scales"].astype(np.float64).tolist() if "scales" in arrays else [1.0, 1.0]
    products = a.values[:, :, None, None] * templates.values[arrays["index"].astype(np.int64)]
    alpha, beta, unit = 1, 0, scales[0] * a.unit * templates.unit
    if b is not None:
        alpha, beta, unit = in_one_unit(products, b.values, unit, scales[1] * b.unit)
        products = products * alpha + (b.values * beta)[:, :, None, None]
    filters, shift = narrowed(products, largest_input)
    facts = {
        "templates": templates.fact,
        "a": a.fact,
        "b": (b or a).fact,
        "has_b": int(b is not None),
        "alpha": alpha,
        "beta": beta,
        "index": stream_of(located["index"]),
        "index_start": located["index"].start,
        "index_width": located["index"].field.values.width,
        **layer_facts(filters, shift),
    }
    return CodedFilters("linear", facts, filters, np.full(shape.out_channels, unit * 2.0**shift))
