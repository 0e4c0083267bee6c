"""Entropy-coded weights: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import EntropyCoded
from costmodels.shapes import ConvShape
from explorer.forms.entropy_coded import fit, layer
from explorer.forms.form import Form
from explorer.forms.quantizer import reconstruct_scaled

__all__ = ["FORM"]


def _examples(shape: ConvShape) -> Sequence[EntropyCoded]:
    return (
        EntropyCoded(),
        EntropyCoded(1.5, 4, scale="layer"),
        EntropyCoded(3.0, 6, "rans"),
        EntropyCoded(2.5, 5, scale="none"),
        EntropyCoded(8.0, 8, rate_lambda=0.01),
        *(EntropyCoded(2.0, 6, scale_bits=scale_bits) for scale_bits in (4, 8)),
    )


def _trained_examples(shape: ConvShape) -> Sequence[EntropyCoded]:
    return EntropyCoded(), EntropyCoded(2.5, 5, "rans", scale="layer")


FORM = Form(
    (EntropyCoded,), fit.fit, fit.refit, reconstruct_scaled, layer.EntropyCodedLayer, _examples, _trained_examples
)
