"""Vector-quantized weights: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import VectorQuantized
from costmodels.shapes import ConvShape
from explorer.forms.form import Form
from explorer.forms.vector_quantized import fit, layer

__all__ = ["FORM"]


def _examples(shape: ConvShape) -> Sequence[VectorQuantized]:
    usual = shape.kernel_area > 1 or shape.group_inputs % 4 == 0
    return (
        *(VectorQuantized(5, books, bits, 1) for books in (1, 2) for bits in (1, 4, 8, 32)),
        *(VectorQuantized(300, books, 16, 1) for books in (1, 2)),
        VectorQuantized(4, 1, 8, shape.group_inputs),
        *(VectorQuantized(6, 2, 5, 1, scale_bits) for scale_bits in (8, 4)),
        *([VectorQuantized(8)] if usual else []),
    )


def _trained_examples(shape: ConvShape) -> Sequence[VectorQuantized]:
    return VectorQuantized(8, vector_channels=1), VectorQuantized(6, 2, 6, 2), VectorQuantized(4, 2, 32, 1)


FORM = Form(
    (VectorQuantized,), fit.fit, fit.refit, fit.reconstruct, layer.VectorQuantizedLayer, _examples, _trained_examples
)
