"""Linear representation of kernels: fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import LinearRepresentation
from costmodels.shapes import ConvShape
from explorer.forms.form import Form
from explorer.forms.linear_representation import codebook, fit, layer

__all__ = ["FORM"]


def _examples(shape: ConvShape) -> Sequence[LinearRepresentation]:
    if shape.kernel_area == 1:
        return ()
    return (
        *(LinearRepresentation(5, bits, 8) for bits in (1, 6, 32)),
        *(LinearRepresentation(5, 8, bits) for bits in (1, 2, 32)),
        LinearRepresentation(300, 8, 8, "uncounted"),
        LinearRepresentation(5, 8, 8, offset=False),
    )


def _trained_examples(shape: ConvShape) -> Sequence[LinearRepresentation]:
    return LinearRepresentation(5, 6, 8), LinearRepresentation(5, 32, 32, offset=False)


FORM = Form(
    (LinearRepresentation,),
    fit.fit,
    fit.refit,
    fit.reconstruct,
    layer.LinearRepresentationLayer,
    _examples,
    _trained_examples,
    codebook.fit_shared_codebook,
)
