"""What decoding the filters of a layer takes, as amounts, and how wide the decoded filters are likely to be."""

from math import ceil
from typing import Any

from costmodels import ConvShape, LayerUsage, Scheme

__all__ = ["decoding_amounts", "likely_width", "variant"]

WIDE = 16
PART = 32
"""Values of a filter that a sparse basis sums up at once."""

EVEN_WIDTHS = {1: 1, 2: 2, 3: 4, 4: 4}
"""Of codes of so many bits, as they are multiplied; up to 8 bits more have 8."""


def decoding_amounts(shape: ConvShape, scheme: Scheme, usage: LayerUsage) -> dict[str, float]:
    """Amounts of decoding every filter of a layer once.

    Args:
        shape: the layer.
        scheme: its compressed form.
        usage: counts of the fitted layer; those that are not known are as the scheme's parameters have them.

    Returns:
        ``filters``; their ``weights``, and the ``rows`` in which these are written; ``entries`` that are read to make
        them, of ``places`` that are looked at; ``products`` of which they are summed up; and ``bits`` of what is read.
    """
    known: Any = scheme
    filters, weights = float(shape.out_channels), float(shape.weights)
    rows = filters * (shape.group_inputs if shape.kernel_area > 1 else 1)
    amounts = {"layers": 1.0, "filters": filters, "weights": weights, "rows": rows}
    if scheme.name in ("dense", "palettized", "ternary"):
        width = known.weight_bits if scheme.name == "dense" else getattr(known, "bits", 2)
        return {**amounts, "bits": weights * width}
    if scheme.name == "pruned":
        kept = _kept(usage, known.density * weights)
        return {**amounts, "entries": kept, "bits": kept * known.weight_bits}
    if scheme.name == "nm-sparse":
        kept = weights * known.kept / known.group
        return {**amounts, "entries": weights / known.group, "bits": kept * known.weight_bits}
    if scheme.name in ("stacked-binary", "lego-net"):
        segments = shape.group_inputs // known.segment_channels
        lines = filters * segments * (known.segment_channels if shape.kernel_area > 1 else 1)
        return {**amounts, "entries": filters * segments, "rows": lines}
    if scheme.name == "linear-representation":
        return {**amounts, "entries": filters * shape.group_inputs, "bits": weights * known.template_bits}
    if scheme.name == "vector-quantized":
        segments = float(known.segments(shape))
        lines = filters * segments * (shape.group_inputs / segments if shape.kernel_area > 1 else 1)
        entries = filters * known.codebooks * segments
        return {**amounts, "entries": entries, "rows": lines, "bits": weights * known.value_bits}
    if scheme.name == "entropy-coded":
        return {**amounts, "entries": float(usage.coded_bits or known.bits_per_weight * weights)}
    return {**amounts, **_of_bank(shape, known, usage)}


def _of_bank(shape: ConvShape, known: Any, usage: LayerUsage) -> dict[str, float]:
    """Of a sparse basis, or of low rank, which is one of a single segment without zeros."""
    channels = shape.group_inputs if known.name == "low-rank" else known.segment_channels
    segments = shape.out_channels * shape.group_inputs / channels
    places = segments * known.filters
    entries = places if known.name == "low-rank" else _kept(usage, known.density * places)
    products = entries * channels * shape.kernel_area
    read = entries * known.coefficient_bits + products * known.basis_bits
    parts = ceil(channels * shape.kernel_area / PART)
    summed = {"products": products, "parts": segments * parts, "entries by part": entries * parts}
    return {"segments": segments, "places": places, "entries": entries, "bits": read, **summed}


def _kept(usage: LayerUsage, expected: float) -> float:
    return float(expected if usage.nonzeros is None else usage.nonzeros)


def variant(scheme: Scheme) -> str:
    """The form with the parameters that choose another way to read it."""
    known: Any = scheme
    if scheme.name == "dense":
        are_bytes = known.weight_bits == 8 and not known.zero_width
        return f"dense {'floats' if known.weight_bits > WIDE else 'bytes' if are_bytes else 'codes'}"
    if scheme.name == "pruned":
        return f"pruned {known.coefficients}"
    if scheme.name in ("sparse-basis", "low-rank"):
        many = "whole" if known.basis_bits in (1, 2, 4, 8) else "other"
        return f"{scheme.name} {getattr(known, 'coefficients', 'dense')}, {many} bytes"
    if scheme.name in ("stacked-binary", "lego-net"):
        return f"{scheme.name} {'scaled' if known.scale == 'segment' else 'plain'}"
    if scheme.name == "ternary":
        return f"ternary {known.packing}"
    if scheme.name == "vector-quantized":
        return f"vector-quantized {known.codebooks}"
    if scheme.name == "nm-sparse":
        return f"nm-sparse {known.pattern}, {known.index}"
    if scheme.name == "entropy-coded":
        return f"entropy-coded {known.coder}"
    return scheme.name


def likely_width(scheme: Scheme) -> int:
    """Bits of a decoded weight, as far as the scheme's parameters tell: 1, 2, 4, 8 or 16."""
    known: Any = scheme
    if scheme.name == "dense":
        return _width(known.filter_bits)
    if scheme.name in ("pruned", "nm-sparse"):  # zeros are among the codes, which are odd up to 2 bits
        return {1: 2, 2: 4}.get(known.weight_bits) or _width(known.weight_bits)
    if scheme.name == "ternary":
        return 2
    if scheme.name == "entropy-coded":  # about four times as many levels as its bits could name
        return _width(min(known.weight_bits, ceil(known.bits_per_weight) + 2))
    if scheme.name == "palettized" or (scheme.name == "vector-quantized" and known.codebooks == 1):
        return _width(known.value_bits)
    if scheme.name == "stacked-binary":
        return WIDE if known.scale == "segment" else 1
    return WIDE


def _width(bits: int) -> int:
    return EVEN_WIDTHS.get(bits, 8 if bits <= 8 else WIDE)
