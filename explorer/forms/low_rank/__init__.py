"""Layers of low rank: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import LowRank
from costmodels.shapes import ConvShape
from explorer.forms.form import Form
from explorer.forms.low_rank import fit, layer

__all__ = ["FORM"]


def _examples(shape: ConvShape) -> Sequence[LowRank]:
    return (
        LowRank(2, 4, 3),
        LowRank(1, 1, 1),
        LowRank(3, 32, 32),
        LowRank(2, 2, 32, 4),
    )


def _trained_examples(shape: ConvShape) -> Sequence[LowRank]:
    return _examples(shape)[:2]


FORM = Form((LowRank,), fit.fit, fit.refit, fit.reconstruct, layer.LowRankLayer, _examples, _trained_examples)
