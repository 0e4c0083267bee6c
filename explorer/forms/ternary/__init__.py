"""Ternary weights: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes.ternary import Ternary
from costmodels.shapes import ConvShape
from explorer.forms.form import Form
from explorer.forms.quantizer import reconstruct_scaled
from explorer.forms.ternary import fit, layer

__all__ = ["FORM"]


def _examples(shape: ConvShape) -> Sequence[Ternary]:
    return (
        *(Ternary(packing, scale) for packing in ("base3", "two-bit") for scale in ("filter", "layer", "none")),
        *(Ternary(scale_bits=scale_bits) for scale_bits in (4, 8)),
    )


def _trained_examples(shape: ConvShape) -> Sequence[Ternary]:
    return Ternary(), Ternary(scale="layer"), Ternary(scale_bits=4)


FORM = Form((Ternary,), fit.fit, fit.refit, reconstruct_scaled, layer.TernaryLayer, _examples, _trained_examples)
