"""The work of a layer as its kernel does it: named amounts, counted from shape, scheme and bits.

An amount is never negative and has one meaning for all kernels; a kernel's time is a sum of amounts times seconds
(`costmodels.latency.model`). Ragged ends are counted whole where the kernels compute them whole. What a layer keeps
near the core at once (`block`) is the kernels' own rule.

Legend: as in `costmodels.schemes.base`, and P output positions in blocks of so many at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from costmodels.cost import DIRECT, SHARED_MAPS
from costmodels.latency.filters import Bank, planes_work, product_work
from costmodels.latency.mixing import mixing_work, pruned_work, sparse_work
from costmodels.latency.paths import FLOAT, PLANES, KernelPath, filter_bits, kernel_path
from costmodels.latency.pieces import far_share, spans
from costmodels.latency.templates import templates_work
from costmodels.schemes import (
    Dense,
    LayerUsage,
    LegoNet,
    LinearRepresentation,
    Pruned,
    Scheme,
    SparseBasis,
    StackedBinary,
)
from costmodels.schemes.base import FLOAT_BITS
from costmodels.shapes import ConvShape

__all__ = ["AMOUNTS", "Work", "layer_work"]

AMOUNTS: Mapping[str, str] = {
    "calls": "entries into the kernel: blocks of output positions",
    "packed_lines": "channels times bit planes packed",
    "packed_bits": "activations times bit planes packed",
    "packed_words": "words of packed planes, padding included",
    "tile_rows": "groups of 4 positions begun, for each part of the channels",
    "gathered_words": "words of windows put side by side",
    "tiles": "register tiles of 8 filters by 4 positions",
    "tile_planes": "such tiles times bit planes",
    "tile_words": "words of 8 filters against those of 4 positions",
    "combined": "sums of bit planes of weights added up",
    "padded": "values of the image padded or converted",
    "windows": "values of windows copied into columns",
    "products": "matrix products called",
    "vector_products": "those of one row or one column",
    "product_macs": "multiply-accumulates of matrix products, tiles of 8 by 4 counted whole",
    "vector_macs": "multiply-accumulates of products with one row or one column",
    "columns": "values of columns that matrix products arrange",
    "panels": "weights that each matrix product arranges",
    "decoded": "codes read from their stream as floats",
    "rebuilt": "weights put in place, or converted, for each image",
    "repeated": "weights of a bank copied for each segment",
    "dense_entries": "coefficients read from their stream",
    "bitmap_entries": "values found by their bitmap",
    "index_entries": "values read with their positions",
    "mix_lines": "passes of four entries over a line of maps",
    "mixed": "values of such passes",
    "far": "values of maps that are read from beyond 1 MiB",
    "far_sums": "rows of sums held beyond 1 MiB",
    "far_weights": "float weights made or read beyond 1 MiB",
    "far_written": "output values written beyond 1 MiB",
    "merge_lines": "maps added to a line of output",
    "merged": "values of such maps",
    "map_rows": "rows of 64 places of template maps",
    "map_tiles": "register tiles of up to 4 such rows, or of 4 filters under their b",
    "filters_begun": "filters begun, for each tile of output lines",
    "stored_lines": "pieces of output lines stored",
    "template_rows": "such rows under one window element of a template",
    "added_rows": "such rows added under their a, or under their b in convolve-then-add",
    "box_rows": "such rows added under their b in add-then-convolve, which filters share",
    "sum_rows": "such rows of sums begun",
    "result_rows": "such rows of a filter's results, for each column of a kernel",
    "scaled": "sums multiplied by the scale of their filter",
    "written": "output values",
}
"""Every amount and what one of it is."""


@dataclass(frozen=True)
class Work:
    """Amounts of work of one run. ``kernel`` is the name of `costmodels.latency.paths.KernelPath`."""

    kernel: str
    amounts: Mapping[str, float]


def layer_work(
    shape: ConvShape, scheme: Scheme, activation_bits: int, execution: str, usage: LayerUsage = LayerUsage()
) -> Work:
    """The work of a layer in one execution.

    Args:
        shape: the layer.
        scheme: its compressed form.
        activation_bits: of its input.
        execution: of the scheme's.
        usage: the counts of a fitted layer; without it the scheme's own density and the expected templates of random
            indices are taken.

    Raises:
        SchemeError: the scheme has no such execution.

    >>> work = layer_work(ConvShape(8, 64, (1, 1), (2, 2)), Dense(1, "none"), 1, "direct")
    >>> [work.amounts[name] for name in ("packed_bits", "tiles", "tile_words", "written")]
    [256, 1, 1, 32]
    """
    path = kernel_path(shape, scheme, activation_bits, execution)
    if isinstance(scheme, LinearRepresentation) and execution != DIRECT:
        amounts = templates_work(shape, scheme, activation_bits, execution)
    elif isinstance(scheme, Pruned):
        amounts = pruned_work(shape, scheme, activation_bits, path, usage)
    else:
        amounts = _banked(shape, scheme, activation_bits, path, usage)
    outputs = shape.output_elements
    scaled = outputs * path.sum_words if _is_scaled(scheme) else 0
    last = {"scaled": scaled, "written": outputs, "far_written": outputs * far_share(outputs)}
    return Work(path.kernel, {**amounts, **last})


def _banked(
    shape: ConvShape, scheme: Scheme, activation_bits: int, path: KernelPath, usage: LayerUsage
) -> dict[str, float]:
    """Filters over the input, then mixing and scaling."""
    parts, filters = shape.groups, shape.group_outputs
    if path.execution == SHARED_MAPS:
        parts = shape.in_channels // getattr(scheme, "segment_channels")
        filters = getattr(scheme, "filters")
    bank = Bank(parts, filters, shape.in_channels // parts)
    row = shape.in_channels * shape.kernel_area
    blocks = spans(shape.positions, max(parts * filters, 0 if path.arithmetic == PLANES else row))
    if path.arithmetic == PLANES:
        amounts = planes_work(shape, bank, blocks, activation_bits, _plane_filters(scheme))
    else:
        amounts = product_work(shape, bank, blocks, path, activation_bits)
        amounts |= _weights(shape, scheme, path, usage)
    if path.execution == SHARED_MAPS:
        amounts |= mixing_work(shape, scheme, path, blocks, usage)
    return amounts


def _plane_filters(scheme: Scheme) -> int:
    """Bits of the filters."""
    return scheme.weight_bits if isinstance(scheme, Dense) else getattr(scheme, "basis_bits", 1)


def _weights(shape: ConvShape, scheme: Scheme, path: KernelPath, usage: LayerUsage) -> dict[str, float]:
    """Making the filters of a product from their streams or codes, once for each image."""
    if isinstance(scheme, LinearRepresentation):
        return {"rebuilt": shape.weights, "dense_entries": shape.kernels}
    stored = shape.weights if isinstance(scheme, Dense) else _bank_weights(shape, scheme)
    if path.arithmetic != FLOAT:
        return {"rebuilt": path.product_words * stored}
    decoded = 0 if filter_bits(scheme) == FLOAT_BITS else stored
    if path.execution == SHARED_MAPS or isinstance(scheme, Dense):
        return {"decoded": decoded}
    if isinstance(scheme, SparseBasis):
        rows = shape.out_channels * (shape.group_inputs // scheme.segment_channels)
        window = scheme.segment_channels * shape.kernel_area
        return {"decoded": decoded, **sparse_work(shape, scheme, rows, [window], usage)}
    return {"decoded": decoded, "rebuilt": shape.weights}


def _bank_weights(shape: ConvShape, scheme: Scheme) -> int:
    return shape.groups * getattr(scheme, "filters") * getattr(scheme, "segment_channels") * shape.kernel_area


def _is_scaled(scheme: Scheme) -> bool:
    """Whether sums are multiplied by a scale of their filter as they are written."""
    if isinstance(scheme, (Dense, Pruned)):
        return scheme.scale != "none" and scheme.weight_bits != FLOAT_BITS
    if isinstance(scheme, (StackedBinary, LegoNet)):
        return scheme.scale == "filter"
    return isinstance(scheme, SparseBasis) and scheme.basis_scale == "layer" and scheme.basis_bits != FLOAT_BITS
