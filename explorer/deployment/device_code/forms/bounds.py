"""What the C of a compressed form takes whatever is fitted: by the form's name, before there is a layer to write."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from costmodels import ConvShape, Dense, Scheme
from costmodels.conventions import FLOAT_BITS
from costmodels.layout.fields import UNCOUNTED
from costmodels.units import bytes_of_bits
from explorer.deployment.device_code.forms.entropy_coded import LENGTHS, WORD_BYTES
from explorer.deployment.device_code.forms.sparse_basis import ENTRY_BYTES

__all__ = ["FORM_BOUNDS", "FormBound", "form_bound", "growth_bytes"]


@dataclass(frozen=True)
class FormBound:
    """The C of a form.

    Args:
        kernel: the source that decodes it, without ``filterfront_``.
        words: fields of its structure.
        has_scales: whether scales may be read while filters are decoded; else they are taken up by the multipliers.
    """

    kernel: str
    words: int
    has_scales: bool = False

    def work_bytes(self, scheme: Scheme) -> int:
        """The most scratch that decoding a filter takes in addition to the filter."""
        known: Any = scheme
        if self.kernel == "coded":
            return int(WORD_BYTES * (LENGTHS + (1 << known.weight_bits)))
        if self.kernel == "sparse_basis":
            return int(ENTRY_BYTES * known.filters)
        return 0


FORM_BOUNDS: Mapping[str, FormBound] = MappingProxyType(
    {
        "dense": FormBound("dense", 7),
        "pruned": FormBound("pruned", 14),
        "stacked-binary": FormBound("stacked", 19, has_scales=True),
        "lego-net": FormBound("stacked", 19, has_scales=True),
        "linear-representation": FormBound("linear", 21),
        "sparse-basis": FormBound("sparse_basis", 26, has_scales=True),
        "ternary": FormBound("ternary", 6),
        "palettized": FormBound("palettized", 11),
        "vector-quantized": FormBound("vectors", 16),
        "entropy-coded": FormBound("coded", 10),
        "nm-sparse": FormBound("nm_sparse", 14),
        "low-rank": FormBound("sparse_basis", 26, has_scales=True),
    }
)
"""By the form's name."""

OF_FLOATS, WITH_ZEROS = FormBound("dense_floats", 7), FormBound("dense_zeros", 12)
"""Of dense layers that are not quantized, and of those with zero points."""


def form_bound(scheme: Scheme) -> FormBound:
    """The C of a form with its parameters."""
    if getattr(scheme, "zero_width", 0):
        return WITH_ZEROS
    return OF_FLOATS if scheme == Dense(FLOAT_BITS) else FORM_BOUNDS[scheme.name]


def growth_bytes(scheme: Scheme, shape: ConvShape) -> int:
    """By how much a layer's numbers are more in the program than they are counted; negative where they are less.

    Scales that a multiplier takes up are not stored, but zero points beside them are, cut off from their stream; other
    floats have 32 bits there, however few they have; and what a scheme is asked not to count is stored all the same.

    Args:
        scheme: the compressed form.
        shape: the layer.
    """
    grown, taken_up = 0, not FORM_BOUNDS[scheme.name].has_scales
    for field in scheme.layout(shape):
        counted = 0 if field.home == UNCOUNTED else int(bytes_of_bits(field.bits))
        is_float = field.values.dtype.kind == "f"
        if field.component == "scales" and taken_up:
            grown += -counted if is_float else 1
        elif is_float:
            grown += field.count * FLOAT_BITS // 8 - counted
        else:
            grown += int(bytes_of_bits(field.bits)) - counted
    return grown
