"""Stacked low-dimensional filters, binary or float (LegoNet): fit and trainable layer."""

from collections.abc import Sequence

from costmodels.schemes import LegoNet, StackedBinary
from costmodels.shapes import ConvShape
from explorer.forms.form import Form
from explorer.forms.segments import half_segment
from explorer.forms.stacked import fit, layer

__all__ = ["FORM"]

_SCALES = ("none", "filter", "segment")


def _examples(shape: ConvShape) -> Sequence[StackedBinary | LegoNet]:
    half, all_channels = half_segment(shape), shape.group_inputs
    return (
        *(StackedBinary(half, 3, scale) for scale in _SCALES),
        StackedBinary(half, 5, "filter", "one-hot"),
        StackedBinary(all_channels, 1, "segment", "uncounted"),
        *(LegoNet(half, 3, scale) for scale in _SCALES),
        LegoNet(all_channels, 40),
        *(StackedBinary(half, 3, "segment", scale_bits=scale_bits) for scale_bits in (4, 8)),
        StackedBinary(half, 3, "filter", scale_bits=4),
        LegoNet(half, 3, scale_bits=8),
    )


def _trained_examples(shape: ConvShape) -> Sequence[StackedBinary | LegoNet]:
    third, half = shape.group_inputs // 3, half_segment(shape)
    return (
        StackedBinary(third, 5, "none"),
        StackedBinary(third, 5, "filter"),
        StackedBinary(half, 5, "segment"),
        LegoNet(third, 5),
        StackedBinary(half, 5, "segment", scale_bits=4),
    )


FORM = Form(
    (StackedBinary, LegoNet), fit.fit, fit.refit, fit.reconstruct, layer.StackedLayer, _examples, _trained_examples
)
