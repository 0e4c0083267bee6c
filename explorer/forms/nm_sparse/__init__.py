"""N:M sparse weights: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import NMSparse
from costmodels.shapes import ConvShape
from explorer.forms.form import Form
from explorer.forms.nm_sparse import fit, layer

__all__ = ["FORM"]


def _examples(shape: ConvShape) -> Sequence[NMSparse]:
    group = next(size for size in (4, 3, 2, 1) if shape.group_inputs % size == 0)
    half, one = f"{-(-group // 2)}:{group}", f"1:{group}"
    return (
        NMSparse(half, 4),
        NMSparse(one, 1, "places"),
        NMSparse(half, 32, "places"),
        NMSparse(half, 2, scale="layer", scale_bits=4),
        NMSparse(one, 4, scale="none"),
    )


def _trained_examples(shape: ConvShape) -> Sequence[NMSparse]:
    return _examples(shape)[:2]


FORM = Form((NMSparse,), fit.fit, fit.refit, fit.reconstruct, layer.NMSparseLayer, _examples, _trained_examples)
