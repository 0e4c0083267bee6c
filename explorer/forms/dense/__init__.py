"""Dense weights: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import Dense
from costmodels.shapes import ConvShape
from explorer.forms.dense import fit, layer
from explorer.forms.form import Form
from explorer.forms.quantizer import reconstruct_scaled

__all__ = ["FORM"]


def _examples(shape: ConvShape) -> Sequence[Dense]:
    return *(Dense(bits) for bits in (1, 2, 3, 8, 16, 32)), Dense(4, "layer"), Dense(4, "none")


def _trained_examples(shape: ConvShape) -> Sequence[Dense]:
    return Dense(1), Dense(3, "layer")


FORM = Form((Dense,), fit.fit, reconstruct_scaled, layer.DenseLayer, _examples, _trained_examples)
