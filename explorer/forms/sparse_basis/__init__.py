"""Sparse linear combinations of a quantized basis: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import SparseBasis
from costmodels.shapes import ConvShape
from explorer.forms.form import Form
from explorer.forms.segments import half_segment
from explorer.forms.sparse_basis import fit, layer

__all__ = ["FORM"]

_WIDTHS = ((1, 8), (2, 2), (4, 4), (8, 32), (32, 4), (32, 32), (1, 1))
"""Bits of basis and coefficients."""


def _examples(shape: ConvShape) -> Sequence[SparseBasis]:
    half, all_channels = half_segment(shape), shape.group_inputs
    return (
        *(SparseBasis(half, 4, basis_bits, 0.5, bits) for basis_bits, bits in _WIDTHS),
        SparseBasis(half, 4, 4, 0.3, 4, "index", "filter"),
        SparseBasis(all_channels, 70, 8, 0.6, 8, "dense"),
        *(SparseBasis(half, 4, 8, 0.5, bits, "dense") for bits in (1, 2)),
        SparseBasis(all_channels, 1, 8, 0.01, 8, "index"),
        *(SparseBasis(half, 4, 4, 0.5, bits, "bitmap", "filter", 4) for bits in (4, 32)),
        *(SparseBasis(half, 4, 2, 0.5, 2, scale_bits=scale_bits) for scale_bits in (4, 8)),
    )


def _trained_examples(shape: ConvShape) -> Sequence[SparseBasis]:
    return (
        SparseBasis(shape.group_inputs // 2, 6, 1, 0.5, 8),
        SparseBasis(shape.group_inputs // 3, 5, 4, 0.5, 4, "index", "filter"),
        SparseBasis(shape.group_inputs, 8, 32, 1.0, 32, "dense"),
        SparseBasis(shape.group_inputs // 3, 5, 4, 0.5, 4, "index", "filter", 8),
    )


FORM = Form((SparseBasis,), fit.fit, fit.refit, fit.reconstruct, layer.SparseBasisLayer, _examples, _trained_examples)
