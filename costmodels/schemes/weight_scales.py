"""Scales of quantized weights: one for every filter, one for the layer, or none."""

from collections.abc import Iterator

from costmodels.layout import Field, scale_numbers
from costmodels.shapes import ConvShape

__all__ = ["SCALES", "quantizer_scales", "scale_fields"]

SCALES = ("filter", "layer", "none")


def quantizer_scales(scale: str, shape: ConvShape) -> int:
    """How many quantizer scales a layer stores."""
    return {"filter": shape.out_channels, "layer": 1, "none": 0}[scale]


def scale_fields(scale: str, shape: ConvShape, bits: int) -> Iterator[Field]:
    """The field of the scales, (n,) or (1,) float32 that are stored in ``bits`` bits, where there are some."""
    if scale != "none":
        yield Field("scales", "scales", (quantizer_scales(scale, shape),), scale_numbers(bits))
