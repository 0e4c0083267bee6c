"""Palettized weights: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import Palettized
from costmodels.shapes import ConvShape
from explorer.forms.form import Form
from explorer.forms.palettized import fit, layer

__all__ = ["FORM"]


def _examples(shape: ConvShape) -> Sequence[Palettized]:
    return (
        *(Palettized(bits) for bits in (1, 2, 3, 4)),
        *(Palettized(3, scale=scale) for scale in ("layer", "none")),
        *(Palettized(2, value_bits, scale=scale) for value_bits in (16, 32) for scale in ("filter", "layer")),
        Palettized(2, 32, scale="none"),
        Palettized(2, palette_filters=3),
        Palettized(2, 8, 1, "layer"),
        *(Palettized(3, scale_bits=scale_bits) for scale_bits in (8, 4)),
    )


def _trained_examples(shape: ConvShape) -> Sequence[Palettized]:
    return Palettized(2), Palettized(3, scale="layer"), Palettized(2, 32, 4, "none")


FORM = Form((Palettized,), fit.fit, fit.refit, fit.reconstruct, layer.PalettizedLayer, _examples, _trained_examples)
