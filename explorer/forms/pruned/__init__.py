"""Pruned weights: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import Pruned
from costmodels.shapes import ConvShape
from explorer.forms.form import Form
from explorer.forms.pruned import fit, layer

__all__ = ["FORM"]


def _examples(shape: ConvShape) -> Sequence[Pruned]:
    return (
        *(Pruned(0.3, bits) for bits in (1, 2, 4, 32)),
        Pruned(0.25, 4, "index"),
        Pruned(0.5, 8, "index", "layer"),
        Pruned(0.5, 4, "bitmap", "none"),
        *(Pruned(0.3, 4, "index", scale_bits=scale_bits) for scale_bits in (4, 8)),
    )


def _trained_examples(shape: ConvShape) -> Sequence[Pruned]:
    return Pruned(0.3, 4), Pruned(0.3, 4, scale_bits=8)


FORM = Form((Pruned,), fit.fit, fit.refit, fit.reconstruct, layer.PrunedLayer, _examples, _trained_examples)
