"""Dense weights: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import Dense
from costmodels.shapes import ConvShape
from explorer.forms.dense import fit, layer
from explorer.forms.form import Form
from explorer.forms.quantizer import reconstruct_scaled

__all__ = ["FORM"]


def _examples(shape: ConvShape) -> Sequence[Dense]:
    return (
        *(Dense(bits) for bits in (1, 2, 3, 8, 16, 32)),
        Dense(4, "layer"),
        Dense(4, "none"),
        *(Dense(bits, scale_bits=scale_bits) for bits, scale_bits in ((1, 4), (2, 8), (32, 4))),
        Dense(3, "layer", 8),
        *(Dense(bits, scale_bits=8, zero_bits=zero_bits) for bits, zero_bits in ((1, 3), (2, 4), (8, 8))),
        Dense(4, "layer", zero_bits=4),
    )


def _trained_examples(shape: ConvShape) -> Sequence[Dense]:
    return Dense(1), Dense(3, "layer"), Dense(3, scale_bits=4), Dense(2, scale_bits=8, zero_bits=4)


FORM = Form((Dense,), fit.fit, fit.refit, reconstruct_scaled, layer.DenseLayer, _examples, _trained_examples)
